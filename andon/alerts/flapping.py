"""Damping of alerts that open again and again: people are told of the first ones, and again once it is calm.

Each opening adds 1 to a penalty that halves every quarter of an hour, as routes are damped (RFC 2439, section 4.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

HALF_LIFE = 900_000_000
"""Microseconds in which a penalty halves."""
SUPPRESS = 3.0
"""From this penalty on an alert flaps: at the fourth opening within a few minutes."""
REUSE = 0.75
"""Below this one it flaps no more."""
_LONGEST_HALF_LIVES = 4
MOST = REUSE * 2**_LONGEST_HALF_LIVES
"""No penalty is higher, so that an hour after the last opening it is calm, whatever came before."""


@dataclass(frozen=True, slots=True)
class Flaps:
    """What an alert's openings have left: the penalty as it was at ``time`` (microseconds), and how many there were."""

    penalty: float
    time: int
    openings: int
    flapping: bool = False

    def to_json(self) -> list[Any]:
        """Return JSON values that `from_json` reads."""
        return [self.penalty, self.time, self.openings, self.flapping]

    @classmethod
    def from_json(cls, body: list[Any]) -> Flaps:
        """Inverse of `to_json`."""
        return cls(*body)


def remaining(flaps: Flaps, time: int) -> float:
    """Return the penalty that is left at a time."""
    return flaps.penalty * math.exp2(-(time - flaps.time) / HALF_LIFE)


def is_over(flaps: Flaps, time: int) -> bool:
    """Tell whether what is left at a time counts no more."""
    return remaining(flaps, time) < REUSE


def count_opening(flaps: Flaps | None, time: int) -> Flaps:
    """Return what is known after one more opening, at a time not before that of ``flaps``.

    Examples
    --------
    >>> flaps, minute = None, 60_000_000
    >>> for number in range(4):
    ...     flaps = count_opening(flaps, number * minute)
    >>> flaps.flapping, flaps.openings
    (True, 4)
    >>> is_over(flaps, 33 * minute), is_over(flaps, 40 * minute)
    (False, True)
    """
    if flaps is None or is_over(flaps, time):
        return Flaps(1.0, time, 1)
    penalty = min(remaining(flaps, time) + 1.0, MOST)
    return Flaps(penalty, time, flaps.openings + 1, flaps.flapping or penalty >= SUPPRESS)
