"""``andon import``, ``andon init`` and ``andon inject``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.options import Json

Line = Annotated[str | None, typer.Option(help="Name of the line that the table is of.", show_default=False)]
LineColumn = Annotated[str | None, typer.Option(help="Column that names the line of each row.", show_default=False)]
LinePrefix = Annotated[str, typer.Option(help="Put before each name in the line column: test- makes 17 test-17.")]
TimeColumn = Annotated[
    str | None, typer.Option(help="Column of the time; by default found by its name or its cells.", show_default=False)
]
Timezone = Annotated[str, typer.Option(help="Zone of times without an offset, for example Europe/Paris.")]
Step = Annotated[
    str | None, typer.Option(help="The time column counts steps of this length, for example 1h.", show_default=False)
]
DateOrder = Annotated[str | None, typer.Option(help="dmy or mdy, where 02/03/2026 cannot be told.", show_default=False)]
Delimiter = Annotated[
    str | None, typer.Option(help="Of CSV; by default found among comma, semicolon, tab and pipe.", show_default=False)
]
Decimal = Annotated[str | None, typer.Option(help="Decimal mark of CSV: . or ,", show_default=False)]
Encoding = Annotated[str | None, typer.Option(help="Of CSV that is not UTF-8, for example cp1252.", show_default=False)]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an XLSX workbook; the first by default.", show_default=False)]
Exclude = Annotated[list[str] | None, typer.Option(help="Leave out this column; may be repeated.", show_default=False)]


def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, CSV.gz, Parquet or XLSX tables.", show_default=False)],
    line: Line = None,
    line_column: LineColumn = None,
    line_prefix: LinePrefix = "",
    time_column: TimeColumn = None,
    timezone: Timezone = "UTC",
    step: Step = None,
    date_order: DateOrder = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    exclude: Exclude = None,
    as_json: Json = False,
) -> None:
    """Read wide tables, one row a time and one column a variable, into the signals store.

    All tables are read and found good before anything is stored. Cells that are not of their column's type and rows
    without a readable time are refused, counted and shown. Doing it twice changes nothing.
    """
    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.tables.import_summary import print_reports
    from pipelines.tables.importing import import_tables
    from pipelines.tables.options import parse_options
    from pipelines.terminal import Terminal

    options = parse_options(
        line=line,
        line_column=line_column,
        line_prefix=line_prefix,
        time_column=time_column,
        timezone=timezone,
        step=step,
        date_order=date_order,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        sheet=sheet,
        exclude=exclude,
    )
    settings, terminal = load_settings(), Terminal()
    with (
        _opened(open_signals(settings.signals)) as signals,
        _opened(open_documents(settings.documents)) as documents,
        terminal.progress() as bar,
    ):
        task = bar.add_task("", total=None)
        reports = import_tables(
            files,
            signals,
            documents,
            options,
            lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    if as_json:
        terminal.json([report.to_json() for report in reports])
    else:
        print_reports(reports, terminal)


def init(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz, Parquet or XLSX table.", show_default=False)],
    line: Line = None,
    line_column: LineColumn = None,
    line_prefix: LinePrefix = "",
    family: Annotated[str | None, typer.Option(help="Family of the lines.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="YAML file to write; printed without it.", show_default=False)
    ] = None,
    time_column: TimeColumn = None,
    timezone: Timezone = "UTC",
    step: Step = None,
    date_order: DateOrder = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    exclude: Exclude = None,
) -> None:
    """Propose a Line and a Monitor from a table, as YAML to edit and apply.

    Without --line the line is named after the file. Nothing is stored.
    """
    from andon.errors import ConfigError
    from pipelines.tables.lines import line_tables
    from pipelines.tables.options import parse_options
    from pipelines.tables.proposing import line_name, propose
    from pipelines.tables.reading import read_table

    if line is None and line_column is None:
        line = line_name(file)
    options = parse_options(
        line=line,
        line_column=line_column,
        line_prefix=line_prefix,
        time_column=time_column,
        timezone=timezone,
        step=step,
        date_order=date_order,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        sheet=sheet,
        exclude=exclude,
    )
    if out is not None and out.exists():
        raise ConfigError(str(out), "exists already", "name another file, or remove it")
    text = propose(line_tables(read_table(file, options), options), timezone, family)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(out), f"cannot be written: {error.strerror}", "name a file that can") from None
    typer.echo(f"wrote {out}; edit it, then: andon apply {out}", err=True)


def inject(
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz, Parquet or XLSX table.", show_default=False)],
    line: Annotated[str, typer.Option(help="Line to replay.", show_default=False)],
    every: Annotated[
        str | None, typer.Option(help="Append once in this time, for example 1s.", show_default=False)
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Times as fast as it happened; 1 without --every.", show_default=False)
    ] = None,
    shift_to: Annotated[
        str | None, typer.Option(help="Move the first row to this time: now, or a time.", show_default=False)
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew, wherever an earlier replay stopped.")] = False,
    line_column: LineColumn = None,
    line_prefix: LinePrefix = "",
    time_column: TimeColumn = None,
    timezone: Timezone = "UTC",
    step: Step = None,
    date_order: DateOrder = None,
    delimiter: Delimiter = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    exclude: Exclude = None,
    as_json: Json = False,
) -> None:
    """Replay history into the signals store as if it were live.

    With --every alone, one row each time; with --speed, rows when the clock of the data reaches them. Ctrl-C stops it,
    and the same command goes on where it stopped.
    """
    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.tables.import_summary import show_time
    from pipelines.tables.injecting import WallClock, fingerprint, parse_pace, parse_shift, read_line
    from pipelines.tables.injecting import inject as replay
    from pipelines.tables.options import parse_options
    from pipelines.terminal import Terminal

    clock, pace = WallClock(), parse_pace(every, speed)
    beginning = parse_shift(shift_to, clock.now())
    options = parse_options(
        line=line if line_column is None else None,
        line_column=line_column,
        line_prefix=line_prefix,
        time_column=time_column,
        timezone=timezone,
        step=step,
        date_order=date_order,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        sheet=sheet,
        exclude=exclude,
    )
    settings, terminal = load_settings(), Terminal()
    with _opened(open_signals(settings.signals)) as signals, _opened(open_documents(settings.documents)) as documents:
        frame = read_line(file, line, options, signals, documents)
        with terminal.progress() as bar:
            task = bar.add_task(f"injecting {line}", total=len(frame))
            report = replay(
                frame,
                signals,
                documents,
                pace,
                clock,
                source=fingerprint(file),
                shift_to=beginning,
                restart=restart,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    if as_json:
        terminal.json(report.to_json())
    else:
        terminal.table(
            "",
            ["line", "injected", "of", "begun at row", "to"],
            [(line, report.position - report.resumed_at, report.rows, report.resumed_at, show_time(report.last))],
        )
    if not report.done:
        terminal.say("stopped; the same command goes on from here")
        raise typer.Exit(130)
    if report.resumed_at == report.rows:
        terminal.say("every row was injected before; --restart begins anew")


@contextmanager
def _opened(store: Any) -> Iterator[Any]:
    try:
        yield store
    finally:
        store.close()
