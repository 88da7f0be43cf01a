"""Champion and challenger on the same newer rows: scored as a back-test scores, then handed to the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.errors import DataError, ModelError
from andon.frames import Floats
from andon.ports import Signals
from andon.records import PublishedModel
from andon.services.reading import read_with_context
from configs.definitions import Alert, Line
from configs.periods import format_time
from pipelines.retraining.challenges import Challenge

if TYPE_CHECKING:
    from andon.evaluation.forecast_promotion import ErrorComparison
    from andon.evaluation.promotion import Comparison
    from andon.models.bundle import AlertBundle
    from andon.models.monitors.bundle import MonitorBundle


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of one line that both classifiers scored, and whose label is known."""

    times: np.ndarray[Any, np.dtype[np.int64]]
    labels: Floats
    champion: Floats
    challenger: Floats


def judge(
    challenge: Challenge, challenger: PublishedModel, signals: Signals, lines: Mapping[str, Line], *, seed: int
) -> Comparison | ErrorComparison:
    """Score both models on the rows that neither has read, and compare.

    Raises
    ------
    DataError, ModelError
        If none of the lines can be scored by both, or a bundle is damaged.
    """
    from andon.models.bundle import AlertBundle, read_bundle

    champion = challenge.contest.champion
    bundles = [read_bundle(Path(one.path)) for one in (champion, challenger)]
    first, second = bundles
    if isinstance(first, AlertBundle) and isinstance(second, AlertBundle):
        return _judge_alert(challenge, first, second, signals, lines, seed)
    if isinstance(first, AlertBundle) or isinstance(second, AlertBundle):
        problem = "champion and challenger are of different kinds"
        raise ModelError(str(challenge.contest.key), problem, "train it under another name")
    return _judge_monitor(challenge, first, second, signals, lines, seed)


def evidence_of(
    challenge: Challenge, challenger: PublishedModel, found: Comparison | ErrorComparison, *, seed: int
) -> dict[str, Any]:
    """Return what a decision keeps, as JSON values: who was compared with whom, learned from what, judged on what."""
    champion = challenge.contest.champion
    return {
        "against": {
            "model": str(champion.key),
            "version": champion.version,
            "learner": champion.card.learner,
            "data_end": format_time(champion.card.data_end),
        },
        "learned": {**challenge.periods, "learner": challenger.card.learner, "params": challenger.card.params},
        "judged": {
            "start": format_time(challenge.judged_from),
            "end": format_time(challenge.end),
            "lines": list(challenge.contest.lines),
        },
        "comparison": found.to_json(),
        "seed": seed,
    }


def _judge_alert(
    challenge: Challenge,
    champion: AlertBundle,
    challenger: AlertBundle,
    signals: Signals,
    lines: Mapping[str, Line],
    seed: int,
) -> Comparison:
    from andon.evaluation.promotion import Judged, compare

    definition = challenge.contest.selected.definition
    if not isinstance(definition, Alert) or definition.horizon is None:
        raise ModelError(str(challenge.contest.key), "is no classifier alert", "train it under another name")
    parts: list[_Rows] = []
    problem: DataError | None = None
    for line in challenge.contest.lines:
        try:
            parts.append(_scored(challenge, definition, champion, challenger, line, signals, lines))
        except DataError as error:
            problem = error
    if not parts:
        raise problem or DataError(str(challenge.contest.key), "has no line", "apply one")
    groups = [np.full(len(part.times), group, np.int64) for group, part in enumerate(parts)]
    return compare(
        np.concatenate([part.times for part in parts]),
        np.concatenate(groups),
        np.concatenate([part.labels for part in parts]),
        definition.horizon,
        Judged(np.concatenate([part.champion for part in parts]), champion.threshold),
        Judged(np.concatenate([part.challenger for part in parts]), challenger.threshold),
        definition.costs,
        seed=seed,
    )


def _scored(
    challenge: Challenge,
    definition: Alert,
    champion: AlertBundle,
    challenger: AlertBundle,
    line: str,
    signals: Signals,
    lines: Mapping[str, Line],
) -> _Rows:
    from andon.labels import label_rows
    from andon.scoring import score_alert

    target, horizon = definition.target, definition.horizon
    assert target is not None and horizon is not None
    span = max(bundle.features.longest + bundle.features.stride for bundle in (champion, challenger))
    frame = read_with_context(signals, line, challenge.judged_from, challenge.end, span=span, declared=lines.get(line))
    if not target.variables <= set(frame.types):
        raise DataError(f"line {line}", "lacks a variable of the target", "import it")
    scores = [score_alert(bundle, frame, challenge.judged_from) for bundle in (champion, challenger)]
    count = len(scores[0].times)
    said = challenge.contest.reviewed.get(line, ())
    labels = label_rows(frame, target, horizon, said)[len(frame) - count :]
    known = ~(np.isnan(labels) | np.isnan(scores[0].score) | np.isnan(scores[1].score))
    return _Rows(scores[0].times[known], labels[known], scores[0].score[known], scores[1].score[known])


def _judge_monitor(
    challenge: Challenge,
    champion: MonitorBundle,
    challenger: MonitorBundle,
    signals: Signals,
    lines: Mapping[str, Line],
    seed: int,
) -> ErrorComparison:
    from andon.evaluation.forecast_promotion import compare_errors, row_errors
    from andon.scoring import score_monitor

    (line,) = challenge.contest.lines
    bundles = (champion, challenger)
    frame = read_with_context(
        signals,
        line,
        challenge.judged_from,
        challenge.end,
        span=timedelta(0),
        rows=max(bundle.rows_needed for bundle in bundles),
        declared=lines.get(line),
    )
    common = sorted(set(champion.variables) & set(challenger.variables))
    if not common:
        raise ModelError(str(challenge.contest.key), "the two models share no variable", "train it under another name")
    scores = [score_monitor(bundle, frame, challenge.judged_from) for bundle in bundles]
    champions, challengers = (one.expected[:, [one.variables.index(name) for name in common]] for one in scores)
    actual = scores[0].actual[:, [scores[0].variables.index(name) for name in common]]
    errors = row_errors(actual, champions, challengers)
    flags = scores[0].line_flag, scores[1].line_flag
    budget = float(challenger.definition["rate"])
    return compare_errors(scores[0].times, *errors, seed=seed, flags=flags, budget=budget)
