"""The page of those who call the API and keep it up: how many, how fast, how many fail."""

from __future__ import annotations

from cluster.monitoring.panels import Dashboard, Panel

SPEED = "histogram_quantile({q}, sum by (le, route) (rate(andon_request_seconds_bucket[5m])))"

SERVING = Dashboard(
    "andon-serving",
    "Andon: serving",
    "For those who call the API and who keep it up: how many, how fast, how many fail.",
    (
        Panel(
            "Requests a second",
            "By route and status.",
            (("sum by (route, status) (rate(andon_requests_total[5m]))", "{{route}} {{status}}"),),
            unit="reqps",
        ),
        Panel(
            "Half are faster",
            "Median of a request, from its head to its answer, within a replica.",
            ((SPEED.format(q="0.5"), "{{route}}"),),
            unit="s",
        ),
        Panel(
            "One in a hundred is slower",
            "99th percentile, within a replica.",
            ((SPEED.format(q="0.99"), "{{route}}"),),
            unit="s",
        ),
        Panel(
            "Requests that failed",
            "Share answered with a status of 500 or above.",
            (
                (
                    'sum(rate(andon_requests_total{status=~"5.."}[5m]) or vector(0))'
                    " / sum(rate(andon_requests_total[5m]))",
                    "",
                ),
            ),
            unit="percentunit",
        ),
        Panel(
            "Requests not taken on",
            "Refused at once since too many are under way, or too large.",
            (("sum by (reason) (rate(andon_rejected_requests_total[5m]))", "{{reason}}"),),
            unit="reqps",
            empty_when="none was refused",
        ),
        Panel(
            "Requests under way",
            "In work and waiting, by replica.",
            (("andon_ongoing_requests", "{{replica}}"),),
        ),
        Panel(
            "Replicas that are well",
            "As Serve counts them.",
            (("sum by (deployment) (ray_serve_deployment_replica_healthy)", "{{deployment}}"),),
        ),
        Panel(
            "Models in memory",
            "By kind and replica.",
            (("andon_resident_models", "{{kind}} {{replica}}"),),
        ),
        Panel(
            "Age of models",
            "Since the newest row that a model has learnt: the oldest of each kind.",
            (('max by (kind) (andon_model_age_seconds{of="oldest"})', "{{kind}}"),),
            unit="s",
            empty_when="no model is in memory",
        ),
        Panel(
            "Models that could not be loaded",
            "Their lines are answered by what was there before.",
            (("max(andon_failed_models)", ""),),
            kind="stat",
        ),
        Panel(
            "Lines that wait for a model",
            "While replicas start.",
            (("max(andon_loading_lines)", ""),),
            kind="stat",
        ),
        Panel(
            "Since champions were looked at",
            "A replica looks every second.",
            (("time() - min(andon_refresh_timestamp_seconds)", ""),),
            unit="s",
            kind="stat",
        ),
    ),
)
