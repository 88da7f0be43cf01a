"""``andon init``: a Line and a Monitor proposed from a table, as YAML with comments, to be edited and applied."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from andon.frames import SignalFrame
from configs.definitions import Role
from configs.durations import format_duration
from configs.periods import format_time
from pipelines.tables.lines import LineTable

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*([ .-][A-Za-z0-9_]+)*")
_KEYWORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"}
_IN_BRACKETS = re.compile(r"\[([^\[\]]{1,20})\]\s*$|\(([^()]{1,20})\)\s*$")
_SUFFIXES = {
    "c": "°C",
    "degc": "°C",
    "celsius": "°C",
    "f": "°F",
    "degf": "°F",
    "kelvin": "K",
    "bar": "bar",
    "mbar": "mbar",
    "pa": "Pa",
    "kpa": "kPa",
    "mpa": "MPa",
    "psi": "psi",
    "rpm": "1/min",
    "hz": "Hz",
    "kw": "kW",
    "kwh": "kWh",
    "volt": "V",
    "ampere": "A",
    "amps": "A",
    "mm": "mm",
    "kg": "kg",
    "pct": "%",
    "percent": "%",
    "lpm": "l/min",
    "ms": "ms",
}
_SETTING_NAME = re.compile(r"(^|[_ ])(set|setting|setpoint|sp|target)([_ ]|$)", re.IGNORECASE)
_RECIPE_NAME = re.compile(r"(^|[_ ])(recipe|product|sku|article)([_ ]|$)", re.IGNORECASE)
_FEW, _RARELY = 20, 0.02
_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def find_unit(header: str) -> str | None:
    """Return the unit that a column's name says, in brackets or as a suffix that means nothing else.

    Examples
    --------
    >>> find_unit("oil temperature [°C]"), find_unit("speed (1/min)"), find_unit("pressure_bar"), find_unit("jam")
    ('°C', '1/min', 'bar', None)
    """
    if found := _IN_BRACKETS.search(header):
        return (found[1] or found[2]).strip() or None
    head, mark, tail = header.rpartition("_")
    if not mark or not head:
        return None
    # A lone letter is a unit only behind what is measured in it: zone_c is the third zone.
    if tail.lower() in ("c", "f") and not re.search(r"temp|oil|water|air|heat", head, re.IGNORECASE):
        return None
    return _SUFFIXES.get(tail.lower())


def line_name(file: Path) -> str:
    """Return a name for the line of a file.

    Examples
    --------
    >>> line_name(Path("data/Press 07 (March).csv.gz"))
    'Press-07-March'
    """
    return _NAME.sub("-", file.name.split(".")[0]).strip("-_")[:100] or "line-1"


def propose(tables: Sequence[LineTable], timezone: str = "UTC", family: str | None = None) -> str:
    """Write a Line for each table of a line and a Monitor for each (or one for the family), as YAML to edit.

    Variables are named as the table's columns are, so that what is written can be applied beside the imported data.

    Parameters
    ----------
    timezone
        Of people: of shifts and schedules.
    family
        Family of the lines; one Monitor then covers them all.
    """
    documents = []
    watched: list[tuple[str, list[_Seen]]] = []
    for table in tables:
        seen = [_look(table.frame, name) for name in table.frame.variables]
        documents.append(_line(table, seen, timezone, family))
        watched.append((table.frame.line, seen))
    if family is not None:
        # A variable that stood still on a few lines of many is worth watching on the others.
        counts = Counter(one.name for _, seen in watched for one in seen if one.unwatched)
        out = sorted(name for name, count in counts.items() if 2 * count > len(watched))
        if any(one.type == "number" and one.name not in out for _, seen in watched for one in seen):
            documents.append(_monitor(f"normal-{family}", f"{{family: {_scalar(family)}}}", out))
    else:
        for line, seen in watched:
            if any(one.type == "number" and not one.unwatched for one in seen):
                out = [one.name for one in seen if one.unwatched]
                name = _NAME.sub("-", f"normal-{line}").strip("-")[:100]
                documents.append(_monitor(name, f"{{names: [{_scalar(line)}]}}", out))
    return "---\n".join(documents)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a column looks like."""

    name: str
    type: str
    role: Role
    comment: str
    unwatched: bool
    """Whether a monitor had better leave it out."""


def _look(frame: SignalFrame, name: str) -> _Seen:
    values = frame.data[name].drop_nulls()
    kind = frame.types[name]
    different = values.n_unique()
    changes = int((values != values.shift(1)).sum())
    if different == 1:
        return _Seen(name, kind, "sensor", f"constant: always {_shown(values[0])}", unwatched=kind != "category")
    if kind == "category":
        shown = ", ".join(_shown(value) for value in values.unique().sort().head(5))
        comment = f"{different} values: {shown}{', ...' if different > 5 else ''}"
        return _Seen(name, kind, "recipe" if _RECIPE_NAME.search(name) else "sensor", comment, unwatched=False)
    if kind == "boolean" or (different == 2 and values.is_in((0.0, 1.0)).all()):
        share = f"{100 * float(values.mean()):.3g} % of readings"  # type: ignore[arg-type]
        return _Seen(name, kind, "sensor", f"1 in {share}: an event? (target: {_target(name)})", unwatched=True)
    steps_rarely = different <= _FEW and changes <= max(_RARELY * len(values), 1)
    if (len(values) >= 20 and steps_rarely) or (_SETTING_NAME.search(name) and different <= len(values) // 10 + 1):
        span = f"{_shown(values.min())} to {_shown(values.max())}"
        comment = f"{different} values, {span}, changed {changes} times: a setting?"
        return _Seen(name, kind, "setting", comment, unwatched=False)
    missing = 1 - len(values) / len(frame)
    span = f"{_shown(values.min())} to {_shown(values.max())}"
    return _Seen(name, kind, "sensor", span + (f", {100 * missing:.0f} % empty" if missing >= 0.01 else ""), False)


def _target(name: str) -> str:
    return f"{name} == 1" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"`{name}` == 1"


def _line(table: LineTable, seen: Sequence[_Seen], timezone: str, family: str | None) -> str:
    frame = table.frame
    first, last = frame.data["time"][0], frame.data["time"][-1]
    lines = [
        f"# From {table.path.name}: {len(frame):,} rows, {format_time(first)} to {format_time(last)}.",
        "# Edit, then: andon apply",
        "kind: Line",
        f"name: {_scalar(frame.line)}",
        f"family: {_scalar(family)}" if family else "# family: presses",
        f"sampling: {format_duration(_round(frame.sampling))}",
        f"timezone: {timezone}" + (" # of people; data is UTC" if timezone == "UTC" else ""),
        '# shifts: ["06:00", "14:00", "22:00"]',
        "variables:",
    ]
    for one in seen:
        fields = [f"name: {_scalar(one.name)}"]
        unit = find_unit(one.name)
        if unit is not None:
            fields.append(f"unit: {_scalar(unit)}")
        fields.append(f"type: {one.type}")
        if one.role != "sensor":
            fields.append(f"role: {one.role}")
        lines.append(f"  - {{{', '.join(fields)}}} # {one.comment}")
    if table.empty:
        names = ", ".join(table.empty)
        lines.append(f"# without any reading, so left out: {names}")
    return "\n".join(lines) + "\n"


def _monitor(name: str, lines: str, exclude: Sequence[str]) -> str:
    text = f"kind: Monitor\nname: {_scalar(name)}\nlines: {lines}\n"
    if exclude:
        text += "variables:\n  exclude: # constant, or events rather than readings\n"
        text += "".join(f"    - {_scalar(one)}\n" for one in exclude)
    return text + "# train: {start: 2026-01-01, end: 2026-02-01} # default: the first four fifths of the data\n"


def _round(sampling: timedelta) -> timedelta:
    """Round a median of real clocks to what was meant: to the second from ten seconds on, else to the millisecond."""
    grain = timedelta(seconds=1) if sampling >= timedelta(seconds=10) else timedelta(milliseconds=1)
    rounded = round(sampling / grain) * grain
    return rounded or sampling


def _scalar(text: str) -> str:
    """Write a text so that YAML reads it as text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _KEYWORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 30 else text[:27] + "..."
