"""A line replayed with other settings: what would really have happened, which no history tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from andon.simulate.lines import Fault
from andon.simulate.machine import HORIZON_STEPS, STEP, STEPS_A_ROW, Machine
from andon.simulate.plan import Plan, make_plan, override
from andon.simulate.run import run_plan, told_faults


@dataclass(frozen=True, slots=True)
class Replay:
    """A simulated line's plan, drawn once, to be run again and again with changes. Build with `replay_of`."""

    machine: Machine
    start: datetime
    seed: int
    plan: Plan

    def faults(self, changes: Sequence[tuple[datetime, str, float]], until: datetime) -> tuple[Fault, ...]:
        """Return the faults before ``until`` with settings changed, as ``overrides`` of `simulate_line` changes them.

        Raises
        ------
        DataError
            If there is no such setting, or a value is out of bounds.
        """
        steps = int((until - self.start).total_seconds()) // STEP
        kept = min(steps + HORIZON_STEPS, len(self.plan.inputs))
        plan = Plan(self.plan.inputs[:kept].copy(), self.plan.states[:kept].copy(), self.plan.products[:kept])
        override(self.machine, plan, self.start, changes)
        course = run_plan(self.machine, plan, self.seed)
        return told_faults(self.machine, self.start, course, min(steps, kept) - STEPS_A_ROW)


def replay_of(machine: Machine, start: datetime, days: float, seed: int) -> Replay:
    """Return the replay of the line that `andon.simulate.simulate_line` makes with the same arguments."""
    steps = round(days * 86_400 / (STEP * STEPS_A_ROW)) * STEPS_A_ROW
    return Replay(machine, start, seed, make_plan(machine, start, steps + HORIZON_STEPS, seed))
