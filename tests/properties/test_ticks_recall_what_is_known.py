"""What a monitor recalls from tick to tick is, to the last bit, what it would work out again."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.frames import SignalFrame
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.bundle import MonitorBundle
from andon.models.monitors.line_score import LineScore
from andon.scoring.monitors import forecast_next, score_monitor
from tests.properties.test_monitor_causality import ROWS, TRIALS, WINDOW, bundles, frame_of, readings


@cache
def watching() -> MonitorBundle:
    """Networks of two hidden layers, an autoencoder, and a chart of its errors."""
    rng, lags = np.random.default_rng(3), 3
    sizes = np.array([3 * lags, 4, 3])
    autoencoder = Autoencoder(
        lags=lags,
        activation=2,
        limit=5.0,
        sizes=sizes,
        weights=rng.normal(size=int(((sizes[:-1] + 1) * sizes[1:]).sum())),
    )
    bundle = bundles()[1]
    line = bundle.line
    columns = {
        "centres": np.vstack([line.centres, np.zeros((1, 3))]),
        "scales": np.vstack([line.scales, np.ones((1, 3))]),
        "sources": np.append(line.sources, 3),
        "spans": np.append(line.spans, 2),
        "limits": np.vstack([line.limits, np.full((1, 3), 8.0)]),
        "precisions": np.concatenate([line.precisions, np.eye(3)[None]]),
        "reaches": np.append(line.reaches, 4.0),
    }
    whole: LineScore = replace(line, **columns)
    return replace(bundle, autoencoder=autoencoder, line=whole)


def part(frame: SignalFrame, begin: int, end: int) -> SignalFrame:
    return SignalFrame("line", frame.data[begin:end], frame.types, frame.sampling)


@settings(TRIALS, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 20), st.booleans()), min_size=1, max_size=12),
    st.integers(1, ROWS - 1),
)
def test_ticks_of_any_size_over_changing_history(ticks: list[tuple[int, int, bool]], end: int) -> None:
    """Each tick brings some rows, looks back on more than it must, and now and then an old reading has changed."""
    bundle, values = replace(watching()), readings().copy()
    for number, (new, more, changed) in enumerate(ticks):
        start, end = end, min(ROWS, end + new)
        if changed:
            values[max(0, start - 1 - number), number % 3] += 1.0
        frame = frame_of(values)
        seen = part(frame, max(0, start - bundle.rows_needed - more), end)
        at = frame.data["time"][start] if start < ROWS else None
        alone = replace(bundle)
        scores, again = score_monitor(bundle, seen, at), score_monitor(alone, seen, at)
        for field in ("times", "expected", "score", "flags", "line_score", "line_flag", "shares"):
            np.testing.assert_array_equal(getattr(scores, field), getattr(again, field), err_msg=field)
        if len(seen) >= WINDOW:
            assert forecast_next(bundle, seen) == forecast_next(replace(bundle), seen)


def test_a_tick_works_out_its_new_row_alone() -> None:
    bundle, frame = replace(watching()), frame_of(readings())
    first = 100 - bundle.rows_needed
    score_monitor(bundle, part(frame, first - 1, 100), frame.data["time"][99])
    worked = bundle.newest.worked
    assert worked is not None
    bundle.newest.worked = replace(worked, expected=worked.expected + 1.0)
    score_monitor(bundle, part(frame, first, 101), frame.data["time"][100])
    after = bundle.newest.worked
    assert after is not None and len(after.expected) == len(worked.expected)
    np.testing.assert_array_equal(after.expected[:-1], worked.expected[1:] + 1.0)
    (ahead,) = bundle.networks.predict(after.series, WINDOW, len(after.series), len(after.series) + 1)
    np.testing.assert_array_equal(after.expected[-1], ahead)
