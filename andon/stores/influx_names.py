"""Names in InfluxDB: quoting, and which measurement, tags and field a variable of a line has by its layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from andon.errors import DataError
from configs.definitions import VariableType
from configs.influx import InfluxLayout

CHECK = "andon_check"
"""Measurement of the one point that `andon stores check` writes."""
KINDS: dict[str, VariableType] = {
    "float": "number", "integer": "number", "unsigned": "number", "boolean": "boolean", "string": "category",
}  # fmt: skip

WHOLE = {"integer", "unsigned"}


@dataclass(frozen=True, slots=True)
class Column:
    """Where a variable of a line lies: ``whole`` where the field holds integers only."""

    measurement: str
    key: str
    kind: VariableType
    whole: bool = False


def identifier(name: str) -> str:
    r"""Quote a measurement, tag or field for InfluxQL.

    Examples
    --------
    >>> identifier('a "b"')
    '"a \\"b\\""'
    """
    return '"{}"'.format(name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


def literal(text: str) -> str:
    r"""Quote a text for InfluxQL.

    Examples
    --------
    >>> literal("prod'uct")
    "'prod\\'uct'"
    """
    return "'{}'".format(text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n"))


def moment(at: datetime) -> str:
    """Return a time for InfluxQL.

    Examples
    --------
    >>> from datetime import UTC
    >>> moment(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    "'1969-12-31T23:59:59.999999Z'"
    """
    return f"'{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z'"


def name_in(text: str, template: str, part: str) -> str | None:
    """Return what stands for ``{part}`` where ``text`` is of the form of ``template``, else None.

    Examples
    --------
    >>> name_in("line_press-07", "line_{line}", "line")
    'press-07'
    """
    before, _, after = template.partition(f"{{{part}}}")
    if len(text) <= len(before) + len(after) or not (text.startswith(before) and text.endswith(after)):
        return None
    return text[len(before) : len(text) - len(after)]


class InfluxNames:
    """A layout at work."""

    def __init__(self, layout: InfluxLayout, bucket: str) -> None:
        self.layout = layout
        shared = layout.forecasts_bucket in (None, bucket)
        self._own = {CHECK, *([layout.forecasts] if shared else [])}

    @property
    def by_field(self) -> bool:
        """Whether variables are fields, so that a point holds many."""
        return self.layout.place_of("variable") == "field"

    def measurement(self, line: str, variable: str) -> str:
        """Return the measurement of a variable."""
        return self.layout.measurement.replace("{line}", line).replace("{variable}", variable)

    def tags(self, line: str, variable: str) -> dict[str, str]:
        """Return the tags of a variable, by name."""
        given = {
            tag: template.replace("{line}", line).replace("{variable}", variable)
            for tag, template in self.layout.tags.items()
        }
        return dict(sorted(given.items()))

    def new_column(self, line: str, variable: str, kind: VariableType) -> Column:
        """Return where a variable that is not stored yet will lie.

        Raises
        ------
        DataError
            If a name cannot be one in InfluxDB, or is kept for Andon.
        """
        for what, name in (("line", line), ("variable", variable)):
            if not name or name.endswith("\\") or any(ord(letter) < 32 for letter in name):
                raise DataError(f"{what} {name!r}", "cannot be a name in InfluxDB", "rename it")
        if self.by_field:
            key = self.layout.field.replace("{variable}", variable)
        else:
            key = {"number": self.layout.field, "category": self.layout.text, "boolean": self.layout.flag}[kind]
        measurement = self.measurement(line, variable)
        if measurement in self._own:
            raise DataError(f"line {line}", f"measurement {measurement!r} is Andon's own", "rename line or variable")
        if self.by_field and key in ("time", "_measurement", "_field"):
            raise DataError(f"line {line}: {variable}", "is no name of a field in InfluxDB", "rename the variable")
        return Column(measurement, key, kind)

    def is_reading(self, measurement: str) -> bool:
        """Return whether a measurement may hold readings."""
        if measurement in self._own:
            return False
        part = next((part for part in ("line", "variable") if f"{{{part}}}" in self.layout.measurement), None)
        if part is None:
            return measurement == self.layout.measurement
        return name_in(measurement, self.layout.measurement, part) is not None

    def line_of(self, measurement: str) -> str | None:
        """Return the line that a measurement names."""
        return name_in(measurement, self.layout.measurement, "line") if self.is_reading(measurement) else None

    def line_in_tag(self, value: str) -> str | None:
        """Return the line that the value of the line's tag names."""
        return name_in(value, self.layout.tags[self.layout.tag_of("line") or ""], "line")

    def variable_of(self, measurement: str, tags: Mapping[str, str]) -> str | None:
        """Return the variable that a series is of, where variables are no fields."""
        tag = self.layout.tag_of("variable")
        if tag is not None:
            return name_in(tags.get(tag, ""), self.layout.tags[tag], "variable")
        return name_in(measurement, self.layout.measurement, "variable") if self.is_reading(measurement) else None

    def where(self, line: str | None, variables: Iterable[str] = (), times: Iterable[str] = ()) -> str:
        """Return a WHERE clause: the series of a line (and of some variables, where a tag names them) in a span."""
        terms = [f"{identifier(tag)} = {literal(value)}" for tag, value in self.layout.fixed_tags.items()]
        if line is not None and (tag := self.layout.tag_of("line")):
            terms.append(f"{identifier(tag)} = {literal(self.layout.tags[tag].replace('{line}', line))}")
        if tag := self.layout.tag_of("variable"):
            values = [self.layout.tags[tag].replace("{variable}", one) for one in variables]
            if values:
                terms.append(f"({' OR '.join(f'{identifier(tag)} = {literal(value)}' for value in values)})")
        terms.extend(times)
        return f" WHERE {' AND '.join(terms)}" if terms else ""

    def grouping(self) -> str:
        """Return the GROUP BY clause that tells variables apart, empty where none is due."""
        tag = self.layout.tag_of("variable")
        return f" GROUP BY {identifier(tag)}" if tag else ""
