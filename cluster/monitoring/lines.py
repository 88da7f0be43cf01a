"""The page of people who watch lines: what stands, what was said, what says nothing."""

from __future__ import annotations

from cluster.monitoring.panels import Dashboard, Panel

LINES = Dashboard(
    "andon-lines",
    "Andon: lines and alerts",
    "For those who watch lines: what stands, what was said, what says nothing.",
    (
        Panel("Lines", "Lines that an alert or a monitor watches.", (("andon_lines", ""),), kind="stat", width=4),
        Panel(
            "Silent lines",
            "Lines whose newest reading is older than ten of their sampling steps.",
            (
                (
                    "count(andon_line_reading_age_seconds > 10 * andon_line_sampling_seconds) or vector(0)",
                    "",
                ),
            ),
            kind="stat",
            width=4,
        ),
        Panel(
            "Alerts that stand",
            "Opened and not yet resolved.",
            (("sum(andon_alerts_open) or vector(0)", ""),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Alerts within a day",
            "Opened in the last 24 hours.",
            (("sum(andon_alerts_opened_1d) or vector(0)", ""),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Anomalies within a day",
            "Found by monitors in the last 24 hours.",
            (("sum(andon_anomalies_1d) or vector(0)", ""),),
            kind="stat",
            width=4,
        ),
        Panel(
            "Furthest behind",
            "Newest reading after the last one judged, of the line that waits longest.",
            (("max(andon_line_lag_seconds)", ""),),
            unit="s",
            kind="stat",
            width=4,
        ),
        Panel(
            "Alerts by state",
            "What stands, by what people have done about it.",
            (("sum by (state) (andon_alerts_open)", "{{state}}"),),
            empty_when="no alert stands",
        ),
        Panel(
            "Alerts by definition",
            "What stands, by what raises it.",
            (("sum by (definition) (andon_alerts_open)", "{{definition}}"),),
            empty_when="no alert stands",
        ),
        Panel(
            "Anomalies by monitor",
            "Of the last 24 hours.",
            (("sum by (monitor, severity) (andon_anomalies_1d)", "{{monitor}} {{severity}}"),),
            empty_when="there was no anomaly",
        ),
        Panel(
            "Age of the newest reading",
            "The twenty lines that have said nothing longest.",
            (("topk(20, andon_line_reading_age_seconds)", "{{line}}"),),
            unit="s",
            kind="bargauge",
            width=12,
        ),
        Panel(
            "How far the assistant is behind",
            "The twenty lines of which it has most to judge.",
            (("topk(20, andon_line_lag_seconds)", "{{line}}"),),
            unit="s",
            kind="bargauge",
            width=12,
        ),
        Panel(
            "What could not be evaluated",
            "Skips of the last 24 hours: too few rows, no champion, a damaged model.",
            (("sum by (definition) (andon_skips_1d)", "{{definition}}"),),
            empty_when="everything could be evaluated",
        ),
        Panel(
            "Verdicts",
            "What people answered within a day.",
            (("sum by (verdict) (andon_feedback_1d)", "{{verdict}}"),),
            empty_when="nobody answered",
        ),
        Panel(
            "Messages",
            "E-mail and webhooks: those that wait, and those of a day that were sent or given up.",
            (("sum by (channel, state) (andon_messages)", "{{channel}} {{state}}"),),
            empty_when="no route tells anybody",
        ),
    ),
)
