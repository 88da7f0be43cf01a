"""Definitions: validated against everything that is stored, then stored all or none; and shown with their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from andon.errors import ConfigError
from andon.ports import Documents, Signals, StoredDefinition
from andon.services.bounds import check_moves
from configs.checking import check_definition
from configs.checking_periods import split_period
from configs.definitions import KINDS, ONLY_FOR, Alert, Definition, Line, Monitor, Route
from configs.expressions import did_you_mean
from configs.loading import LoadedDefinition, load_definitions, parse_definition
from configs.periods import Period, format_time
from configs.world import World, usual_sampling


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one definition; ``version`` rises only with a change."""

    kind: str
    name: str
    version: int
    change: Literal["created", "changed", "unchanged"]
    warnings: tuple[str, ...] = ()


def apply_definitions(paths: Sequence[Path], documents: Documents, signals: Signals, at: datetime) -> list[Applied]:
    """Validate the definitions of files and folders against each other, the stored ones and the data; then store them.

    Parameters
    ----------
    at
        Time of the change, in UTC.

    Raises
    ------
    ConfigError
        On the first mistake, and then nothing is stored.
    """
    return store_definitions(load_definitions(paths), documents, signals, at)


def store_definitions(
    loaded: Sequence[LoadedDefinition], documents: Documents, signals: Signals, at: datetime
) -> list[Applied]:
    """Validate definitions that are already read, as `apply_definitions` does, and store all or none."""
    keys = {one.key for one in loaded}
    stored = {(one.kind, one.name): one for one in documents.list_definitions()}
    before = _load_stored(stored.values(), replaced=keys)
    after = before | {one.key: one for one in loaded}
    _refuse_shared_names(loaded, after)
    world = _world((one.definition for one in after.values()), signals)
    warnings = [(*check_definition(one, world), *_check_moves(one, signals)) for one in loaded]
    changed = {
        one.key for one in loaded if one.key not in stored or dict(stored[one.key].body) != one.definition.to_json()
    }
    if any(kind != "Alert" for kind, _ in changed):
        causes = [one for one in loaded if one.key in changed and one.key[0] != "Alert"]
        _refuse_breaking(before, causes, keys, world, signals)
    put = documents.put_definitions([one.definition.to_json() for one in loaded], at)
    return [
        Applied(one.kind, one.name, one.version, _change(stored.get((one.kind, one.name)), one.version), said)
        for one, said in zip(put, warnings, strict=True)
    ]


def _check_moves(one: LoadedDefinition, signals: Signals) -> list[str]:
    return check_moves(one.definition, one.place, signals) if isinstance(one.definition, Line) else []


def _refuse_shared_names(loaded: Sequence[LoadedDefinition], after: Mapping[tuple[str, str], LoadedDefinition]) -> None:
    """Refuse an alert and a monitor of one name: models, skips and addresses are told apart by it."""
    for one in loaded:
        kind, name = one.key
        other = {"Alert": "Monitor", "Monitor": "Alert"}.get(kind)
        if other is not None and (other, name) in after:
            raise ConfigError(f"{one.place}: name", f"{name!r} is taken by {after[other, name].place}", "rename one")


def typed_definition(stored: StoredDefinition) -> Definition:
    """Return a stored definition as the model it was written for.

    Raises
    ------
    ConfigError
        If it was stored by another version of Andon and is no longer valid.
    """
    return parse_definition(stored.body, f"stored {stored.kind} {stored.name}")


def find_definition(kind: str, name: str, documents: Documents) -> StoredDefinition:
    """Return the newest version of a definition.

    Raises
    ------
    ConfigError
        If there is none, naming the nearest.
    """
    found = documents.get_definition(kind, name)
    if found is None:
        names = [one.name for one in documents.list_definitions(kind)]
        remedy = did_you_mean(name, names) if names else f"apply a {kind} first"
        raise ConfigError(f"{kind} {name}", "is not defined", remedy)
    return found


def known_kind(kind: str) -> str:
    """Return the kind that is meant, in any case and in the plural too.

    Examples
    --------
    >>> known_kind("alerts")
    'Alert'
    """
    title = kind.strip().title()
    for known in (title, title.removesuffix("s")):
        if known in KINDS:
            return known
    raise ConfigError("kind", f"unknown kind {kind!r}", did_you_mean(title, KINDS))


def known_names(kind: str, documents: Documents) -> list[str]:
    """Return the names of the definitions of a kind, in order."""
    return [one.name for one in documents.list_definitions(kind)]


def known_lines(documents: Documents) -> list[str]:
    """Return the lines that are defined, or that a definition names, in order."""
    named = {
        str(line)
        for one in documents.list_definitions()
        if one.kind in ("Alert", "Monitor")
        for line in one.body["lines"].get("names") or ()
    }
    return sorted({*known_names("Line", documents), *named})


def selected_lines(definition: Alert | Monitor, documents: Documents, signals: Signals) -> list[str]:
    """Return the lines that a definition is for, in name order; a line is in a family by its Line definition.

    Raises
    ------
    ConfigError
        If nobody belongs to the family, or a line has neither a definition nor data.
    """
    lines = (typed_definition(one) for one in documents.list_definitions("Line"))
    world = _world(lines, signals)
    return world.select_or_refuse(definition.lines, f"{definition.kind} {definition.name}")


def get_definitions(kind: str, name: str | None, documents: Documents, signals: Signals) -> list[dict[str, Any]]:
    """Return definitions as JSON values with every default filled in; what is returned can be applied again.

    A Line shows types and sampling found in its data. A classifier alert shows its features by the sampling of most of
    its lines. Where nothing says when to train, ``train`` and ``validation`` are shown if they are the same for all
    lines; they are left null for a pooled model, which is validated on the last fifth of its lines.

    Raises
    ------
    ConfigError
        If ``kind`` is unknown or there is no definition of that name.
    """
    kind = known_kind(kind)
    stored = documents.list_definitions(kind) if name is None else [find_definition(kind, name, documents)]
    world = _world((typed_definition(one) for one in documents.list_definitions()), signals)
    return [_shown(typed_definition(one), world) for one in stored]


def _shown(definition: Definition, world: World) -> dict[str, Any]:
    head = {"kind": definition.kind, "name": definition.name}
    body = head | definition.model_dump(mode="json", by_alias=True)
    if isinstance(definition, Line):
        types, sampling = world.types(definition.name), world.sampling(definition.name)
        for variable in body["variables"]:
            found = types[variable["name"]]
            variable["type"] = found if found != "unknown" else None
        filled = definition.model_copy(update={"sampling": sampling})
        return body | {"sampling": filled.model_dump(mode="json")["sampling"]}
    if isinstance(definition, Route):
        return body
    lines = world.select(definition.lines)
    trained = isinstance(definition, Monitor) or definition.type == "classifier"
    if isinstance(definition, Alert):
        if definition.when is not None and definition.clear is None:
            body["clear"] = f"not ({definition.when})"
        if definition.precision is not None:
            del body["costs"]
        if definition.type == "classifier":
            body["features"] = _features(definition, lines, world)
        body = {field: value for field, value in body.items() if definition.type in ONLY_FOR.get(field, _ALL_TYPES)}
    if trained:
        metric = "rmse" if isinstance(definition, Monitor) else "average_precision"
        body["search"] = body["search"] | {"metric": metric}
        body |= _periods(definition, lines, world)
    return body


_ALL_TYPES = ("threshold", "classifier", "forecast", "anomaly")


def _features(alert: Alert, lines: Sequence[str], world: World) -> dict[str, Any]:
    from andon.features.spec import resolve_features

    sampling = usual_sampling(world, lines)
    if sampling is None or alert.horizon is None:
        return alert.features.model_dump(mode="json")
    try:
        resolved = resolve_features(alert.features, sampling, alert.horizon)
    except ConfigError:
        # Data that came later may have another sampling; training says so, and showing must go on.
        resolved = alert.features
    shown: dict[str, Any] = resolved.model_dump(mode="json")
    return shown


def _periods(definition: Alert | Monitor, lines: Sequence[str], world: World) -> dict[str, Any]:
    given = {"train": definition.train, "validation": definition.validation}
    if definition.train is not None and definition.validation is None:
        given = dict(zip(given, split_period(definition.train), strict=True))
    pooled = isinstance(definition, Alert) and definition.model == "pooled"
    if definition.train is None and not pooled:
        data = [found for line in lines if (found := world.data(line)) is not None]
        spans = {(found.first, found.last + found.sampling) for found in data}
        if len(spans) == 1:
            start, end = spans.pop()
            given = dict(zip(given, split_period(Period(start=start, end=end)), strict=True))
    return {field: _written(period) for field, period in given.items()}


def _written(period: Period | None) -> dict[str, str] | None:
    return None if period is None else {"start": format_time(period.start), "end": format_time(period.end)}


def _world(definitions: Iterable[Definition], signals: Signals) -> World:
    every = list(definitions)
    lines: Mapping[str, Line] = {one.name: one for one in every if isinstance(one, Line)}
    monitors: Mapping[str, Monitor] = {one.name: one for one in every if isinstance(one, Monitor)}
    routes = frozenset(one.name for one in every if isinstance(one, Route))
    return World(lines, monitors, frozenset(signals.list_lines()), signals.describe_line, routes)


def _refuse_breaking(
    before: Mapping[Any, LoadedDefinition],
    causes: Sequence[LoadedDefinition],
    keys: set[tuple[str, str]],
    after: World,
    signals: Signals,
) -> None:
    """Refuse what would break a stored definition that was sound; one that was broken before stands in nobody's way."""
    for one in (one for key, one in before.items() if key not in keys):
        error = _mistake(one, after)
        if error is None or _mistake(one, _world((other.definition for other in before.values()), signals)):
            continue
        cause = causes[0]
        for candidate in causes:
            alone = {**before, candidate.key: candidate}
            if _mistake(one, _world((other.definition for other in alone.values()), signals)):
                cause = candidate
                break
        problem = f"would break the {error.place}: {error.problem}"
        raise ConfigError(cause.place, problem, f"{error.remedy}, or change both at once") from None


def _mistake(one: LoadedDefinition, world: World) -> ConfigError | None:
    try:
        check_definition(one, world)
    except ConfigError as error:
        return error
    return None


def _load_stored(stored: Iterable[StoredDefinition], replaced: set[tuple[str, str]]) -> dict[Any, LoadedDefinition]:
    loaded = {}
    for one in stored:
        try:
            definition = typed_definition(one)
        except ConfigError:
            # What another version of Andon stored and this one refuses can be put right by applying it anew.
            if (one.kind, one.name) in replaced:
                continue
            raise
        loaded[one.kind, one.name] = LoadedDefinition(definition, f"stored {one.kind} {one.name}")
    return loaded


def _change(old: StoredDefinition | None, new: int) -> Literal["created", "changed", "unchanged"]:
    if old is None:
        return "created"
    return "unchanged" if new == old.version else "changed"
