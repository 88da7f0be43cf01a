"""What the demo's day showed: alerts against the faults injected, forecasts against persistence, and plots."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from andon.evaluation.metrics import rmse
from andon.evaluation.occurrences import foresight
from andon.ports import Documents, Signals
from andon.reports.plots import plot_alert, plot_monitor
from andon.simulate import SimulatedLine
from configs.definitions import Alert, Monitor
from configs.durations import format_duration
from configs.settings import Settings

HORIZON = timedelta(minutes=30)
PLOTTED = 4
"""Variables in a monitor's plot: those with the most anomalies."""


def alert_rows(
    documents: Documents, lines: Sequence[SimulatedLine], start: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Compare the alerts raised in ``[start, end)`` with the faults that began in it."""
    rows = []
    for line in lines:
        onsets = [fault.onset for fault in line.faults if start <= fault.onset < end]
        for stored in documents.list_definitions("Alert"):
            definition = Alert.model_validate(stored.body)
            if line.name not in (definition.lines.names or (line.name,)):
                continue
            raised = documents.list_alerts(line=line.name, definition=definition.name, start=start, end=end)
            found = foresight([(one.opened_at, one.resolved_at) for one in raised], onsets, HORIZON)
            rows.append(
                {
                    "line": line.name,
                    "alert": definition.name,
                    "type": definition.type,
                    "faults": found.events,
                    "foreseen": found.foreseen,
                    "recall": found.recall,
                    "raised": found.alerts,
                    "precision": found.precision,
                    "median_lead": None if found.median_lead is None else format_duration(found.median_lead),
                }
            )
    return rows


def monitor_rows(documents: Documents, signals: Signals, start: datetime, end: datetime) -> list[dict[str, Any]]:
    """Compare the forecasts stored for ``[start, end)`` with the readings at those same times, and with "as before"."""
    rows = []
    for stored in documents.list_definitions("Monitor"):
        monitor = Monitor.model_validate(stored.body)
        for line in signals.list_lines():
            forecasts = signals.read_forecasts(line, monitor.name, start, end)
            if not forecasts.height:
                continue
            readings = signals.read_signals(line, None, start - timedelta(hours=1), end)
            ratios = {}
            for (variable,), of_variable in forecasts.group_by("variable"):
                known = readings.data.select("time", actual=str(variable)).with_columns(
                    before=pl.col("actual").forward_fill().shift(1)
                )
                both = of_variable.join(known, on="time").drop_nulls(["actual", "before", "expected"])
                actual = both["actual"].to_numpy()
                usual = rmse(actual, both["before"].to_numpy())
                if both.height > 10 and usual > 0:
                    ratios[str(variable)] = rmse(actual, both["expected"].to_numpy()) / usual
            if ratios:
                best, worst = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
                rows.append(
                    {
                        "line": line,
                        "monitor": monitor.name,
                        "variables": len(ratios),
                        "ratio": statistics.median(ratios.values()),
                        "best": f"{best} {ratios[best]:.2f}",
                        "worst": f"{worst} {ratios[worst]:.2f}",
                        "anomalies": len(documents.list_anomalies(line, monitor.name, start, end)),
                    }
                )
    return rows


def draw_plots(
    settings: Settings, lines: Sequence[SimulatedLine], start: datetime, end: datetime, folder: Path
) -> list[Path]:
    """Plot each classifier alert's score and each monitor's forecasts over ``[start, end)``."""
    from andon.models.bundle import AlertBundle, MonitorBundle, read_bundle
    from andon.scoring import score_alert, score_monitor
    from andon.services.reading import read_with_context
    from andon.stores import open_documents, open_models, open_signals

    documents, signals, models = (
        open_documents(settings.documents),
        open_signals(settings.signals),
        open_models(settings.models),
    )
    paths = []
    for line in lines:
        for key in models.list_models():
            champion = models.champion(key) if key.line == line.name else None
            if champion is None:
                continue
            bundle = read_bundle(Path(champion.path))
            path = folder / f"{line.name}-{key.definition}.png"
            if isinstance(bundle, AlertBundle):
                span = bundle.features.longest + bundle.features.stride
                frame = read_with_context(signals, line.name, start, end, span=span)
                scores = score_alert(bundle, frame, start)
                raised = documents.list_alerts(line=line.name, definition=key.definition, start=start, end=end)
                plot_alert(
                    path,
                    f"{line.name}: {key.definition}",
                    frame.between(start, end).data["time"].to_list(),
                    scores.score,
                    scores.threshold,
                    [(fault.onset, fault.end) for fault in line.faults if start <= fault.onset < end],
                    [one.opened_at for one in raised],
                )
            elif isinstance(bundle, MonitorBundle):
                frame = read_with_context(signals, line.name, start, end, rows=bundle.rows_needed)
                judged = score_monitor(bundle, frame, start)
                most = np.argsort(-judged.flags.sum(axis=0), kind="stable")[:PLOTTED]
                plot_monitor(
                    path,
                    f"{line.name}: {key.definition}, the variables with the most anomalies",
                    frame.between(start, end).data["time"].to_list(),
                    [
                        (judged.variables[i], judged.actual[:, i], judged.expected[:, i], judged.flags[:, i])
                        for i in most.tolist()
                    ],
                )
            paths.append(path)
    return paths
