"""Does advice hold? What became of alerts whose recommendation was followed, against those where it was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from andon.evaluation.intervals import Estimate, share

LEAST_FOLLOWED = 5
"""Times that advice must have been followed before history can speak against it."""

Way = tuple[str, int]
"""A setting and where it was to be moved: 1 up, -1 down."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One alert with a recommendation: what the first option moved, whether people did so, and what came."""

    ways: tuple[Way, ...]
    followed: bool
    stayed_away: bool


@dataclass(frozen=True, slots=True)
class Holds:
    """In how many of the alerts the event stayed away."""

    followed: int
    followed_away: int
    ignored: int
    ignored_away: int

    @property
    def when_followed(self) -> Estimate:
        """Share that stayed away after the advice was followed, with its interval."""
        return share(self.followed_away, self.followed)

    @property
    def when_ignored(self) -> Estimate:
        """Share that stayed away although it was not followed, with its interval."""
        return share(self.ignored_away, self.ignored)

    @property
    def contradicted(self) -> bool:
        """Whether history speaks against the advice: following it is surely no better than doing nothing.

        Examples
        --------
        >>> Holds(8, 1, 10, 6).contradicted, Holds(8, 7, 10, 6).contradicted, Holds(2, 0, 10, 6).contradicted
        (True, False, False)
        """
        if self.followed < LEAST_FOLLOWED:
            return False
        usual = self.when_ignored.value
        high = self.when_followed.high
        return high is not None and high < (0.5 if usual is None else usual)


def holds(cases: Sequence[Followed]) -> Holds:
    """Count cases."""
    yes, no = [one for one in cases if one.followed], [one for one in cases if not one.followed]
    return Holds(len(yes), sum(one.stayed_away for one in yes), len(no), sum(one.stayed_away for one in no))


def contradicted_ways(cases: Sequence[Followed]) -> list[Way]:
    """Return the settings and directions that did not hold, in order.

    Examples
    --------
    >>> tried = [Followed((("speed", -1),), True, False)] * 6 + [Followed((("speed", -1),), False, True)] * 6
    >>> contradicted_ways(tried)
    [('speed', -1)]
    """
    ways = sorted({way for one in cases for way in one.ways})
    return [way for way in ways if holds([one for one in cases if way in one.ways]).contradicted]
