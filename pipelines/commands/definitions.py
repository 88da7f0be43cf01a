"""``andon apply`` and ``andon get``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.options import Json


def apply(
    paths: Annotated[list[Path], typer.Argument(help="YAML files, and folders of them.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Validate definitions and store them, all or none.

    They are checked against each other, against those stored before, and against the data of their lines, which may be
    imported before or after. Applying the same again changes nothing.
    """
    from datetime import UTC, datetime

    from andon.services.definitions import apply_definitions
    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    settings = load_settings()
    documents, signals = open_documents(settings.documents), open_signals(settings.signals)
    try:
        applied = apply_definitions(paths, documents, signals, datetime.now(UTC))
    finally:
        documents.close()
        signals.close()
    terminal = Terminal()
    if as_json:
        import dataclasses

        terminal.json([dataclasses.asdict(one) for one in applied])
        return
    rows = [(one.kind, one.name, one.version, one.change) for one in applied]
    terminal.table("", ("kind", "name", "version", "is"), rows)
    for one in applied:
        for warning in one.warnings:
            terminal.say(f"warning: {warning}")


def get(
    kind: Annotated[str, typer.Argument(help="line, alert, monitor or route; the plural is fine.", show_default=False)],
    name: Annotated[str | None, typer.Argument(help="Which one; all are listed without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print as YAML, which can be applied again.")] = False,
) -> None:
    """Show definitions, with every default filled in."""
    from andon.errors import ConfigError
    from andon.services.definitions import get_definitions, known_kind
    from andon.stores import open_documents, open_signals
    from configs.settings import load_settings
    from pipelines.terminal import Terminal

    if as_json and as_yaml:
        raise ConfigError("get", "--json and --yaml are both given", "keep one of them")
    settings = load_settings()
    documents, signals = open_documents(settings.documents), open_signals(settings.signals)
    try:
        bodies = get_definitions(kind, name, documents, signals)
        versions = {one.name: one.version for one in documents.list_definitions(known_kind(kind))}
    finally:
        documents.close()
        signals.close()
    if as_json:
        Terminal().json(bodies[0] if name is not None else bodies)
    elif as_yaml or name is not None:
        Terminal().text("---\n".join(_yaml(body) for body in bodies))
    else:
        header, rows = _summary(known_kind(kind), bodies, versions)
        Terminal().table("", header, rows)


def _summary(
    kind: str, bodies: list[dict[str, Any]], versions: dict[str, int]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    if kind == "Line":
        header: tuple[str, ...] = ("name", "family", "sampling", "variables", "version")
        rows: list[tuple[str, ...]] = [
            (
                body["name"],
                body["family"] or "",
                body["sampling"] or "",
                str(len(body["variables"])),
                str(versions[body["name"]]),
            )
            for body in bodies
        ]
        return header, rows
    if kind == "Route":
        header = ("name", "alerts", "severity", "to", "version")
        return header, [
            (
                body["name"],
                body["alerts"] if isinstance(body["alerts"], str) else ", ".join(body["alerts"]),
                body["severity"],
                ", ".join(
                    [*body["email"], *(["webhook"] if body["webhook"] else []), *(["log"] if body["log"] else [])]
                ),
                str(versions[body["name"]]),
            )
            for body in bodies
        ]
    header = ("name", "type", "lines", "condition", "version") if kind == "Alert" else ("name", "lines", "version")
    rows = []
    for body in bodies:
        chosen = body["lines"]
        lines = f"family {chosen['family']}" if chosen["family"] else ", ".join(chosen["names"])
        first: tuple[str, ...] = (body["name"], lines)
        if kind == "Alert":
            condition = body.get("when") or body.get("target") or f"anomalies of {body['monitor']}"
            within = f" within {body['horizon']}" if body.get("horizon") else ""
            first = (body["name"], body["type"], lines, condition + within)
        rows.append((*first, str(versions[body["name"]])))
    return header, rows


def _yaml(body: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(_without_nulls(body), sort_keys=False, allow_unicode=True, width=120)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
