"""One alert explained: which variables are to blame, and which changes would have kept it from coming."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from andon.errors import DataError
from andon.explain.attribution import by_variable, contributions, log_odds_contributions
from andon.explain.blame import blamed
from andon.explain.counterfactuals import Lever, Situation, changed_frame, situations_at
from andon.explain.experience import Experience
from andon.explain.moves import Found, Option, find_moves
from andon.features.engine import compute_features
from andon.frames import MICROSECOND, FeatureFrame, Floats, SignalFrame, from_microseconds
from andon.models.bundle import AlertBundle
from andon.records import MoveOption, Recommendation
from configs.definitions import Line
from configs.durations import format_duration

STARTS = (1.0, 2 / 3, 1 / 3, 1 / 6)
"""How long before the row moves begin, in parts of the horizon: the latest that works is told."""


def levers_of(line: Line, experience: Experience) -> tuple[Lever, ...]:
    """Return what the definition lets be moved: actionable numbers of role setting, with bounds; nothing else."""
    found = []
    for variable in line.variables:
        movable = variable.actionable and variable.role == "setting" and variable.type in (None, "number")
        if not movable or variable.name not in experience.settings or variable.min is None or variable.max is None:
            continue
        step = variable.step if variable.step is not None else (variable.max - variable.min) / 100
        place = experience.settings.index(variable.name)
        move = variable.move
        found.append(Lever(variable.name, place, variable.min, variable.max, step, move.cost, move.max_rate))
    return tuple(found)


def context_needed(bundle: AlertBundle) -> timedelta:
    """Return how far before the row that is explained readings are needed."""
    spec = bundle.features
    return max(spec.longest + spec.stride, bundle.horizon) + 12 * spec.sampling


def recommend(
    alert_id: str,
    frame: SignalFrame,
    bundle: AlertBundle,
    line: Line,
    experience: Experience | None,
    *,
    withdrawn: Sequence[tuple[str, int]] = (),
) -> Recommendation:
    """Explain the last row of ``frame``.

    Parameters
    ----------
    frame
        Readings up to the row, from `context_needed` before it on.
    experience
        What history teaches of the line; None: it could not be learned.
    withdrawn
        Settings and directions (1 up, -1 down) that did not hold when they were followed: no longer advised.

    Raises
    ------
    DataError
        If the row has no full window, or a variable of the model is missing.
    """
    features, probability = _row(frame, bundle)
    values = features.values
    found = contributions(bundle, values)
    units = {variable.name: variable.unit or "" for variable in line.variables}
    blame = blamed(bundle, found.values[0], values[0], units)
    time = from_microseconds(int(frame.times[-1]))
    nothing = Recommendation(
        alert_id, (), probability, probability, bundle.threshold, time, blame=blame, version=None
    )  # fmt: skip
    reason = _refusal(frame, line, experience, probability, bundle.threshold)
    if reason or experience is None:
        return _with(nothing, reason)
    levers = levers_of(line, experience)
    situations = _situations(frame, bundle, experience, levers, features)
    result = search_moves(frame, bundle, experience, situations)
    options = []
    for option in result.options:
        told = _told(option, frame, bundle, situations[option.start], result.before)
        if told is not None and not _contradicted(told, withdrawn):
            options.append(told)
    if not options:
        said = result.reason or "what would have helped did not hold when it was followed before"
        return _with(nothing, said)
    best = options[0]
    return Recommendation(
        alert_id, best.changes, probability, best.after, bundle.threshold, time, tuple(options), "", blame
    )  # fmt: skip


def search_moves(
    frame: SignalFrame, bundle: AlertBundle, experience: Experience, situations: Sequence[Situation]
) -> Found:
    """Search for moves at the last row of a frame."""
    region = experience.region(frame)
    if region is None:
        return Found(float("nan"), (), "this recipe was never seen in training", 0)

    def shares(values: Floats) -> Floats:
        # What people set is moved at will: the cause is told by what is read.
        names, found = by_variable(bundle, log_odds_contributions(bundle, values)[1])
        return found[:, [name not in experience.settings for name in names]]

    return find_moves(situations, bundle.probabilities, shares, bundle.threshold, region)


def _situations(
    frame: SignalFrame,
    bundle: AlertBundle,
    experience: Experience,
    levers: Sequence[Lever],
    features: FeatureFrame,
) -> list[Situation]:
    last, horizon = int(frame.times[-1]), bundle.horizon // MICROSECOND
    starts = [last - int(share * horizon) for share in STARTS]
    return situations_at(frame, bundle.features, experience, levers, starts, features)


def _row(frame: SignalFrame, bundle: AlertBundle) -> tuple[FeatureFrame, float]:
    if not len(frame):
        raise DataError(f"line {frame.line}", "has no readings to explain", "give another time")
    last = from_microseconds(int(frame.times[-1]))
    features = compute_features(frame, bundle.features, last)
    if not features.complete[-1]:
        window = format_duration(bundle.features.longest)
        raise DataError(f"line {frame.line}", f"has no full window of {window} at {last}", "give a later time")
    return features, float(bundle.probabilities(features.values)[-1])


def _refusal(
    frame: SignalFrame, line: Line, experience: Experience | None, probability: float, threshold: float
) -> str:
    if probability < threshold:
        return f"the risk is {probability:.2f}, below the alert's threshold of {threshold:.2f}"
    if experience is None:
        return "too little history is stored to know what follows the settings"
    if not levers_of(line, experience):
        return "no setting of the line is actionable: say so, with min, max and step, in its definition"
    if experience.region(frame) is None:
        return "this recipe was never seen when the model was trained"
    return ""


def _told(
    option: Option, frame: SignalFrame, bundle: AlertBundle, situation: Situation, before: float
) -> MoveOption | None:
    """Return an option for people, once the serving path itself has scored it below the threshold."""
    _, after = _row(changed_frame(frame, situation, option.moves), bundle)
    if after >= bundle.threshold:
        return None
    now = [float(situation.now[lever.place]) for lever in situation.levers]
    changes = tuple(
        (lever.name, old, float(np.round(old + moved, 9)))
        for lever, old, moved in zip(situation.levers, now, option.moves, strict=True)
        if moved
    )
    start = from_microseconds(situation.start)
    return MoveOption(changes, start, before, after, option.confidence, option.cost)


def _contradicted(option: MoveOption, withdrawn: Sequence[tuple[str, int]]) -> bool:
    return any((name, 1 if new > old else -1) in withdrawn for name, old, new in option.changes)


def _with(nothing: Recommendation, reason: str) -> Recommendation:
    return Recommendation(
        nothing.alert_id, (), nothing.before, nothing.after, nothing.threshold, nothing.time, (), reason, nothing.blame
    )  # fmt: skip
