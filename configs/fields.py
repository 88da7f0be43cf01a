"""What the fields of definitions are made of: closed models, names, strict numbers, and which lines are meant."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Strict, model_validator

from configs.durations import format_duration

Severity = Literal["low", "medium", "high", "critical"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_LINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,98}[A-Za-z0-9_]|[A-Za-z0-9]")


Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Truth = Annotated[bool, Strict()]


class FieldError(ValueError):
    """A rule over several fields that is broken; ``field`` is the one to mend."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy


def check_cron(text: str) -> str:
    """Return ``text`` if it is a cron expression of five fields, else raise ValueError."""
    from croniter import croniter

    if len(text.split()) != 5 or not croniter.is_valid(text):
        raise ValueError(f'is not a cron expression: {text!r}; write for example "0 2 * * 1"')
    return text


def check_zone(zone: str) -> str:
    """Return ``zone`` if it is the name of a time zone, else raise ValueError."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"is not a time zone: {zone!r}; write for example Europe/Paris") from None
    return zone


def once(values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Return ``values`` if none is there twice, else raise ValueError."""
    for place, value in enumerate(values or ()):
        if values and value in values[:place]:
            shown = format_duration(value) if isinstance(value, timedelta) else repr(value)
            raise ValueError(f"names {shown} twice; keep one")
    return values


def check_name(name: str) -> str:
    """Return ``name`` if it can name a definition, else raise ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"must be letters, digits, - or _, at most 100, got {name!r}; try {_suggest(name)!r}")
    return name


def check_line_name(name: str) -> str:
    """Return ``name`` if it can name a line, else raise ValueError."""
    if not _LINE.fullmatch(name):
        allowed = "letters, digits, - _ . or inner blanks, at most 100"
        raise ValueError(f"must be {allowed}, got {name!r}; try {_suggest(name)!r}")
    return name


def _suggest(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:100] or "line-1"


Name = Annotated[str, AfterValidator(check_name)]
LineName = Annotated[str, AfterValidator(check_line_name)]


class Closed(BaseModel):
    """A frozen model that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    def to_json(self) -> dict[str, Any]:
        """Return what was given, without defaults, as JSON values; equal definitions give equal forms."""
        body = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        head: dict[str, Any] = {field: getattr(self, field) for field in ("kind", "name") if hasattr(self, field)}
        return {**head, **body}


class Selector(Closed):
    """Which lines a definition is for: a family or a list of names."""

    family: Name | None = None
    names: Annotated[tuple[LineName, ...] | None, AfterValidator(once)] = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.family is None) == (self.names is None):
            given = "nothing" if self.family is None else "both"
            remedy = "write {family: presses} or {names: [press-07]}"
            raise ValueError(f"needs either family or names, got {given}; {remedy}")
        if self.names is not None and not self.names:
            raise FieldError("names", "must list one line or more, got []", "write for example {names: [press-07]}")
        return self
