"""Does advice hold? What became of alerts whose recommendation was followed, against those where it was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class AdviceOutcome:
    """How the advice of one alert definition held on one line, and what of it history contradicts."""

    definition: str
    line: str
    holds: Holds
    withdrawn: tuple[Way, ...]
    unknown: int
    """Alerts with advice whose end cannot be told: too new, without readings, or rejected by people."""

    @property
    def withdrawn_words(self) -> list[str]:
        """What is no longer advised, as people read it.

        Examples
        --------
        >>> AdviceOutcome("jam-soon", "press-07", Holds(8, 1, 10, 6), (("speed", -1),), 0).withdrawn_words
        ['speed down']
        """
        return [f"{name} {'up' if way > 0 else 'down'}" for name, way in self.withdrawn]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "alert": self.definition,
            "line": self.line,
            "followed": self.holds.followed,
            "followed_stayed_away": self.holds.when_followed.to_json(),
            "not_followed": self.holds.ignored,
            "not_followed_stayed_away": self.holds.when_ignored.to_json(),
            "unknown": self.unknown,
            "withdrawn": self.withdrawn_words,
        }


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
