"""When an alert opens and resolves: a state machine over the rows of a line, in order of their times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from andon.frames import MICROSECOND

Phase = Literal["inactive", "pending", "firing"]
Change = Literal["opened", "resolved"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How long a condition must hold before its alert opens, and how long the alert stays after it held last."""

    hold: timedelta = timedelta(0)
    """``for`` of the definition."""
    keep_firing: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class RuleState:
    """Where a rule stands on a line, after some row; times are microseconds since the Unix epoch.

    ``since`` is the first row of a pending condition, or the row at which a firing alert opened; ``held`` the last row
    at which the condition of a firing alert held.
    """

    phase: Phase = "inactive"
    since: int = 0
    held: int = 0

    def to_json(self) -> list[Any]:
        """Return JSON values that `from_json` reads."""
        return [self.phase, self.since, self.held]

    @classmethod
    def from_json(cls, body: list[Any]) -> RuleState:
        """Inverse of `to_json`."""
        return cls(*body)


INACTIVE = RuleState()


def step(rule: Rule, state: RuleState, time: int, when: float, clear: float) -> tuple[RuleState, Change | None]:
    """Take one row into account.

    A condition that holds becomes pending, and fires at the first row at which it holds and has done so for ``hold``;
    one row at which it does not hold starts that anew. A firing alert resolves at a row where ``clear`` holds, ``when``
    does not, and ``keep_firing`` has passed since ``when`` held last. A value that is not known neither holds nor
    fails: it changes nothing, as rows that never came do.

    Parameters
    ----------
    time
        The row's time, in microseconds since the Unix epoch; later than that of the row before.
    when, clear
        1 holds, 0 does not, NaN not known.

    Returns
    -------
    tuple
        The state after the row, and what happened at it.

    Examples
    --------
    >>> minute = 60_000_000
    >>> rule = Rule(hold=timedelta(minutes=1))
    >>> state, change = step(rule, INACTIVE, 0, 1.0, 0.0)
    >>> state.phase, change
    ('pending', None)
    >>> step(rule, state, minute, 1.0, 0.0)
    (RuleState(phase='firing', since=60000000, held=60000000), 'opened')
    """
    if state.phase == "firing":
        if when == 1:
            return RuleState("firing", state.since, time), None
        if clear == 1 and time - state.held >= rule.keep_firing // MICROSECOND:
            return INACTIVE, "resolved"
        return state, None
    if when == 0:
        return INACTIVE, None
    if when != 1:
        return state, None
    since = state.since if state.phase == "pending" else time
    if time - since >= rule.hold // MICROSECOND:
        return RuleState("firing", time, time), "opened"
    return RuleState("pending", since), None
