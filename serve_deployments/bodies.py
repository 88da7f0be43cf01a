"""What is sent to be scored and to be stored, as the OpenAPI document describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

_ROWS = [{"time": "2026-01-01T06:00:00Z", "oil_temperature": 178.5, "product": "fries"}]


def _dictionaries(value: Any) -> Any:
    """Take rows as JSON gives them: to go through every value here, and again when they are scored, takes too long."""
    if value is not None and not (isinstance(value, list) and all(type(row) is dict for row in value)):
        raise ValueError("must be a list of objects, or null")
    return value


Rows = Annotated[
    list[dict[str, Any]] | None,
    PlainValidator(_dictionaries, json_schema_input_type=list[dict[str, Any]] | None),
    Field(description="Readings, oldest first; none: the newest of the store."),
]


class ScoreRequest(BaseModel):
    """What to score."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}, {"rows": _ROWS}]})
    rows: Rows = None
    names: list[str] = Field(default=[], description="Alerts and monitors to score; none: all of the line.")


class LineRows(BaseModel):
    """One line of many."""

    model_config = ConfigDict(extra="forbid")
    line: str
    rows: Rows = None


class ManyScoresRequest(BaseModel):
    """Which lines to score."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{}, {"lines": [{"line": "press-07", "rows": _ROWS}]}]}
    )
    lines: list[LineRows] | None = Field(default=None, description="None: every line, with its newest stored rows.")
    names: list[str] = Field(default=[], description="Alerts and monitors to score; none: all of each line.")


class Deed(BaseModel):
    """Who does something about an alert."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"author": "ada", "note": "oil topped up"}]}
    )
    author: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=5_000)


class Judgement(Deed):
    """Whether an alert was right."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"author": "ada", "verdict": "confirmed", "note": "it jammed"}]}
    )
    verdict: Literal["confirmed", "rejected", "avoided"]


class SilenceRequest(BaseModel):
    """Nobody is told of what is silenced; it is judged and kept all the same."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "author": "ada",
                    "reason": "maintenance",
                    "line": "press-07",
                    "start": "2026-01-01T06:00:00Z",
                    "end": "2026-01-01T08:00:00Z",
                }
            ]
        },
    )
    author: str = Field(min_length=1, max_length=200)
    reason: str = Field(min_length=1, max_length=5_000)
    line: str | None = Field(default=None, description="None: every line.")
    alert: str | None = Field(default=None, description="None: every alert.")
    start: datetime | None = Field(default=None, description="None: now. UTC unless an offset is given.")
    end: datetime
