"""Which definitions on which lines a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from andon.errors import ConfigError
from andon.ports import Documents, StoredDefinition
from andon.services.watching import is_for
from configs.definitions import Alert, Line, Monitor


@dataclass(frozen=True, slots=True)
class Selected:
    """A definition and the lines it is to be used on."""

    stored: StoredDefinition
    definition: Alert | Monitor
    lines: tuple[str, ...]

    @property
    def pooled(self) -> bool:
        """Whether one model serves all lines."""
        return isinstance(self.definition, Alert) and self.definition.model == "pooled"


def stored_lines(documents: Documents) -> dict[str, Line]:
    """Return every Line definition by name."""
    return {stored.name: Line.model_validate(stored.body) for stored in documents.list_definitions("Line")}


def family_lines(documents: Documents, family: str) -> list[str]:
    """Return the lines of a family, in name order.

    Raises
    ------
    ConfigError
        If no line belongs to it.
    """
    lines = stored_lines(documents)
    found = sorted(name for name, line in lines.items() if line.family == family)
    if not found:
        known = sorted({line.family for line in lines.values() if line.family})
        raise ConfigError(f"family {family}", "has no line", f"choose one of: {', '.join(known) or 'none applied yet'}")
    return found


def definition_lines(definition: Alert | Monitor, documents: Documents) -> list[str]:
    """Return the lines a definition is for."""
    lines = stored_lines(documents)
    found = [name for name in {*lines, *(definition.lines.names or ())} if is_for(definition, name, lines.get(name))]
    return sorted(found) or family_lines(documents, str(definition.lines.family))


def select(
    documents: Documents,
    *,
    lines: Sequence[str] = (),
    families: Sequence[str] = (),
    alerts: Sequence[str] = (),
    monitors: Sequence[str] = (),
) -> list[Selected]:
    """Return what was asked for; without any selector, everything.

    Raises
    ------
    ConfigError
        If a line, family, alert or monitor is not known, or nothing fits.
    """
    stored = [d for d in documents.list_definitions() if d.kind in ("Alert", "Monitor")]
    names = {kind: {d.name for d in stored if d.kind == kind} for kind in ("Alert", "Monitor")}
    for kind, asked in (("Alert", alerts), ("Monitor", monitors)):
        for name in asked:
            if name not in names[kind]:
                raise ConfigError(
                    f"{kind.lower()} {name}",
                    "is not defined",
                    f"choose one of: {', '.join(sorted(names[kind])) or 'none applied yet'}",
                )
    wanted = {*lines, *(name for family in families for name in family_lines(documents, family))}
    selected = []
    for one in stored:
        if (alerts or monitors) and one.name not in (alerts if one.kind == "Alert" else monitors):
            continue
        definition: Alert | Monitor = (Alert if one.kind == "Alert" else Monitor).model_validate(one.body)
        whole = Selected(one, definition, tuple(definition_lines(definition, documents)))
        some = tuple(sorted(wanted & set(whole.lines))) if wanted else whole.lines
        if some:
            selected.append(whole if whole.pooled else replace(whole, lines=some))
    if not selected:
        raise ConfigError("selection", "fits no definition", "apply definitions first, or see `andon get alert`")
    unknown = sorted(set(lines) - {name for one in selected for name in one.lines})
    if unknown:
        raise ConfigError(f"line {unknown[0]}", "no selected definition is for it", "see `andon get alert`")
    return selected
