"""The feature job: slices of lines on Ray Data, nothing shuffled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from andon.errors import AndonError
from andon.ports import Signals
from pipelines.aggregations.feature_set import FeatureSet
from pipelines.aggregations.line_features import LineFeatures
from pipelines.ray_data import map_rows

log = logging.getLogger(__name__)

PARTS_A_SLICE = 4
TASKS_A_CORE = 8
"""Tasks, at most: few, so that starting them costs little; enough that the cores end at about the same time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A feature set that a line's readings before ``end`` (None: all) are to have; names and URLs only."""

    made: FeatureSet
    line: str
    signals_url: str
    end: datetime | None

    def on(self, signals: Signals) -> LineFeatures:
        """Return the features of the line in an open store."""
        return LineFeatures(self.made, self.line, signals, self.end)


@lru_cache(maxsize=8)
def opened(signals_url: str) -> Signals:
    """Return this process's signals store at a URL."""
    from andon.stores import open_signals

    return open_signals(signals_url)


def make_features(wanted: Sequence[Wanted], workers: int) -> tuple[int, dict[Wanted, str]]:
    """Make the parts that are missing; return how many were made, and what failed and why.

    Needs a Ray session. A task holds one part at a time, however long the line, and there are as many as ``workers``
    at once, however many the lines.
    """
    import ray

    lines = [_slices(one.on(opened(one.signals_url)).part_numbers()) for one in wanted]
    tasks = min(sum(map(len, lines)), TASKS_A_CORE * workers)
    slices = [
        {"index": index, "first": numbers[0], "last": numbers[-1]} for index, numbers in _dealt(lines, max(tasks, 1))
    ]
    if not slices:
        return 0, {}
    shared = ray.put(list(wanted))

    def make(row: dict[str, Any]) -> dict[str, Any]:
        one = ray.get(shared)[row["index"]]
        made, error = _make_or_say(one, range(row["first"], row["last"] + 1))
        return {"index": row["index"], "made": made, "error": error}

    made, failed = 0, {}
    try:
        for result in map_rows(make, slices, tasks):
            made += int(result["made"])
            if result["error"]:
                failed.setdefault(wanted[int(result["index"])], str(result["error"]))
    except ray.exceptions.RayError:
        # Whoever reads the features computes what is missing, and fails alone where that fails.
        log.exception("the feature job ended early")
    return made, failed


def _make_or_say(wanted: Wanted, numbers: range) -> tuple[int, str]:
    try:
        return wanted.on(opened(wanted.signals_url)).update(numbers), ""
    except AndonError as error:
        return 0, str(error)
    except Exception as error:
        log.exception("features of line %s could not be made", wanted.line)
        return 0, f"{type(error).__name__}: {error}"


def _slices(numbers: range) -> list[range]:
    """Cut a line's parts into slices of about the same length.

    Examples
    --------
    >>> _slices(range(9))
    [range(0, 3), range(3, 6), range(6, 9)]
    """
    count = -(-len(numbers) // PARTS_A_SLICE)
    return [numbers[len(numbers) * i // count : len(numbers) * (i + 1) // count] for i in range(count)]


def _dealt(lines: Sequence[Sequence[range]], tasks: int) -> list[tuple[int, range]]:
    """Return each line's index with each of its slices, ordered so that equal pieces of the list are equal work.

    That is so whether all is missing, the youngest slice of every line, or one line: each is dealt out evenly.

    Examples
    --------
    >>> _dealt([[range(0, 3), range(3, 6)], [range(0, 2), range(2, 4)]], tasks=2)
    [(0, range(3, 6)), (1, range(0, 2)), (0, range(0, 3)), (1, range(2, 4))]
    """
    dealt = [(index, place) for index, slices in enumerate(lines) for place in range(len(slices))]
    dealt.sort(key=lambda one: (sum(one) % tasks, one))
    return [(index, lines[index][-1 - place]) for index, place in dealt]
