"""``andon recommend``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.options import Json

if TYPE_CHECKING:
    from datetime import datetime

    from andon.records import Recommendation
    from pipelines.terminal import Terminal


def recommend(
    line: Annotated[str | None, typer.Option(help="The line; with --all, only this one.")] = None,
    alert: Annotated[str | None, typer.Option(help="The classifier alert.")] = None,
    at: Annotated[str | None, typer.Option(help="The time to explain; default: the newest row.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every alert that was opened in the period, on Ray.")] = False,
    review: Annotated[
        bool,
        typer.Option("--review", help="What became of the advice given in the period; withdraw what did not hold."),
    ] = False,
    start: Annotated[str | None, typer.Option(help="With --all and --review: alerts opened at or after.")] = None,
    end: Annotated[str | None, typer.Option(help="With --all and --review: alerts opened before.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a picture of what is to blame, as PNG.")] = None,
    json: Json = False,
) -> None:
    """Say how an alert could have been avoided: what is to blame, and which settings would have kept it from coming."""
    from andon.services.recommended import recommendation_json, units_of
    from andon.stores import open_documents
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.moments import parse_time
    from pipelines.recommending import recommend_at
    from pipelines.terminal import Terminal, quiet

    settings = load_settings()
    moments = [parse_time(option, text) for option, text in (("--at", at), ("--start", start), ("--end", end))]
    if review:
        _review(moments[1], moments[2], json)
        return
    if all_:
        _all(line, alert, moments[1], moments[2], json)
        return
    if line is None or alert is None:
        option = "--line" if line is None else "--alert"
        raise ConfigError(option, "is missing", "name a line and an alert, or give --all")
    with quiet(settings.home, "recommend"):
        found = recommend_at(settings, line, alert, moments[0])
    units = units_of(line, open_documents(settings.documents))
    if plot is not None:
        from andon.explain.waterfall import waterfall

        try:
            plot.write_bytes(waterfall(found.blame, found.before, found.threshold))
        except OSError as error:
            raise ConfigError(
                f"--plot {plot}", f"cannot be written: {error.strerror}", "choose another place"
            ) from None
    if json:
        Terminal().json(recommendation_json(found, units))
    else:
        _tell(found, units, Terminal())


def _tell(found: Recommendation, units: dict[str, str], terminal: Terminal) -> None:
    from configs.periods import format_time

    at = "" if found.time is None else f" at {format_time(found.time)}"
    terminal.text(f"risk{at}: {found.before:.2f}, the alert comes at {found.threshold:.2f}")
    for one in found.blame:
        terminal.text(f"  {one.text}")
    if not found.options:
        terminal.text(f"no feasible change: {found.reason}")
        return
    rows = [
        (
            ", ".join(f"{name} {old:g} to {new:g} {units.get(name, '')}".strip() for name, old, new in option.changes),
            format_time(option.start),
            option.after,
            option.confidence,
            option.cost,
        )
        for option in found.options
    ]
    terminal.table("What would have avoided it", ["change", "at the latest", "risk", "confidence", "cost"], rows)


def _review(start: datetime | None, end: datetime | None, json: bool) -> None:
    from datetime import UTC, datetime

    from andon.services.advice import review_advice
    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    settings = load_settings()
    documents, signals = open_documents(settings.documents), open_signals(settings.signals)
    first = start or datetime(1970, 1, 1, tzinfo=UTC)
    outcomes = [one.to_json() for one in review_advice(first, end or datetime.now(UTC), documents, signals)]
    if json:
        Terminal().json(outcomes)
        return
    rows = [
        (
            one["alert"],
            one["line"],
            one["followed"],
            one["followed_stayed_away"]["value"],
            one["not_followed"],
            one["not_followed_stayed_away"]["value"],
            one["unknown"],
            ", ".join(one["withdrawn"]) or None,
        )
        for one in outcomes
    ]
    columns = ("alert", "line", "followed", "stayed away", "not followed", "stayed away", "not known", "withdrawn")
    Terminal().table("Does advice hold?", columns, rows)


def _all(line: str | None, alert: str | None, start: datetime | None, end: datetime | None, json: bool) -> None:
    from dataclasses import asdict

    from andon.services.alerts import AlertSearch, list_alerts
    from andon.stores import open_documents
    from cluster.session import ray_session
    from configs.settings import load_settings
    from pipelines.recommending import recommend_shift
    from pipelines.terminal import Terminal, quiet

    settings = load_settings()
    alerts = list_alerts(AlertSearch(line, alert, None, start, end), open_documents(settings.documents))
    with quiet(settings.home, "recommend") as terminal, ray_session(settings) as session:
        terminal.say(f"explaining {len(alerts)} alerts")
        advice = recommend_shift(settings, alerts, session.workers)
    if json:
        Terminal().json(asdict(advice))
        return
    Terminal().text(f"{advice.made} explained, {advice.known} were before, {len(advice.failed)} failed")
    for name, error in advice.failed.items():
        Terminal().text(f"{name}: {error}")
