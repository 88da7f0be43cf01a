"""Runs one machine: kernel, faults, repairs, the oracle's hazard, and the sensors that look at all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from andon.errors import DataError
from andon.frames import Floats
from andon.simulate.lines import Fault, SimulatedLine
from andon.simulate.machine import BURST_A, BURST_B, CLEANING, HORIZON_STEPS, RAMP, STEP, STEPS_A_ROW, Machine
from andon.simulate.plan import RUNNING, START_UP, STOPPED, Plan, generator, make_plan, override
from andon.simulate.readings import definition, readings

SHOWS = 0.3
"""Wear at which the precursor of a fault begins."""
_LONGEST_PRECURSOR = 4 * 3600 // STEP
_LOADING = 600 // STEP
_REPAIRED = 0.02
_NEVER = 2.0
"""A uniform draw that no probability exceeds."""


@dataclass(frozen=True, slots=True)
class Course:
    """What truly happened, on the 10 s grid: sensors, hazard, and the steps at which faults began and ended."""

    sensors: Floats
    down: Floats
    chance: Floats
    """Float64 (n_steps,): probability of an onset within `HORIZON_STEPS` steps."""
    faults: tuple[tuple[int, int, int, int], ...]
    """Mode, precursor's start, onset, end."""


def simulate(
    machine: Machine,
    start: datetime,
    days: float,
    seed: int,
    overrides: Sequence[tuple[datetime, str, float]] = (),
) -> SimulatedLine:
    """Simulate one machine from ``start`` (UTC, on a whole minute).

    Raises
    ------
    DataError
        If start, days or an override are not possible.
    """
    rows = round(days * 86_400 / (STEP * STEPS_A_ROW))
    if rows < 1:
        raise DataError(f"line {machine.line}", f"cannot be simulated for {days:g} days", "give for example 1")
    if start.utcoffset() != timedelta(0) or start.second or start.microsecond:
        raise DataError(f"line {machine.line}", f"cannot start at {start}", "give a whole minute in UTC")
    steps = rows * STEPS_A_ROW
    # The oracle looks beyond the last row.
    plan = make_plan(machine, start, steps + HORIZON_STEPS, seed)
    override(machine, plan, start, overrides)
    course = run_plan(machine, plan, seed)
    kept = slice(0, steps, STEPS_A_ROW)
    data, present = readings(machine, plan, course.sensors, course.down, start, rows, seed)
    faults = told_faults(machine, start, course, steps - STEPS_A_ROW)
    return SimulatedLine(machine.line, data, definition(machine), faults, course.chance[kept][present])


def told_faults(machine: Machine, start: datetime, course: Course, last: int) -> tuple[Fault, ...]:
    """Return the faults of a course that begin at or before step ``last``."""
    return tuple(
        Fault(
            kind=machine.wears[mode].kind,
            precursor_start=start + timedelta(seconds=STEP * first),
            onset=start + timedelta(seconds=STEP * onset),
            end=start + timedelta(seconds=STEP * end),
            causes=machine.wears[mode].causes,
            remedy=machine.wears[mode].remedy,
        )
        for mode, first, onset, end in course.faults
        if onset <= last
    )


def run_plan(machine: Machine, plan: Plan, seed: int) -> Course:
    """Run a plan, which is changed where faults stop the line; the same plan and seed give the same course."""
    steps = len(plan.inputs)
    # Drawn for every step, not for every fault: what is set otherwise must not change later draws.
    shocks = generator(seed, machine.name, "shocks").standard_normal((steps, 4))
    uniforms = generator(seed, machine.name, "onsets").random(steps)
    repairs = generator(seed, machine.name, "repairs").uniform(10, 30, steps)
    modes = generator(seed, machine.name, "modes").random(steps)
    state = np.array(machine.initial)
    sensors = np.zeros((steps, len(machine.sensors)))
    hidden = np.zeros((steps, 4))
    down = np.zeros(steps)
    never = np.full(steps, _NEVER)
    inputs = plan.inputs
    chance = np.zeros(steps)
    faults = []
    begin = since = 0
    while begin < steps:
        rest = slice(begin, steps)
        done = machine.advance(state, inputs[rest], shocks[rest], uniforms[rest], sensors[rest], hidden[rest])
        onset = begin + done
        if onset >= steps:
            chance[since:] = _chances(hidden[since:], np.zeros((0, 4)))
            break
        # Had the draw been luckier, the machine would have run on: that half hour belongs to the oracle's probability.
        ahead = slice(onset, min(steps, onset + HORIZON_STEPS))
        lucky = np.zeros((ahead.stop - onset, 4))
        unseen = np.zeros((ahead.stop - onset, len(machine.sensors)))
        machine.advance(state.copy(), inputs[ahead], shocks[ahead], never[ahead], unseen, lucky)
        chance[since:onset] = _chances(hidden[since:onset], lucky)
        *_, rate_a, rate_b = hidden[onset - 1]
        mode = int(modes[onset - 1] * (rate_a + rate_b) >= rate_a)
        earliest = max(0, onset - _LONGEST_PRECURSOR)
        low = np.flatnonzero(hidden[earliest:onset, mode] < SHOWS)
        end = min(steps, onset + int(repairs[onset - 1] * 60 / STEP))
        faults.append((mode, earliest + int(low[-1]) + 1 if len(low) else earliest, onset, end))
        _stop(plan, onset, end)
        down[onset:end] = 1.0
        fault = slice(onset, end)
        machine.advance(state, inputs[fault], shocks[fault], never[fault], sensors[fault], hidden[fault])
        state[:2] = _REPAIRED
        begin, since = end, onset
    return Course(sensors, down, chance, tuple(faults))


def _stop(plan: Plan, onset: int, end: int) -> None:
    """Stop the line from ``onset`` to ``end``; the repair ends what was wearing it, and it takes 10 minutes to load."""
    for burst in (BURST_A, BURST_B):
        over = np.flatnonzero(plan.inputs[onset:, burst] == 0.0)
        plan.inputs[onset : onset + over[0] if len(over) else None, burst] = 0.0
    plan.inputs[onset:end, RAMP] = 0.0
    plan.inputs[onset:end, CLEANING] = 0.0
    plan.states[onset:end] = STOPPED
    loading = np.arange(1, len(plan.inputs[end : end + _LOADING]) + 1) / _LOADING
    back = slice(end, end + len(loading))
    plan.inputs[back, RAMP] = np.minimum(plan.inputs[back, RAMP], loading)
    starting = (plan.states[back] == RUNNING) & (plan.inputs[back, RAMP] < 1.0)
    plan.states[back][starting] = START_UP


def _chances(hidden: Floats, lucky: Floats) -> Floats:
    """Probability of an onset within the horizon of each step of ``hidden``, with the rates of ``lucky`` after it."""
    rates = np.concatenate((hidden[:, 2] + hidden[:, 3], lucky[:, 2] + lucky[:, 3], np.zeros(HORIZON_STEPS)))
    total = np.concatenate(([0.0], np.cumsum(rates))) * (STEP / 3600.0)
    steps = np.arange(len(hidden))
    chances: Floats = -np.expm1(total[steps] - total[steps + HORIZON_STEPS])
    return chances
