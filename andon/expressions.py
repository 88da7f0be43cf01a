"""Conditions evaluated on the rows of a frame, in three-valued logic."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from andon.frames import Floats, SignalFrame
from configs.expressions import Arithmetic, Compare, Expression, Member, Name, Node, Value, check

_COMPARE: dict[str, Any] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_ARITHMETIC: dict[str, Any] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}


def evaluate(expression: Expression, frame: SignalFrame) -> Floats:
    """Evaluate a condition on every row, in Kleene's strong three-valued logic.

    A null reading is unknown, and so is every comparison with it, a division by zero and what is too large for a
    float; ``unknown and false`` is false, ``unknown or true`` is true, and all else with unknown is unknown
    (S. C. Kleene, Introduction to Metamathematics, 1952, section 64).

    Returns
    -------
    Floats
        float64 (n_rows,): 1 true, 0 false, NaN unknown.

    Raises
    ------
    ConfigError
        If the line lacks a variable of the condition, or one has the wrong type.

    Examples
    --------
    >>> from datetime import UTC, datetime, timedelta
    >>> from andon.frames import signal_frame
    >>> from configs.expressions import parse
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> times = pl.Series("time", [start + timedelta(minutes=m) for m in range(3)], pl.Datetime("us", "UTC"))
    >>> rows = pl.DataFrame({"time": times, "jam": [0, None, 1], "speed": [9, 9, 11]})
    >>> frame = signal_frame("press-07", rows, {"jam": "boolean", "speed": "number"})
    >>> evaluate(parse("jam == 1 and speed > 10"), frame)
    array([0., 0., 1.])
    """
    check(expression, frame.types, f"line {frame.line}")
    with np.errstate(all="ignore"):
        found = _numbers(expression.root, frame)
    return np.broadcast_to(found, len(frame)).astype(np.float64)


def _numbers(node: Node, frame: SignalFrame) -> Floats:
    """Values of a number or truth, float64 (n_rows,) or (), NaN where unknown."""
    if isinstance(node, Value):
        return np.asarray(node.value, dtype=np.float64)
    if isinstance(node, Name):
        return frame.numbers(node.name)
    if isinstance(node, Arithmetic):
        return _arithmetic(node, frame)
    if isinstance(node, Compare):
        if _is_text(node.left, frame):
            return _same_text(node.left, node.right, frame, negated=node.op == "!=")
        left, right = _numbers(node.left, frame), _numbers(node.right, frame)
        return _known(_COMPARE[node.op](left, right), left + right * 0)
    if isinstance(node, Member):
        return _any([_numbers(Compare("==", node.value, option), frame) for option in node.options])
    parts = [_numbers(part, frame) for part in node.parts]
    if node.op == "not":
        return 1 - parts[0]
    return _any(parts) if node.op == "or" else 1 - _any([1 - part for part in parts])


def _arithmetic(node: Arithmetic, frame: SignalFrame) -> Floats:
    left = _numbers(node.left, frame)
    if node.right is None:
        return np.abs(left) if node.op == "abs" else -left
    found = _ARITHMETIC[node.op](left, _numbers(node.right, frame))
    return np.where(np.isfinite(found), found, np.nan)


def _known(found: Any, sides: Floats) -> Floats:
    return np.where(np.isnan(sides), np.nan, found)


def _any(parts: list[Floats]) -> Floats:
    # Of 0, unknown and 1 taken as 0, 0.5 and 1, Kleene's "or" is the greatest.
    greatest = np.maximum.reduce(np.broadcast_arrays(*[np.where(np.isnan(part), 0.5, part) for part in parts]))
    return np.where(greatest == 0.5, np.nan, greatest)


def _is_text(node: Node, frame: SignalFrame) -> bool:
    if isinstance(node, Name):
        return frame.types[node.name] == "category"
    return isinstance(node, Value) and isinstance(node.value, str)


def _same_text(left: Node, right: Node, frame: SignalFrame, negated: bool) -> Floats:
    sides = [
        pl.col(side.name) if isinstance(side, Name) else pl.lit(side.value if isinstance(side, Value) else None)
        for side in (left, right)
    ]
    same = frame.data.select((sides[0] == sides[1]).cast(pl.Float64).alias("same"))["same"].fill_null(np.nan).to_numpy()
    return 1 - same if negated else same
