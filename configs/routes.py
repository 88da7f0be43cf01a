"""Routes: who is told of which alerts, when, and by e-mail, webhook or log."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from configs.durations import PositiveDuration
from configs.fields import Closed, FieldError, Name, Selector, Severity, Truth, Whole, once

Told = Literal["firing", "no-data", "error", "acknowledged", "acted", "resolved"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_HOURS = re.compile(rf"({_CLOCK})-({_CLOCK}|24:00)")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


def check_address(address: str) -> str:
    """Return ``address`` if mail can be sent to it, else raise ValueError.

    Examples
    --------
    >>> check_address("shift-lead@plant.example")
    'shift-lead@plant.example'
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"is not an e-mail address: {address!r}; write for example shift-lead@plant.example")
    return address


def check_web_address(url: str) -> str:
    """Return ``url`` if it can be posted to, else raise ValueError that does not show it: it may be a secret."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
        parts = urlsplit("")
    if not fits or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("is not a web address; write for example https://hooks.plant.example/andon")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or a password; remove it, since what is sent is signed")
    return url


class Limit(Closed):
    """How many messages one recipient gets at most in a time; what is more waits, and comes as one digest."""

    messages: Whole = Field(default=20, ge=1, le=100_000)
    per: PositiveDuration = timedelta(hours=1)


class Route(Closed):
    """Who is told of what: an alert goes by a route that it names, or that asks for it, if severity and time fit."""

    kind: Literal["Route"] = "Route"
    name: Name
    alerts: Literal["named", "all"] | Annotated[tuple[Name, ...], AfterValidator(once), Field(min_length=1)] = "named"
    """``named``: those whose definition names the route; ``all``; or a list of alerts."""
    lines: Selector | None = None
    """None: any line."""
    severity: Severity = "low"
    """This one and what is graver."""
    events: Annotated[tuple[Told, ...], AfterValidator(once)] = Field(
        default=("firing", "no-data", "error", "resolved"), min_length=1
    )
    shifts: Annotated[tuple[str, ...], AfterValidator(once)] = ()
    """Starts of shifts of the line; none: all of them."""
    hours: tuple[str, ...] = ()
    """For example ``22:00-06:00``, in the line's time zone; none: always."""
    days: Annotated[tuple[Day, ...], AfterValidator(once)] = ()
    email: Annotated[tuple[Annotated[str, AfterValidator(check_address)], ...], AfterValidator(once)] = ()
    webhook: Annotated[str, AfterValidator(check_web_address)] | None = None
    log: Truth = False
    limit: Limit = Limit()
    digest: Whole = Field(default=5, ge=2, le=100_000)
    """From how many that wait for one recipient they come as one."""

    @field_validator("shifts")
    @classmethod
    def _starts(cls, shifts: tuple[str, ...]) -> tuple[str, ...]:
        for shift in shifts:
            if not re.fullmatch(_CLOCK, shift):
                raise ValueError(f'is not the start of a shift: {shift!r}; write for example "06:00"')
        return shifts

    @field_validator("hours")
    @classmethod
    def _spans(cls, hours: tuple[str, ...]) -> tuple[str, ...]:
        for span in hours:
            found = _HOURS.fullmatch(span)
            if not found or found[1] == found[2]:
                raise ValueError(f'is not a span of hours: {span!r}; write for example "22:00-06:00"')
        return hours

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.email and self.webhook is None and not self.log:
            raise FieldError("email", "nobody is told", "add email, webhook or log: true")
        return self

    @property
    def minutes(self) -> tuple[tuple[int, int], ...]:
        """The spans of ``hours``, in minutes of the day; one that passes midnight ends before it begins."""
        found = (_HOURS.fullmatch(span) for span in self.hours)
        return tuple((_minute(one[1]), _minute(one[2])) for one in found if one is not None)


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
