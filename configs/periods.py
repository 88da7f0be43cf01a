"""Half-open periods of time, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_validator

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?( ?([Zz]|[+-]\d\d(:?\d\d)?))?)?")


def _as_datetime(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    # Only ISO 8601 as people write it: a string of digits would be read as seconds since 1970.
    if isinstance(value, str) and _WRITTEN.fullmatch(value.strip()):
        try:
            return datetime.fromisoformat(value.strip().upper().replace(" Z", "Z"))
        except ValueError as error:
            raise ValueError(f"is not a time: {value!r} ({error}); write 2026-01-01 or 2026-01-01T06:00:00Z") from None
    raise ValueError(f"must be a date or a time, got {value!r}; write 2026-01-01 or 2026-01-01T06:00:00Z")


def _as_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def format_time(value: datetime) -> str:
    """Write a UTC time in ISO 8601 with a ``Z``.

    Examples
    --------
    >>> format_time(datetime(2026, 1, 1, 6, tzinfo=UTC))
    '2026-01-01T06:00:00Z'
    """
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


UtcTime = Annotated[
    datetime, BeforeValidator(_as_datetime), AfterValidator(_as_utc), PlainSerializer(format_time, return_type=str)
]


class Period(BaseModel):
    """``[start, end)``; times without an offset are UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    start: UtcTime
    end: UtcTime

    @model_validator(mode="after")
    def _start_before_end(self) -> Period:
        if self.start >= self.end:
            raise ValueError(
                f"start {format_time(self.start)} is not before end {format_time(self.end)}; give a later end"
            )
        return self

    def overlaps(self, other: Period) -> bool:
        """Whether the two share a moment."""
        return self.start < other.end and other.start < self.end
