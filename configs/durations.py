"""Lengths of time as people write them: ``30m``, ``1h30m``, ``90s``, ``2d``, or ISO 8601 ``PT30M``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, TypeAdapter

_UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_ISO = TypeAdapter(timedelta)


def parse_duration(text: Any) -> timedelta:
    """Read a length of time; zero is allowed, a sign is not.

    Raises
    ------
    ValueError
        If ``text`` is not a duration; a bare number has no unit and is refused.

    Examples
    --------
    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    if isinstance(text, timedelta):
        length = text
    elif text == 0 and not isinstance(text, bool):
        length = timedelta(0)
    elif not isinstance(text, str):
        raise ValueError(f"must be a duration with a unit, got {text!r}; write for example 30m, 90s or 2d")
    elif _WHOLE.fullmatch(text.strip()):
        length = timedelta(microseconds=round(sum(float(n) * _UNITS[u] for n, u in _PART.findall(text))))
    elif text.strip()[:1] == "P":
        try:
            length = _ISO.validate_python(text.strip())
        except ValueError:
            raise ValueError(f"is not a duration: {text!r}; write for example 30m, 90s or 2d") from None
    else:
        raise ValueError(f"is not a duration: {text!r}; write for example 30m, 90s or 2d")
    if length < timedelta(0):
        raise ValueError(f"must not be negative, got {text!r}; write for example 30m, 90s or 2d")
    if length > timedelta(days=36_500):
        raise ValueError(f"is longer than a century: {text!r}; write for example 30m, 90s or 2d")
    return length


def format_duration(length: timedelta) -> str:
    """Write a length of time in the largest units that keep it exact.

    Examples
    --------
    >>> format_duration(timedelta(minutes=90))
    '1h30m'
    >>> format_duration(timedelta(0))
    '0s'
    """
    left = round(length / timedelta(microseconds=1))
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    if left:
        return f"{length / timedelta(seconds=1):.6f}".rstrip("0") + "s"
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str, when_used="always")
]
PositiveDuration = Annotated[Duration, Field(gt=timedelta(0))]
