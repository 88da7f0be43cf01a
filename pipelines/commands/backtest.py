"""``andon backtest``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def backtest(
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    line: Annotated[list[str] | None, typer.Option(help="This line; may be repeated.")] = None,
    family: Annotated[str | None, typer.Option(help="All lines of this family.")] = None,
    alert: Annotated[str | None, typer.Option(help="This alert.")] = None,
    monitor: Annotated[str | None, typer.Option(help="This monitor.")] = None,
    start: Annotated[str | None, typer.Option(help="First time, UTC unless it has an offset; default: all.")] = None,
    end: Annotated[str | None, typer.Option(help="Time before which it ends; default: all.")] = None,
    labels: Annotated[
        str | None, typer.Option(help="Variable that is not 0 where the line was not normal: measure against it.")
    ] = None,
    origins: Annotated[
        int | None,
        typer.Option(
            help="Judge the second half of the rows by monitors refitted at so many rolling origins, each on what "
            "came before, in place of the champion."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write what would have been said at each reading time, with the champion."""
    from configs.settings import load_settings
    from pipelines.backtests.backtesting import BacktestRequest, run_backtest
    from pipelines.backtests.labels import detection_table
    from pipelines.terminal import quiet

    settings = load_settings()
    request = BacktestRequest.of(
        lines=tuple(line or ()),
        family=family,
        alert=alert,
        monitor=monitor,
        start=start,
        end=end,
        out=out,
        labels=labels,
        origins=origins,
    )
    with quiet(settings.home, "backtest") as terminal:
        summary = run_backtest(settings, request, terminal)
        if json:
            terminal.json(summary)
        else:
            terminal.table(
                "Back-test",
                ["line", "rows", "scored", "flagged", "note"],
                [tuple(value for name, value in row.items() if name != "detection") for row in summary["lines"]],
            )
            if labels is not None:
                terminal.table(f"Against {labels}", *detection_table(summary["lines"]))
            terminal.say(f"wrote {summary['out']}")
