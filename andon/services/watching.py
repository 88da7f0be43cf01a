"""Which definitions watch which line, with which champion; bundles are loaded once a version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from andon.errors import AndonError, ConfigError
from andon.models.bundle import AlertBundle, Bundle, read_bundle
from andon.models.monitors.bundle import MonitorBundle
from andon.ports import Documents, Models
from andon.records import ModelKey
from andon.scoring.verdicts import Reason, Watch
from andon.services.definitions import typed_definition
from configs.definitions import Alert, Definition, Line, Monitor, Route
from configs.expressions import did_you_mean


@dataclass(slots=True)
class Cache:
    """What is kept from one tick to the next in one process: parsed definitions and loaded bundles, by version."""

    definitions: dict[tuple[str, str], tuple[int, Definition]] = field(default_factory=dict)
    bundles: dict[ModelKey, tuple[int, Bundle]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watching:
    """Every definition, at one moment; ``refused`` are those that this version of Andon no longer understands."""

    lines: dict[str, Line]
    definitions: tuple[Alert | Monitor, ...]
    refused: tuple[tuple[str, str], ...] = ()

    def of(self, line: str) -> list[Alert | Monitor]:
        """Return the alerts and monitors that are for a line, by name."""
        declared = self.lines.get(line)
        return [one for one in self.definitions if is_for(one, line, declared)]

    def names(self) -> list[str]:
        """Return the lines that are watched by anything, in name order."""
        named = {line for one in self.definitions for line in one.lines.names or ()}
        return sorted(line for line in {*self.lines, *named} if self.of(line))

    def names_of(self, definition: Alert | Monitor) -> list[str]:
        """Return the lines that a definition is for, in name order."""
        named = {*self.lines, *(definition.lines.names or ())}
        return sorted(line for line in named if is_for(definition, line, self.lines.get(line)))

    def require(self, lines: Sequence[str]) -> list[str]:
        """Return ``lines``, or all that are watched if there is none.

        Raises
        ------
        ConfigError
            If nothing watches one of them, or any line at all.
        """
        known = self.names()
        if not known:
            raise ConfigError("assistant", "no alert or monitor is for any line", "apply definitions first")
        for line in lines:
            if line not in known:
                raise ConfigError(f"line {line}", "no alert or monitor is for it", did_you_mean(line, known))
        return list(dict.fromkeys(lines)) or known


def is_for(definition: Alert | Monitor, line: str, declared: Line | None) -> bool:
    """Tell whether a definition is for a line; ``declared`` is the line's own definition, where it has one."""
    if definition.lines.family is None:
        return line in (definition.lines.names or ())
    return declared is not None and declared.family == definition.lines.family


def model_keys(definition: Alert | Monitor, line: str) -> tuple[ModelKey, ...]:
    """Return the models that may serve a definition on a line; the first that has a champion does.

    That is the line's own model once it has earned its place, and until then its family's, if the definition is for a
    family: a line without history is served by what the other lines have taught.
    """
    family = definition.lines.family if isinstance(definition, Alert) else None
    return ModelKey(definition.name, line), *([] if family is None else [ModelKey(definition.name, family=family)])


def champion_of(definition: Alert | Monitor, line: str, models: Models) -> tuple[ModelKey, int] | None:
    """Return the model that serves a definition on a line, and its champion's version; None if there is none yet."""
    for key in model_keys(definition, line):
        version = models.pointer(key)
        if version is not None:
            return key, version
    return None


def read_watching(documents: Documents, cache: Cache) -> Watching:
    """Read the definitions; one that is not understood is set aside."""
    lines: dict[str, Line] = {}
    watching: list[Alert | Monitor] = []
    refused: list[tuple[str, str]] = []
    for stored in documents.list_definitions():
        version, definition = cache.definitions.get((stored.kind, stored.name), (0, None))
        if version != stored.version or definition is None:
            try:
                definition = typed_definition(stored)
            except ConfigError as error:
                refused.append((stored.name, str(error)))
                continue
            cache.definitions[stored.kind, stored.name] = stored.version, definition
        if isinstance(definition, Line):
            lines[definition.name] = definition
        elif not isinstance(definition, Route):
            watching.append(definition)
    return Watching(lines, tuple(sorted(watching, key=lambda one: (one.name, one.kind))), tuple(refused))


def watches_of(line: str, watching: Watching, models: Models, cache: Cache) -> tuple[Watch, ...]:
    """Return what watches a line, each with its champion or why it has none."""
    concerning = watching.of(line)
    monitors = {one.name: _watch(one, line, models, cache) for one in concerning if isinstance(one, Monitor)}
    watches = []
    for definition in concerning:
        if isinstance(definition, Monitor):
            watches.append(monitors[definition.name])
        elif definition.type == "classifier":
            watches.append(_watch(definition, line, models, cache))
        else:
            watches.append(Watch(definition) if definition.monitor is None else _watch_by(definition, monitors))
    return tuple(watches)


def context_of(bundles: Iterable[Bundle | None]) -> tuple[timedelta, int]:
    """Return how far back in time, and how many rows before a row, models look."""
    span, rows = timedelta(0), 1
    for bundle in bundles:
        if isinstance(bundle, AlertBundle):
            span = max(span, bundle.features.longest + bundle.features.stride)
        elif isinstance(bundle, MonitorBundle):
            rows = max(rows, bundle.rows_needed)
    return span, rows


def _watch_by(alert: Alert, monitors: Mapping[str, Watch]) -> Watch:
    """Return an alert with the champion of the monitor that it is judged by."""
    served = monitors.get(str(alert.monitor))
    if served is None:
        return Watch(alert, problem=Reason("monitor", f"monitor {alert.monitor} does not watch this line"))
    problem = served.problem
    if problem is not None:
        problem = Reason(problem.kind, f"monitor {alert.monitor}: {problem.text}")
    return Watch(alert, served.bundle, served.version, problem)


def _watch(definition: Alert | Monitor, line: str, models: Models, cache: Cache) -> Watch:
    champion = champion_of(definition, line, models)
    if champion is None:
        option = f"--{definition.kind.lower()} {definition.name}"
        return Watch(definition, problem=Reason("untrained", f"is not trained yet: run `andon train {option}`"))
    key, version = champion
    known, bundle = cache.bundles.get(key, (0, None))
    if known != version or bundle is None:
        try:
            published = models.get(key, version)
            if published is None:
                return Watch(definition, problem=Reason("untrained", f"version {version} is gone from the registry"))
            bundle = read_bundle(Path(published.path))
        except (AndonError, OSError, ValueError) as error:
            return Watch(definition, problem=Reason("damaged", str(error)))
        cache.bundles[key] = version, bundle
    return Watch(definition, bundle, version)
