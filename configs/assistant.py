"""How the assistant goes about its lines; see docs/assistant.md."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from configs.durations import Duration, PositiveDuration
from configs.fields import Closed, Whole, check_cron, check_zone


class AssistantPlan(Closed):
    """Settings of one process of the assistant; those that share lines should have the same."""

    wake: Duration = timedelta(seconds=1)
    """How often, between passes, it looks which lines have new rows; 0: never."""
    workers: Whole = Field(default=4, ge=1, le=64)
    """Lines that are read and judged at once."""
    lease: PositiveDuration = timedelta(seconds=30)
    """How long an assistant of another machine that says nothing is taken to be there."""
    catch_up: Duration = timedelta(days=7)
    """Rows that are further behind a line's newest one are not judged after a pause; 0: all are."""
    grace: Duration = timedelta(seconds=10)
    """How long it may go on with what it is at once it is told to stop."""
    shadow: Duration = timedelta(days=14)
    """How long after a promotion the old champion is compared with the new one, and comes back if that does worse; 0:
    never."""
    compact: str | None = None
    """Cron expression, in `timezone`: when forecasts, and reasons for what was not judged, that are older than `keep`
    are removed; none: never."""
    keep: PositiveDuration = timedelta(days=400)
    timezone: str = "UTC"

    @field_validator("compact")
    @classmethod
    def _expression(cls, text: str | None) -> str | None:
        return None if text is None else check_cron(text)

    @field_validator("timezone")
    @classmethod
    def _zone(cls, zone: str) -> str:
        return check_zone(zone)
