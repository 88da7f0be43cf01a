"""What is known of lines, from their definitions and from their data: what definitions are checked against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from configs.definitions import Line, Monitor, Selector, VariableType
from configs.errors import ConfigError
from configs.expressions import UNKNOWN, did_you_mean


class LineData(Protocol):
    """What the stored readings of a line say; ``first`` and ``last`` are reading times."""

    @property
    def types(self) -> Mapping[str, VariableType]:
        """Type of each stored variable."""

    @property
    def first(self) -> datetime:
        """Time of the oldest reading."""

    @property
    def last(self) -> datetime:
        """Time of the newest reading."""

    @property
    def sampling(self) -> timedelta:
        """Usual time between readings."""


@dataclass(slots=True)
class World:
    """Lines, monitors, routes and data together; ``describe`` is asked once a line.

    ``lines_with_data`` are the names of lines that have readings.
    """

    lines: Mapping[str, Line]
    monitors: Mapping[str, Monitor]
    lines_with_data: frozenset[str]
    describe: Callable[[str], LineData | None]
    routes: frozenset[str] = frozenset()
    _data: dict[str, LineData | None] = field(default_factory=dict)

    def data(self, line: str) -> LineData | None:
        """Return what is stored of a line, None where nothing is."""
        if line not in self.lines_with_data:
            return None
        if line not in self._data:
            self._data[line] = self.describe(line)
        return self._data[line]

    def types(self, line: str) -> dict[str, str]:
        """Type of each variable, declared or stored; `UNKNOWN` where neither says it."""
        data = self.data(line)
        types: dict[str, str] = dict(data.types) if data is not None else {}
        if line in self.lines:
            for variable in self.lines[line].variables:
                types[variable.name] = variable.type or types.get(variable.name, UNKNOWN)
        return types

    def sampling(self, line: str) -> timedelta | None:
        """Usual time between readings: declared, else found in the data, else None."""
        declared = self.lines[line].sampling if line in self.lines else None
        data = self.data(line)
        return declared or (data.sampling if data is not None else None)

    def select(self, selector: Selector) -> list[str]:
        """Return the lines a definition is for, in name order; a line is in a family by its Line definition."""
        if selector.names is not None:
            return sorted(selector.names)
        return sorted(line.name for line in self.lines.values() if line.family == selector.family)

    def select_or_refuse(self, selector: Selector, place: str) -> list[str]:
        """Return the lines a definition is for.

        Raises
        ------
        ConfigError
            If nobody belongs to the family, or a line has neither a definition nor data.
        """
        chosen = self.select(selector)
        if selector.family is not None and not chosen:
            families = {line.family for line in self.lines.values() if line.family}
            remedy = did_you_mean(selector.family, families)
            if not families:
                remedy = f"apply a Line with family: {selector.family}"
            raise ConfigError(f"{place}: lines.family", f"no line belongs to {selector.family!r}", remedy)
        known = set(self.lines) | self.lines_with_data
        for line in chosen:
            if line not in known:
                remedy = did_you_mean(line, known) if known else "apply a Line or import its data first"
                raise ConfigError(f"{place}: lines.names", f"unknown line {line!r}", remedy)
        return chosen


def merged_types(world: World, lines: Iterable[str], place: str) -> dict[str, str]:
    """Return the types of the variables that all ``lines`` have, for a model that they share.

    Raises
    ------
    ConfigError
        If the lines have no variable in common, or one has two types.
    """
    merged: dict[str, str] | None = None
    first = ""
    for line in lines:
        types = world.types(line)
        if merged is None:
            merged, first = types, line
            continue
        for name in sorted(set(merged) & set(types)):
            one, other = merged[name], types[name]
            if one != other and UNKNOWN not in (one, other):
                problem = f"{name!r} is a {one} on {first} and a {other} on {line}"
                raise ConfigError(place, problem, "give it one type, or write model: per-line")
        merged = {name: kind if kind != UNKNOWN else types[name] for name, kind in merged.items() if name in types}
        if not merged:
            problem = f"{first} and {line} have no variable in common"
            raise ConfigError(place, problem, "choose lines with the same variables, or write model: per-line")
    return merged or {}


def usual_sampling(world: World, lines: Iterable[str]) -> timedelta | None:
    """Return the sampling that most of ``lines`` have (the shortest of equals), None where none is known."""
    counts = Counter(found for line in lines if (found := world.sampling(line)) is not None)
    return min(counts, key=lambda sampling: (-counts[sampling], sampling)) if counts else None
