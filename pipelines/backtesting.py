"""``andon backtest``: what would have been said at each reading time, with the champion."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from andon.errors import ConfigError, DataError, ModelError
from andon.frames import TIME, SignalFrame, to_microseconds
from andon.ports import Documents, Models, Signals
from andon.records import PublishedModel
from andon.services.reading import read_with_context
from andon.services.watching import champion_of
from configs.definitions import Alert, Monitor
from configs.settings import Settings
from pipelines.moments import parse_time
from pipelines.selecting import family_lines, stored_lines

if TYPE_CHECKING:
    from pipelines.terminal import Terminal

SCHEMA = {
    "time": TIME,
    "line": pl.String,
    "name": pl.String,
    "variable": pl.String,
    "score": pl.Float64,
    "threshold": pl.Float64,
    "expected": pl.Float64,
    "actual": pl.Float64,
    "flag": pl.Boolean,
}
"""Columns of a back-test file; ``flag`` is never null, ``variable`` is null for an alert and for a line's own row."""


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What to back-test, from ``start`` (included) to ``end`` (excluded); None: all that is stored."""

    lines: tuple[str, ...]
    family: str | None
    alert: str | None
    monitor: str | None
    start: datetime | None
    end: datetime | None
    out: Path

    @classmethod
    def of(
        cls,
        *,
        lines: tuple[str, ...],
        family: str | None,
        alert: str | None,
        monitor: str | None,
        start: str | None,
        end: str | None,
        out: Path,
    ) -> BacktestRequest:
        """Read the arguments of the command.

        Raises
        ------
        ConfigError
            If not exactly one of lines and family, and one of alert and monitor, is given, or a time cannot be read.
        """
        if bool(lines) == (family is not None):
            raise ConfigError("--line, --family", "give either lines or a family", "for example --family presses")
        if (alert is None) == (monitor is None):
            raise ConfigError("--alert, --monitor", "give either an alert or a monitor", "for example --alert jam-soon")
        if out.suffix != ".parquet":
            raise ConfigError(f"--out {out}", "is not a Parquet file's name", "end it with .parquet")
        times = [parse_time(option, text) for option, text in (("--start", start), ("--end", end))]
        if times[0] and times[1] and times[0] >= times[1]:
            raise ConfigError("--start, --end", f"{start} is not before {end}", "give a later end")
        return cls(lines, family, alert, monitor, times[0], times[1], out)


def run_backtest(settings: Settings, request: BacktestRequest, terminal: Terminal) -> dict[str, Any]:
    """Write the back-test file, and return a summary a line.

    Raises
    ------
    ConfigError
        If something asked for is not known or has no champion yet.
    DataError
        If no line could be back-tested.
    """
    from andon.stores import open_documents, open_models, open_signals

    documents, signals, models = (
        open_documents(settings.documents),
        open_signals(settings.signals),
        open_models(settings.models),
    )
    kind, name = ("Alert", request.alert) if request.alert else ("Monitor", request.monitor)
    stored = documents.get_definition(kind, str(name))
    if stored is None:
        known = ", ".join(one.name for one in documents.list_definitions(kind)) or "none applied yet"
        raise ConfigError(f"{kind.lower()} {name}", "is not defined", f"choose one of: {known}")
    definition: Alert | Monitor = (Alert if kind == "Alert" else Monitor).model_validate(stored.body)
    names = list(dict.fromkeys(request.lines)) or family_lines(documents, str(request.family))
    frames, rows = [], []
    backtest_line = _backtester(definition, documents, signals, models, request)
    with terminal.progress() as bars:
        task = bars.add_task(f"back-testing {definition.name}", total=len(names))
        for line in names:
            note = ""
            frame = pl.DataFrame(schema=SCHEMA)
            try:
                frame = backtest_line(line)
            except (DataError, ModelError) as error:
                note = str(error)
            verdicts = frame.filter(pl.col("variable").is_null())
            rows.append(
                {
                    "line": line,
                    "rows": verdicts.height,
                    "scored": verdicts.height - verdicts["score"].null_count(),
                    "flagged": int(verdicts["flag"].sum()),
                    "note": note,
                }
            )
            frames.append(frame)
            bars.advance(task)
    if all(row["note"] for row in rows):
        raise DataError(f"back-test of {definition.name}", f"no line could be scored: {rows[0]['note']}", "see above")
    _write(pl.concat(frames), request.out)
    return {"name": definition.name, "out": str(request.out), "lines": rows}


def _backtester(
    definition: Alert | Monitor, documents: Documents, signals: Signals, models: Models, request: BacktestRequest
) -> Callable[[str], pl.DataFrame]:
    declared = stored_lines(documents)

    def read(line: str, span: timedelta, rows: int) -> SignalFrame:
        return read_with_context(
            signals, line, request.start, request.end, span=span, rows=rows, declared=declared.get(line)
        )

    if isinstance(definition, Monitor):
        return lambda line: _monitor_rows(definition, line, _champion(models, definition, line), read, request)
    if definition.type == "threshold":
        return lambda line: _threshold_rows(definition, line, read, request)
    if definition.type == "classifier":
        return lambda line: _classifier_rows(definition, line, _champion(models, definition, line), read, request)
    raise ConfigError(
        f"alert {definition.name}", f"type {definition.type} cannot be back-tested yet", "back-test its monitor"
    )


Read = Callable[[str, timedelta, int], SignalFrame]


def _champion(models: Models, definition: Alert | Monitor, line: str) -> PublishedModel:
    found = champion_of(definition, line, models)
    champion = models.get(*found) if found else None
    if champion is None:
        raise ModelError(
            f"{definition.name} on {line}",
            "has no champion",
            f"run `andon train --{definition.kind.lower()} {definition.name}`",
        )
    return champion


def _classifier_rows(
    definition: Alert, line: str, champion: PublishedModel, read: Read, request: BacktestRequest
) -> pl.DataFrame:
    from andon.labels import label_rows
    from andon.models.bundle import read_bundle
    from andon.scoring import score_alert

    bundle = read_bundle(Path(champion.path))
    frame = read(line, bundle.features.longest + bundle.features.stride, 0)
    scores = score_alert(bundle, frame, request.start)
    actual = np.full(len(frame), np.nan)
    target = definition.target
    if target is not None and target.variables <= set(frame.types):
        actual = label_rows(frame, target, bundle.horizon)
    return _frame(
        line,
        definition.name,
        scores.times,
        score=scores.score,
        threshold=np.full(len(scores.times), scores.threshold),
        actual=actual[len(frame) - len(scores.times) :],
        flag=scores.flag,
    )


def _monitor_rows(
    definition: Monitor, line: str, champion: PublishedModel, read: Read, request: BacktestRequest
) -> pl.DataFrame:
    from andon.models.bundle import read_bundle
    from andon.scoring import score_monitor

    bundle = read_bundle(Path(champion.path))
    frame = read(line, timedelta(0), bundle.rows_needed)
    scores = score_monitor(bundle, frame, request.start)
    count = len(scores.times)
    parts = [
        _frame(
            line,
            definition.name,
            scores.times,
            score=scores.line_score,
            threshold=np.full(count, scores.line_threshold),
            flag=scores.line_flag,
        )
    ]
    for column, variable in enumerate(scores.variables):
        parts.append(
            _frame(
                line,
                definition.name,
                scores.times,
                variable=variable,
                score=scores.score[:, column],
                threshold=np.full(count, scores.thresholds[column]),
                expected=scores.expected[:, column],
                actual=scores.actual[:, column],
                flag=scores.flags[:, column],
            )
        )
    return pl.concat(parts).sort("time", "variable", nulls_last=False, maintain_order=True)


def _threshold_rows(definition: Alert, line: str, read: Read, request: BacktestRequest) -> pl.DataFrame:
    from andon.alerts.rules import INACTIVE, Rule, step
    from andon.scoring.verdicts import AlertVerdicts, Watch, judge_alert

    frame = read(line, definition.for_ + definition.keep_firing, 0)
    verdicts = judge_alert(Watch(definition), frame, 0, {})
    if not isinstance(verdicts, AlertVerdicts):
        raise DataError(f"line {line}: {definition.name}", verdicts.text, "import what it needs")
    rule, state, firing = Rule(definition.for_, definition.keep_firing), INACTIVE, []
    for time, when, clear in zip(frame.times.tolist(), verdicts.when, verdicts.clear, strict=True):
        state, _ = step(rule, state, time, when, clear)
        firing.append(state.phase == "firing")
    kept = frame.times >= (-(2**62) if request.start is None else to_microseconds(request.start))
    return _frame(
        line,
        definition.name,
        frame.times[kept],
        score=verdicts.when[kept],
        threshold=np.ones(int(kept.sum())),
        flag=np.array(firing, dtype=bool)[kept],
    )


def _frame(line: str, name: str, times: Any, *, variable: str | None = None, flag: Any, **numbers: Any) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "time": pl.Series(times, dtype=pl.Int64).cast(TIME),
        "line": pl.repeat(line, len(times), eager=True, dtype=pl.String),
        "name": pl.repeat(name, len(times), eager=True, dtype=pl.String),
        "variable": pl.repeat(variable, len(times), eager=True, dtype=pl.String),
    }
    for column in ("score", "threshold", "expected", "actual"):
        values = numbers.get(column)
        columns[column] = (
            pl.repeat(None, len(times), eager=True, dtype=pl.Float64)
            if values is None
            else pl.Series(np.asarray(values, dtype=np.float64)).fill_nan(None)
        )
    columns["flag"] = pl.Series(np.asarray(flag, dtype=bool))
    return pl.DataFrame(columns, schema=SCHEMA)


def _write(frame: pl.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        frame.write_parquet(temporary)
        temporary.replace(out)
    except OSError as error:
        raise ConfigError(f"--out {out}", f"cannot be written: {error.strerror}", "choose another place") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
