"""YAML documents as plain values, read strictly: nothing in a file can run, hide, or grow without bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from configs.errors import ConfigError

MAX_BYTES = 5_000_000
MAX_NODES = 200_000
MAX_DEPTH = 30

_CORE = "tag:yaml.org,2002:"
_TAGS = {_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq")}
_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,29})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_ODD_FLOATS = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_REMEDIES = (
    ("mapping values", "put text that holds a colon in quotes"),
    ("cannot start any token", "put the text in quotes"),
    ("',' or", "close the bracket or brace"),
    ("expected ':'", "write field: value"),
    ("unexpected end of stream", "close the quote or bracket"),
    ("control characters", "remove what is not text"),
    ("special characters", "remove what is not text"),
    ("block indicator", "put the text in quotes"),
    ("comment or line break", "put the condition in quotes"),
    ("chomping or indentation", "put the condition in quotes"),
    ("'-' indicator", "line up the fields of one list or mapping"),
    ("block end", "line up the fields of one list or mapping"),
)


@dataclass(slots=True)
class _Open:
    """A mapping or a list that has begun and not ended."""

    value: dict[str, Any] | list[Any]
    line: int
    anchor: str | None
    size: int = 1
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Puts the events of one document together."""

    place: str
    nodes: int = 0
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    whole: Any = None

    def scalar(self, event: yaml.ScalarEvent) -> None:
        line = _line(event)
        if event.tag is not None and event.tag not in _TAGS:
            raise self.error(line, f"has the tag {_tag(event.tag)[:60]!r}", "remove the tag and write a plain value")
        written = event.implicit[0]
        value = _resolve(event.value) if written or event.tag not in (None, _CORE + "str") else event.value
        self.add(value, 1, line, event.anchor)

    def begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        line = _line(event)
        if event.tag is not None and event.tag not in _TAGS:
            raise self.error(line, f"has the tag {_tag(event.tag)[:60]!r}", "remove the tag and write a plain value")
        if len(self.stack) >= MAX_DEPTH:
            raise self.error(line, f"nests deeper than {MAX_DEPTH}", "flatten it")
        self.refuse_key(line, "a list or mapping")
        self.stack.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], line, event.anchor))

    def end(self) -> None:
        done = self.stack.pop()
        self.add(done.value, done.size, done.line, done.anchor)

    def alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event)
        if event.anchor not in self.anchors:
            known = any(event.anchor == part.anchor for part in self.stack)
            name = str(event.anchor)[:60]
            problem = f"*{name} stands inside itself" if known else f"*{name} has no &{name}"
            raise self.error(line, problem, "write the value out")
        value, size = self.anchors[event.anchor]
        self.add(value, size, line, None)

    def add(self, value: Any, size: int, line: int, anchor: str | None) -> None:
        self.nodes += 1
        if size + self.nodes > MAX_NODES or (self.stack and self.stack[-1].size + size > MAX_NODES):
            raise self.error(line, f"holds more than {MAX_NODES:,} values", "split the file, and write aliases out")
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            self.whole = value
            return
        parent = self.stack[-1]
        parent.size += size
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            parent.key = self.key(value, parent.value, line)
        else:
            parent.value[parent.key] = value
            parent.key = None

    def key(self, value: Any, known: Iterable[str], line: int) -> str:
        if value == "<<":
            raise self.error(line, "<<: merges are not read", "write the fields out")
        if not isinstance(value, str):
            self.refuse_key(line, "nothing" if value is None else repr(value), inside=False)
        if value in known:
            raise self.error(line, f"field {value[:60]!r} is written twice", "keep one of them")
        return str(value)

    def refuse_key(self, line: int, shown: str, inside: bool = True) -> None:
        if not inside or (self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None):
            raise self.error(line, f"a field must be named by text, got {shown}", "write field: value")

    def error(self, line: int, problem: str, remedy: str) -> ConfigError:
        return ConfigError(f"{self.place}: line {line}", problem, remedy)


def read_yaml(path: Path) -> list[tuple[int, Any]]:
    """Read the documents of a YAML file: their number, counted from 1, and their values.

    Values are those of YAML 1.2's core schema, so that ``on``, ``yes``, ``06:00``, ``007`` and dates stay text. Empty
    documents are left out. Files may begin with a byte order mark of UTF-8.

    Raises
    ------
    ConfigError
        On what cannot be read, is not UTF-8, is longer than 5 MB or 200,000 values (aliases counted in full), is
        not YAML, names a field twice, or carries tags; with the line.
    """
    text = _read_text(path)
    found: list[tuple[int, Any]] = []
    number, builder = 0, _Builder(str(path))
    nodes = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.DocumentStartEvent):
                number += 1
                builder = _Builder(f"{path}: document {number}", nodes)
            elif isinstance(event, yaml.DocumentEndEvent):
                nodes = builder.nodes
                if builder.whole is not None:
                    found.append((number, builder.whole))
            elif isinstance(event, yaml.ScalarEvent):
                builder.scalar(event)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                builder.begin(event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                builder.end()
            elif isinstance(event, yaml.AliasEvent):
                builder.alias(event)
    except yaml.YAMLError as error:
        raise _syntax_error(path, text, error) from None
    return found


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ConfigError(str(path), f"has {size:,} bytes, at most {MAX_BYTES:,} are read", "split the file")
        data = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}", "check the path and its rights") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ConfigError(str(path), "is written in UTF-16", "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        byte = f"0x{data[error.start]:02x}"
        raise ConfigError(f"{path}: line {line}", f"byte {byte} is not UTF-8", "save the file as UTF-8") from None


def _resolve(text: str) -> Any:
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _ODD_FLOATS.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def _line(event: yaml.Event) -> int:
    return 1 if event.start_mark is None else event.start_mark.line + 1


def _tag(tag: str) -> str:
    return "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag


def _syntax_error(path: Path, text: str, error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read")
    if mark is None:
        position = getattr(error, "position", 0)
        position = position if isinstance(position, int) else 0
        line_number, column = text[:position].count("\n") + 1, 1
    else:
        line_number, column = mark.line + 1, mark.column + 1
    lines = text.splitlines()
    line = lines[line_number - 1].rstrip() if 0 < line_number <= len(lines) else ""
    remedy = next((remedy for part, remedy in _REMEDIES if part in problem), "mend the YAML there")
    if "\t" in line[: len(line) - len(line.lstrip())] or "\t" in line[max(0, column - 2) : column]:
        remedy = "indent with blanks, not tabs"
    shown = f", got {line.strip()[:80]!r}" if line.strip() else ""
    return ConfigError(f"{path}: line {line_number}", f"is not YAML at column {column} ({problem}){shown}", remedy)
