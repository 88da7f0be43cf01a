"""``andon backtest``: what would have been said at each reading time, with the champion."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from andon.errors import ConfigError, DataError, ModelError
from configs.definitions import Alert, Monitor
from configs.settings import Settings
from pipelines.backtests.labels import with_labels
from pipelines.backtests.rows import SCHEMA, Source, row_maker
from pipelines.moments import parse_time
from pipelines.selecting import family_lines, stored_lines

if TYPE_CHECKING:
    from pipelines.terminal import Terminal


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
    labels: str | None = None
    """Variable that is not 0 where people say that a line was not normal: what was said is measured against it."""
    origins: int | None = None
    """Rolling origins at which a monitor is refitted over the second half of the rows."""

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
        labels: str | None = None,
        origins: int | None = None,
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
        if origins is not None and monitor is None:
            raise ConfigError("--origins", "is for monitors only", "leave it out, or give --monitor")
        times = [parse_time(option, text) for option, text in (("--start", start), ("--end", end))]
        if times[0] and times[1] and times[0] >= times[1]:
            raise ConfigError("--start, --end", f"{start} is not before {end}", "give a later end")
        return cls(lines, family, alert, monitor, times[0], times[1], out, labels, origins)


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
    source = Source(documents, signals, models, stored_lines(documents), request.start, request.end, request.origins)
    backtest_line = row_maker(definition, source)
    with terminal.progress() as bars:
        task = bars.add_task(f"back-testing {definition.name}", total=len(names))
        for line in names:
            note = ""
            frame = pl.DataFrame(schema=SCHEMA)
            detection = None
            try:
                frame = backtest_line(line)
                if request.labels is not None:
                    frame, detection = with_labels(frame, line, request.labels, signals)
            except (DataError, ModelError) as error:
                note = str(error)
            verdicts = frame.filter(pl.col("variable").is_null())
            row = {
                "line": line,
                "rows": verdicts.height,
                "scored": verdicts.height - verdicts["score"].null_count(),
                "flagged": int(verdicts["flag"].sum()),
                "note": note,
            }
            rows.append(row if request.labels is None else row | {"detection": detection and detection.to_json()})
            frames.append(frame)
            bars.advance(task)
    if all(row["note"] for row in rows):
        raise DataError(f"back-test of {definition.name}", f"no line could be scored: {rows[0]['note']}", "see above")
    _write(pl.concat(frames), request.out)
    return {"name": definition.name, "out": str(request.out), "lines": rows}


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
