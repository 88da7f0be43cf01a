"""Signals and a model in, predictions, forecasts and anomalies out."""

from andon.scoring.alerts import AlertScores, score_alert
from andon.scoring.monitors import MonitorScores, anomalies_at, forecast_next, score_monitor

__all__ = ["AlertScores", "MonitorScores", "anomalies_at", "forecast_next", "score_alert", "score_monitor"]
