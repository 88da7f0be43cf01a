"""Definitions checked against each other and against data. Nothing is read here: what is known comes in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from configs.checking_periods import check_periods, check_sampling, check_windows
from configs.definitions import Alert, Line, Monitor, Route, VariableType
from configs.durations import format_duration
from configs.errors import ConfigError
from configs.expressions import Compare, Expression, Name, Value, check, did_you_mean
from configs.loading import LoadedDefinition
from configs.world import World, merged_types


def check_definition(loaded: LoadedDefinition, world: World) -> list[str]:
    """Check one definition against ``world``, which holds it and all others.

    Returns
    -------
    list[str]
        Warnings: what is allowed but seldom meant.

    Raises
    ------
    ConfigError
        Naming place, value and remedy.
    """
    definition, place = loaded.definition, loaded.place
    if isinstance(definition, Line):
        data = world.data(definition.name)
        return (
            [] if data is None else check_types(definition, data.types, place) + check_sampling(definition, data, place)
        )
    if isinstance(definition, Route):
        if definition.lines is not None:
            world.select_or_refuse(definition.lines, place)
        return []
    lines = world.select_or_refuse(definition.lines, place)
    _check_routes(definition.routes, world, place)
    if isinstance(definition, Monitor):
        _check_monitor(definition, lines, world, place)
        return check_periods(definition, lines, world, place)
    warnings = [*_check_alert(definition, lines, world, place)]
    if definition.type == "classifier":
        warnings += check_periods(definition, lines, world, place)
        warnings += check_windows(definition, lines, world, place)
    return warnings


def check_types(line: Line, types: Mapping[str, VariableType], place: str) -> list[str]:
    """Check the types that a Line declares against those of its data, found at import or stored.

    Returns
    -------
    list[str]
        A warning for the declared variables that the data lack.

    Raises
    ------
    ConfigError
        If a variable is declared with another type than its data have.

    Examples
    --------
    >>> line = Line.model_validate({"name": "p", "variables": [{"name": "jam", "type": "boolean"}, {"name": "oil"}]})
    >>> check_types(line, {"jam": "boolean"}, "Line p")
    ["Line p: variables: the data of p lack 'oil'"]
    """
    for position, variable in enumerate(line.variables):
        found = types.get(variable.name)
        if found is not None and variable.type not in (None, found):
            problem = f"{variable.name!r} is declared a {variable.type}, its data are a {found}"
            remedy = f"write type: {found}, or import the data anew with this Line applied first"
            raise ConfigError(f"{place}: variables[{position}].type", problem, remedy)
        if found in ("category", "boolean") and (variable.min, variable.max, variable.step) != (None, None, None):
            problem = f"{variable.name!r} has bounds, its data are a {found}"
            raise ConfigError(f"{place}: variables[{position}]", problem, "remove min, max and step")
    lacking = [variable.name for variable in line.variables if variable.name not in types]
    return [f"{place}: variables: the data of {line.name} lack {_listed(lacking)}"] if lacking else []


def _check_routes(routes: Sequence[str], world: World, place: str) -> None:
    for name in routes:
        if name not in world.routes:
            remedy = did_you_mean(name, world.routes) if world.routes else f"apply a Route {name}"
            raise ConfigError(f"{place}: routes", f"unknown route {name!r}", remedy)


def _check_monitor(monitor: Monitor, lines: Sequence[str], world: World, place: str) -> None:
    for line, types in _distinct(lines, world):
        _check_known(monitor.variables.include or (), types, f"{place}: variables.include", line, lines, world)
        _check_known(monitor.variables.exclude, types, f"{place}: variables.exclude", line, lines, world)
        for name in monitor.variables.include or ():
            if types[name] == "category":
                problem = f"{name!r} is a category on {line}, and a monitor forecasts numbers"
                raise ConfigError(f"{place}: variables.include", problem, "remove it")
        if not watched(monitor, types):
            problem = f"no number is left to watch on {line}"
            raise ConfigError(f"{place}: variables", problem, "exclude less, or choose other lines")


def watched(monitor: Monitor, types: Mapping[str, str]) -> set[str]:
    """Return the variables that a monitor may forecast: those included, or all that are not categories."""
    if monitor.variables.include is not None:
        return set(monitor.variables.include)
    return {name for name, kind in types.items() if kind != "category"} - set(monitor.variables.exclude)


def _check_alert(alert: Alert, lines: Sequence[str], world: World, place: str) -> Iterable[str]:
    if alert.type == "classifier":
        return _check_classifier(alert, lines, world, place)
    for line, types in _distinct(lines, world):
        for field, condition in (("when", alert.when), ("clear", alert.clear)):
            if condition is not None:
                check(condition, types, _on(f"{place}: {field}", line, lines))
    if alert.monitor is not None:
        _check_against_monitor(alert, alert.monitor, lines, world, place)
    return _check_clear(alert, place)


def _check_classifier(alert: Alert, lines: Sequence[str], world: World, place: str) -> list[str]:
    assert alert.target is not None
    warnings: list[str] = []
    learnt = list(lines)
    if alert.model == "pooled":
        # A pooled model also serves lines that never report its target; they have no part in its training.
        learnt = [line for line in lines if alert.target.variables <= set(world.types(line))]
        without = sorted(set(lines) - set(learnt))
        if learnt and without:
            names = _listed(sorted(alert.target.variables))
            warnings.append(f"{place}: target: {_listed(without)} lack {names}: scored, but not trained on")
        learnt = learnt or list(lines)
    for line, types in _distinct(learnt, world):
        check(alert.target, types, _on(f"{place}: target", line, lines))
    pooled = alert.model == "pooled"
    shared = merged_types(world, learnt, f"{place}: model") if pooled else None
    for line, own in [("all lines", shared)] if shared is not None else _distinct(learnt, world):
        _check_known(alert.include or (), own, f"{place}: include", line, learnt, world)
        _check_known(alert.exclude, own, f"{place}: exclude", line, learnt, world)
        if not input_variables(alert, own):
            field, where = ("include" if alert.include else "exclude"), "" if pooled else f" of {line}"
            problem = f"no variable{where} is left to learn from, without the target's own"
            raise ConfigError(f"{place}: {field}", problem, "exclude less, or include more")
    own_names = sorted(set(alert.include or ()) & alert.target.variables)
    if own_names:
        warnings.append(f"{place}: include: {_listed(own_names)} is the target's own; the model will see it")
    return warnings


def input_variables(alert: Alert, types: Mapping[str, str]) -> set[str]:
    """Return the variables that a classifier may learn from.

    They are those included, or all but the target's own, less those excluded.
    """
    own = alert.target.variables if alert.target is not None else frozenset()
    chosen = set(alert.include) if alert.include is not None else set(types) - own
    return chosen - set(alert.exclude)


def _check_known(
    names: Iterable[str], types: Mapping[str, str], place: str, line: str, lines: Sequence[str], world: World
) -> None:
    exclude = place.endswith("exclude")
    for name in names:
        # Excluding what only some lines have is sane; including it is not.
        if name not in types and not (exclude and any(name in world.types(other) for other in lines)):
            where = f" on {line}" if len(lines) > 1 and not exclude else ""
            raise ConfigError(place, f"unknown variable {name!r}{where}", did_you_mean(name, types))


def _check_against_monitor(alert: Alert, name: str, lines: Sequence[str], world: World, place: str) -> None:
    if name not in world.monitors:
        remedy = did_you_mean(name, world.monitors) if world.monitors else f"apply a Monitor {name}"
        raise ConfigError(f"{place}: monitor", f"unknown monitor {name!r}", remedy)
    monitor = world.monitors[name]
    missing = sorted(set(lines) - set(world.select(monitor.lines)))
    if missing:
        problem = f"{name!r} does not watch {_listed(missing)}"
        raise ConfigError(f"{place}: monitor", problem, "give both the same lines")
    if alert.type != "forecast":
        return
    for line in lines:
        sampling = world.sampling(line)
        if alert.horizon is not None and sampling is not None and alert.horizon < sampling:
            problem = f"{format_duration(alert.horizon)} is shorter than the sampling of {line}"
            raise ConfigError(f"{place}: horizon", problem, f"give {format_duration(sampling)} or more")
    for field, condition in (("when", alert.when), ("clear", alert.clear)):
        for line, types in _distinct(lines, world) if condition is not None else ():
            assert condition is not None
            numbers = {variable for variable in condition.variables if types[variable] != "category"}
            unwatched = sorted(numbers - watched(monitor, types))
            if unwatched or not numbers:
                what = repr(unwatched[0]) if unwatched else f"any variable of {condition.text!r}"
                problem = f"monitor {name!r} does not forecast {what}"
                raise ConfigError(
                    _on(f"{place}: {field}", line, lines), problem, "include it in the monitor's variables"
                )


def _check_clear(alert: Alert, place: str) -> list[str]:
    if alert.when is None or alert.clear is None:
        return []
    if alert.when.root == alert.clear.root:
        problem = f"{alert.clear.text!r} is the same as when, so that the alert would clear as it fires"
        raise ConfigError(f"{place}: clear", problem, "write when it is over, for example oil_temperature < 75")
    raised, cleared = _bound(alert.when), _bound(alert.clear)
    if raised and cleared and raised[0] == cleared[0] and raised[1] != cleared[1]:
        low, high = (raised[2], cleared[2]) if raised[1] == ">" else (cleared[2], raised[2])
        if low < high:
            return [f"{place}: clear: holds together with when for {raised[0]} between {low:g} and {high:g}"]
    return []


def _bound(condition: Expression) -> tuple[str, str, float] | None:
    """Read ``x > 80`` as (x, >, 80), None for what is not of that form."""
    root = condition.root
    if not (isinstance(root, Compare) and isinstance(root.left, Name) and isinstance(root.right, Value)):
        return None
    if isinstance(root.right.value, float) and root.op[0] in "<>":
        return root.left.name, root.op[0], root.right.value
    return None


def _distinct(lines: Sequence[str], world: World) -> list[tuple[str, dict[str, str]]]:
    """One line of each set of variables and types: a family of hundreds mostly has one."""
    found: dict[frozenset[tuple[str, str]], tuple[str, dict[str, str]]] = {}
    for line in lines:
        types = world.types(line)
        found.setdefault(frozenset(types.items()), (line, types))
    return list(found.values())


def _on(place: str, line: str, lines: Sequence[str]) -> str:
    return f"{place}: line {line}" if len(lines) > 1 else place


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")
