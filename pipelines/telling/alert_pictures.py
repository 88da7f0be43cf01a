"""The picture of an alert: which variables, how far back, and the limit that they passed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from andon.ports import Signals
from andon.reports.alert_chart import Course, alert_chart
from configs.expressions import Compare, Name, Value, parse

COURSES = 3
"""Variables in a picture: it is looked at on a telephone."""
_STANDING = ("firing", "error", "no-data")
_SHORTEST, _LONGEST = timedelta(minutes=30), timedelta(days=2)
_READINGS = 240


def alert_picture(body: Mapping[str, Any], signals: Signals) -> bytes | None:
    """Return what the variables of an event read before it, as PNG; None where nothing was read or it is no news.

    Raises
    ------
    AndonError
        If the readings cannot be had.
    """
    event, line = body["event"], str(body["alert"]["line"])
    if event["state"] not in _STANDING:
        return None
    wanted, limits = _variables(body), _limits(body["definition"]["condition"])
    stored = signals.describe_line(line)
    shown = [name for name in wanted if stored is not None and stored.types.get(name) in ("number", "boolean")]
    if stored is None or not shown:
        return None
    at = datetime.fromisoformat(event["time"])
    span = min(max(_READINGS * stored.sampling, _SHORTEST), _LONGEST)
    frame = signals.read_signals(line, shown[:COURSES], at - span, at + timedelta(microseconds=1))
    if len(frame) < 2:
        return None
    courses = [
        Course(
            name,
            body["units"].get(name, ""),
            frame.data[name].cast(pl.Float64).fill_null(np.nan).to_numpy(),
            limits.get(name),
        )
        for name in shown[:COURSES]
    ]
    return alert_chart(frame.data["time"].to_list(), courses, at, body["timezone"])


def _variables(body: Mapping[str, Any]) -> list[str]:
    """Return those to blame first, then those of the condition, then what else was read."""
    evidence = body["event"]["evidence"]
    top = evidence.get("top") or evidence.get("blamed") or []
    blamed = [str(one["variable"]) for one in top if isinstance(one, Mapping)]
    condition = body["definition"]["condition"]
    named = sorted(parse(condition).variables) if condition else []
    return list(dict.fromkeys([*blamed, *named, *(evidence.get("values") or {})]))


def _limits(condition: str | None) -> dict[str, float]:
    """Return the limit that a condition such as ``x > 80`` sets."""
    root = parse(condition).root if condition else None
    if isinstance(root, Compare) and isinstance(root.left, Name) and isinstance(root.right, Value):
        return {root.left.name: root.right.value} if isinstance(root.right.value, float) else {}
    return {}
