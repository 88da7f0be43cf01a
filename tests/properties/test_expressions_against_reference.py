"""Random conditions on random rows, against an evaluator written row by row in plain Python."""

import math
import operator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.expressions import evaluate
from andon.frames import signal_frame
from configs.expressions import Arithmetic, Compare, Member, Name, Node, Value, parse

OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
OPERATORS |= {"==": operator.eq, "!=": operator.ne}


def reference(node: Node, row: dict[str, Any]) -> Any:
    """None is unknown."""
    if isinstance(node, Value):
        return node.value
    if isinstance(node, Name):
        return row[node.name]
    if isinstance(node, Arithmetic):
        left = reference(node.left, row)
        right = None if node.right is None else reference(node.right, row)
        if left is None or (node.right is not None and right is None):
            return None
        if node.right is None:
            return abs(left) if node.op == "abs" else -left
        if node.op == "/":
            found = left / right if right != 0 else math.nan
        else:
            found = {"+": operator.add, "-": operator.sub, "*": operator.mul}[node.op](left, right)
        return found if math.isfinite(found) else None
    if isinstance(node, Compare):
        left, right = reference(node.left, row), reference(node.right, row)
        return None if left is None or right is None else OPERATORS[node.op](left, right)
    if isinstance(node, Member):
        value = reference(node.value, row)
        return None if value is None else any(value == reference(option, row) for option in node.options)
    parts = [reference(part, row) for part in node.parts]
    if node.op == "not":
        return None if parts[0] is None else not parts[0]
    deciding = node.op == "or"
    if any(part is not None and bool(part) == deciding for part in parts):
        return deciding
    return None if None in parts else not deciding


literals = st.sampled_from(["0", "1", "2.5", "1e200", "3"])
numbers = st.recursive(
    st.one_of(st.sampled_from(["x", "y", "`belt speed`"]), literals),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        inner.map(lambda p: f"abs({p})"),
        inner.map(lambda p: f"-{p}"),
    ),
    max_leaves=4,
)
texts = st.sampled_from(["product", '"penne"', "'fusilli'"])
comparisons = st.one_of(
    st.tuples(numbers, st.sampled_from(sorted(OPERATORS)), numbers).map(" ".join),
    st.tuples(numbers, numbers, numbers).map(lambda p: f"{p[0]} < {p[1]} <= {p[2]}"),
    st.tuples(texts, st.sampled_from(["==", "!="]), texts).map(" ".join),
    st.lists(literals, min_size=1, max_size=3).map(lambda p: f"x in ({', '.join(p)})"),
    st.just('product not in ("penne", "farfalle")'),
    st.sampled_from(["jam", "jam == 1", "jam != true", "jam in (0, 1)", "false", "true"]),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]}) and ({p[1]}) or not ({p[2]})"),
        inner.map(lambda p: f"not ({p})"),
    ),
    max_leaves=5,
)
readings = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.5, -3.0, 1e200]), st.floats(-10, 10))
rows = st.fixed_dictionaries(
    {
        "x": readings,
        "y": readings,
        "belt speed": readings,
        "jam": st.sampled_from([None, False, True]),
        "product": st.sampled_from([None, "penne", "fusilli"]),
    }
)
TYPES = {"x": "number", "y": "number", "belt speed": "number", "jam": "boolean", "product": "category"}
SCHEMA = {"x": pl.Float64, "y": pl.Float64, "belt speed": pl.Float64, "jam": pl.Boolean, "product": pl.String}


@settings(max_examples=300, deadline=None)
@given(conditions, st.lists(rows, min_size=1, max_size=8))
def test_a_condition_means_on_a_frame_what_it_means_row_by_row(text: str, table: list[dict[str, Any]]) -> None:
    table = [row for row in table if any(value is not None for value in row.values())]
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=row) for row in range(len(table))]
    data = pl.DataFrame(table, SCHEMA, orient="row").with_columns(
        pl.Series("time", times, pl.Datetime("us", "UTC")),
    )
    frame = signal_frame("press-07", data, TYPES, timedelta(minutes=1))  # type: ignore[arg-type]
    expression = parse(text)
    expected = [reference(expression.root, row) for row in table]
    found = evaluate(expression, frame)
    assert [None if np.isnan(value) else bool(value) for value in found] == [
        None if value is None else bool(value) for value in expected
    ]


@settings(max_examples=200, deadline=None)
@given(conditions)
def test_a_condition_only_reads_the_variables_it_names(text: str) -> None:
    expression = parse(text)
    assert expression.variables <= set(TYPES)
    assert parse(str(expression)) == expression


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("xy01.e+-*/<>=!()[]\"'` \nandornotinabs,&|%;#é"), max_size=40))
def test_any_text_is_a_condition_or_a_clear_refusal(text: str) -> None:
    try:
        expression = parse(text)
    except ValueError as error:
        assert "; " in str(error)
    else:
        assert parse(expression.text) == expression
