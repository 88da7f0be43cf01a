"""The newest row judged in one compiled call is the last row of the pass over all of them, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from andon.frames import SignalFrame
from andon.models.monitors.autoencoders import Autoencoder
from andon.models.monitors.bundle import MonitorBundle
from andon.scoring.monitors import blamed_variables, forecast_next, score_monitor
from andon.scoring.newest import NewestRows
from tests.watched_line import history, make_rows, normal_bundle, rows_of


def with_autoencoder(bundle: MonitorBundle) -> MonitorBundle:
    """Give a bundle a network of random weights, and a chart of what it errs by."""
    rng, count, line = np.random.default_rng(3), len(bundle.variables), bundle.line
    sizes = np.array([3 * count, 4, count])
    weights = rng.normal(size=sum((into + 1) * out for into, out in pairwise(sizes))) / 3
    members = len(line.members)
    return replace(
        bundle,
        autoencoder=Autoencoder(3, 2, 8.0, sizes, weights),
        line=replace(
            line,
            centres=np.concatenate([line.centres[:3], rng.normal(size=(1, members))]),
            scales=np.concatenate([line.scales[:3], np.ones((1, members))]),
            sources=np.append(line.sources, 3),
            spans=np.append(line.spans, 2),
            limits=np.concatenate([line.limits, np.full((1, members), 8.0)]),
            precisions=np.concatenate([line.precisions, np.eye(members)[None]]),
            reaches=np.append(line.reaches, 1.5),
        ),
    )


@pytest.mark.parametrize("autoencoder", [False, True], ids=["forecasters", "autoencoder"])
@pytest.mark.parametrize("seed", [7, 11])
def test_the_newest_row_is_the_last_of_all(autoencoder, seed):
    bundle = with_autoencoder(normal_bundle()) if autoencoder else normal_bundle()
    frame = make_rows(400, seed)
    spiked = frame.data.with_row_index().with_columns(speed=pl.col("speed") * (1.0 + 1e9 * (pl.col("index") % 97 == 0)))
    frame = SignalFrame(frame.line, spiked.drop("index"), frame.types, frame.sampling)
    whole = score_monitor(bundle, frame)
    flagged = 0
    for row in range(bundle.rows_needed, len(frame)):
        part = rows_of(frame, 0, row + 1)
        found = NewestRows(part).judge(bundle)
        for name in ("expected", "actual", "score", "flags"):
            assert np.array_equal(getattr(found, name), getattr(whole, name)[row], equal_nan=name != "flags"), name
        assert found.line_score == whole.line_score[row]
        assert found.line_flag == whole.line_flag[row]
        assert found.blamed == blamed_variables(whole, row)
        flagged += found.line_flag
    assert flagged > 0
    ahead = forecast_next(bundle, frame)
    assert found.forecast.tolist() == [one.expected for one in ahead]
    assert [found.low.tolist(), found.high.tolist()] == [[one.low for one in ahead], [one.high for one in ahead]]


def test_a_variable_that_the_line_lacks_is_not_read():
    frame = history().select(["oil", "vibration", "product"])
    found = NewestRows(frame).judge(normal_bundle())
    whole = score_monitor(normal_bundle(), frame)
    assert np.array_equal(found.expected, whole.expected[-1], equal_nan=True)
    assert np.isnan(found.actual[list(normal_bundle().variables).index("speed")])
    assert found.line_score == whole.line_score[-1]
