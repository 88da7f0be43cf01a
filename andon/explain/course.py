"""How a line went: symptoms, settings and events in stretches of a few rows, all that it ever ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from andon.frames import Booleans, Floats, Integers

Floats32 = np.ndarray[Any, np.dtype[np.float32]]
IN_A_HORIZON = 15
"""Stretches of a horizon, or as many rows as it has if those are fewer."""


@dataclass(frozen=True, slots=True)
class Course:
    """Consecutive stretches (n of them) with departures of levels and swings (2 p) and settings (k)."""

    departures: Floats32
    """Mean of each stretch, 0 where it is not known, float32 (n, 2 p)."""
    sums: Floats
    """Settings less the recipe's mean, in spans, added up before each stretch, float64 (n + 1, k)."""
    runs: Integers
    """How many stretches up to each one are known, one after the other, and free of events, int64 (n,)."""
    until: Integers
    """Stretches until the next event begins, int64 (n,); beyond any horizon where none follows."""
    coming: Integers
    """Which event that is, int64 (n,)."""
    rows: int
    """Rows in a stretch."""
    horizon: int
    """Stretches in a horizon."""

    def settings(self, begins: Integers, ends: Integers) -> Floats:
        """Return the mean of settings over stretches ``[begins, ends)``, float64 (m, k)."""
        found: Floats = self.sums.take(ends, axis=0)
        found -= self.sums.take(begins, axis=0)
        found /= (ends - begins)[:, None]
        return found


def fit_course(departures: Floats, offsets: Floats, known: Booleans, onsets: Integers, horizon_rows: int) -> Course:
    """Cut rows into stretches.

    Parameters
    ----------
    departures
        Of levels and swings from what is usual, float64 (2 p, n), on a regular grid of rows.
    offsets
        Settings less the recipe's mean, in spans, float64 (k, n).
    known
        Rows at which the line had run for a while and all was read, bool (n,).
    onsets
        Rows at which the event came, rising, int64.
    """
    rows = max(1, round(horizon_rows / IN_A_HORIZON))
    count = len(known) // rows
    whole = np.asarray(known[: count * rows].reshape(count, rows).all(axis=1), dtype=np.bool_)
    events = onsets[onsets < count * rows] // rows
    whole[events] = False
    places = np.arange(count)
    runs = places - np.maximum.accumulate(np.where(whole, -1, places))
    coming = np.searchsorted(events, places)
    following = np.append(events, 3 * (count + horizon_rows))[coming]
    return Course(
        np.where(whole, _means(departures, count, rows), 0.0).T.astype(np.float32),
        # Rows of it are asked for, so that they lie together.
        np.ascontiguousarray(
            np.concatenate([np.zeros((1, len(offsets))), np.cumsum(_means(offsets, count, rows).T, axis=0)])
        ),
        runs.astype(np.int64),
        (following - places).astype(np.int64),
        np.minimum(coming, max(0, len(onsets) - 1)).astype(np.int64),
        rows,
        max(2, round(horizon_rows / rows)),
    )


def _means(values: Floats, count: int, rows: int) -> Floats:
    found: Floats = np.nan_to_num(values[:, : count * rows]).reshape(len(values), count, rows).mean(axis=2)
    return found
