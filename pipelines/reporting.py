"""``andon report``: gather what the stores hold, and write the report."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from andon.errors import ConfigError
from andon.ports import Documents, Signals
from andon.records import Anomaly
from andon.reports.anomalies import AnomalyReport, Trace, write_anomaly_workbook
from configs.periods import format_time

TRACES = 4
"""Charts of reading and forecast in one report: the most anomalous variables."""


def report_anomalies(
    documents: Documents,
    signals: Signals,
    *,
    line: str | None,
    monitor: str | None,
    start: datetime | None,
    end: datetime | None,
    out: Path,
    at: datetime,
) -> dict[str, Any]:
    """Write the anomaly report, and note it in the report log.

    The default period is the newest 24 hours of the data.

    Raises
    ------
    ConfigError
        If there is no data to tell the period from.
    """
    if end is None:
        lasts = [stored.last for name in signals.list_lines() if (stored := signals.describe_line(name)) is not None]
        if not lasts:
            raise ConfigError("--end", "cannot be told from the data, as there is none", "import some, or give --end")
        end = max(lasts) + timedelta(microseconds=1)
    start = start or end - timedelta(days=1)
    if start >= end:
        raise ConfigError(
            "--start, --end", f"{format_time(start)} is not before {format_time(end)}", "give a later end"
        )
    anomalies = documents.list_anomalies(line=line, monitor=monitor, start=start, end=end)
    alerts = documents.list_alerts(line=line, start=start, end=end)
    skips = documents.list_skips(line=line, start=start, end=end)
    report = AnomalyReport(start, end, anomalies, alerts, skips, _traces(anomalies, signals, start, end))
    write_anomaly_workbook(report, out)
    documents.log_report("anomalies", start, end, str(out.absolute()), at)
    return {
        "out": str(out),
        "start": format_time(start),
        "end": format_time(end),
        "anomalies": len(anomalies),
        "alerts": len(alerts),
        "not_evaluated": len(skips),
    }


def _traces(anomalies: list[Anomaly], signals: Signals, start: datetime, end: datetime) -> list[Trace]:
    most = Counter((one.line, one.monitor, one.variable) for one in anomalies if one.variable).most_common(TRACES)
    traces = []
    for (line, monitor, variable), _ in most:
        frame = signals.read_signals(line, [str(variable)], start, end)
        forecasts = signals.read_forecasts(line, monitor, start, end).filter(pl.col("variable") == variable)
        joined = frame.data.tail(1500).join(forecasts.select("time", "expected"), on="time", how="left")
        traces.append(
            Trace(
                line,
                str(variable),
                [moment.astimezone(UTC) for moment in joined["time"].to_list()],
                joined[str(variable)].fill_null(np.nan).to_numpy(),
                joined["expected"].fill_null(np.nan).to_numpy(),
            )
        )
    return traces
