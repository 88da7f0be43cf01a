"""``andon report monitor``: gather what a champion says of its lines, and write a page a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from andon.errors import ConfigError, DataError, ModelError
from andon.frames import MICROSECOND, from_microseconds, to_microseconds
from andon.models.bundle import read_bundle
from andon.models.monitors.bundle import MonitorBundle
from andon.ports import Documents, Models, Signals
from andon.reports.monitor import write_monitor_page
from andon.reports.monitor_figures import MonitorPage, detection, spells
from andon.scoring import score_monitor
from andon.services.reading import read_with_context
from andon.services.watching import Cache, champion_of, is_for, read_watching
from configs.definitions import Line, Monitor
from configs.expressions import did_you_mean
from configs.periods import format_time
from pipelines.backtests.labels import labels_of

FEWEST_NEW = 100
"""Rows that a champion has not read, from which on they alone are shown by default."""


@dataclass(frozen=True, slots=True)
class MonitorReport:
    """What to report: a monitor, on ``lines`` (empty: all that it has a champion on), over ``[start, end)``."""

    monitor: str
    lines: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    labels: str | None
    out: Path

    def page_of(self, line: str) -> Path:
        """Return where the page of a line goes."""
        return self.out if self.out.suffix == ".html" else self.out / f"{line}.html"


def report_monitor(
    report: MonitorReport, documents: Documents, signals: Signals, models: Models, at: datetime
) -> list[dict[str, Any]]:
    """Write a page for each line, note them in the report log, and return a summary of each.

    The default period is what the champion has not read, or, where that is less than `FEWEST_NEW` rows, the last fifth
    of what is stored. A line that cannot be reported has a ``note`` that says why.

    Raises
    ------
    ConfigError
        If the monitor is not defined, is not for a line that is asked for, or several lines would go into one file.
    DataError
        If no line could be reported.
    """
    watching = read_watching(documents, Cache())
    monitors = {one.name: one for one in watching.definitions if isinstance(one, Monitor)}
    definition = monitors.get(report.monitor)
    if definition is None:
        raise ConfigError(f"monitor {report.monitor}", "is not defined", did_you_mean(report.monitor, monitors))
    lines = _lines(report, definition, watching.lines, signals)
    summaries = []
    for line in lines:
        try:
            page = _page(report, definition, line, watching.lines.get(line), signals, models)
            path = report.page_of(line)
            pictures = write_monitor_page(page, path, at)
            start, end = page.times[0], page.times[-1]
            documents.log_report("monitor", start, end + MICROSECOND, str(path.absolute()), at)
            summaries.append({"line": line, "out": str(path), "pictures": len(pictures), **_summary(page), "note": ""})
        except (DataError, ModelError) as error:
            summaries.append({"line": line, "out": None, "note": str(error)})
    if all(one["out"] is None for one in summaries):
        raise DataError(
            f"report of {report.monitor}", f"no line could be reported: {summaries[0]['note']}", "see above"
        )
    return summaries


def _lines(report: MonitorReport, definition: Monitor, declared: dict[str, Line], signals: Signals) -> Sequence[str]:
    known = sorted(line for line in {*declared, *signals.list_lines()} if is_for(definition, line, declared.get(line)))
    for line in report.lines:
        if line not in known:
            raise ConfigError(f"line {line}", f"is not watched by monitor {definition.name}", did_you_mean(line, known))
    lines = list(dict.fromkeys(report.lines)) or known
    if not lines:
        raise ConfigError(f"monitor {definition.name}", "is for no line that there is", "import data or apply a line")
    if len(lines) > 1 and report.out.suffix == ".html":
        raise ConfigError(f"--out {report.out}", f"is one file for {len(lines)} lines", "give a folder, or one --line")
    return lines


def _page(
    report: MonitorReport, definition: Monitor, line: str, declared: Line | None, signals: Signals, models: Models
) -> MonitorPage:
    place = f"{definition.name} on {line}"
    found = champion_of(definition, line, models)
    champion = models.get(*found) if found else None
    if champion is None:
        raise ModelError(place, "has no champion", f"run `andon train --monitor {definition.name}`")
    bundle = read_bundle(Path(champion.path))
    if not isinstance(bundle, MonitorBundle):
        raise ModelError(place, "is an alert's model", "train it under another name")
    start = report.start or _default_start(bundle, line, report.end, signals)
    frame = read_with_context(signals, line, start, report.end, rows=bundle.rows_needed, declared=declared)
    scores = score_monitor(bundle, frame, start)
    if not len(scores):
        raise DataError(place, f"has no rows from {format_time(start)} on", "give another period")
    units = {} if declared is None else {one.name: one.unit for one in declared.variables if one.unit}
    labels = None if report.labels is None else labels_of(frame, report.labels)[len(frame) - len(scores) :]
    return MonitorPage(line, bundle, champion.version, scores, labels, report.labels or "", units)


def _default_start(bundle: MonitorBundle, line: str, end: datetime | None, signals: Signals) -> datetime:
    stored = signals.describe_line(line)
    if stored is None:
        raise DataError(f"line {line}", "has no readings", "import some")
    new = signals.read_signals(line, list(bundle.variables[:1]), bundle.card.data_end, end)
    if len(new) >= FEWEST_NEW:
        return bundle.card.data_end
    last = to_microseconds(stored.last if end is None else min(stored.last, end))
    first = to_microseconds(stored.first)
    return from_microseconds(first + (last - first) * 4 // 5)


def _summary(page: MonitorPage) -> dict[str, Any]:
    judged = ~np.isnan(page.scores.line_score)
    found = detection(page)
    return {
        "start": format_time(page.times[0]),
        "end": format_time(page.times[-1]),
        "rows": len(judged),
        "flagged": int(page.scores.line_flag.sum()),
        "spells": len(spells(page)),
        "detection": None if found is None else found.to_json(),
    }
