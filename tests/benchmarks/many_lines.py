"""Studies of many made-up lines, ready to be searched: half of them related, the others each with a law of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from andon.features.spec import FeatureSpec, VariableSpec
from andon.frames import to_microseconds
from tune_jobs.files import LabelledRows, write_rows
from tune_jobs.study import StudySpec

ROWS = 10_000
VARIABLES = 12
MINUTE = timedelta(minutes=1)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def write_studies(
    folder: Path,
    lines: int,
    *,
    trials: int,
    seed: int,
    learners: Sequence[str] = ("lightgbm", "logistic_regression"),
    rows: int = ROWS,
) -> list[StudySpec]:
    """Write the labelled rows of ``lines`` lines, 60 features each; return their studies.

    An event is likelier where a sum of some features, some of them bent or multiplied with one another, is high. Even
    lines share that law but for a tenth of its weights; odd lines have their own, and their own noise and rarity.
    """
    spec = FeatureSpec(
        tuple(VariableSpec(f"v{index:02d}", "number") for index in range(VARIABLES)),
        (30 * MINUTE,),
        ("mean", "std", "min", "max", "slope"),
        MINUTE,
        MINUTE,
    )
    shared = _law(np.random.default_rng(seed), len(spec.names))
    studies = []
    for index in range(lines):
        rng = np.random.default_rng((seed, index))
        law = _law(rng, len(spec.names)) if index % 2 else shared + 0.1 * _law(rng, len(spec.names))
        noise, rate = (rng.uniform(0.5, 2.0), rng.uniform(0.02, 0.2)) if index % 2 else (1.0, 0.08)
        values, labels = _rows(rng, law, rows, noise, rate)
        line = f"line-{index:03d}"
        study = folder / f"{index:05d}"
        times = to_microseconds(BEGIN) + np.arange(rows, dtype=np.int64) * 60_000_000
        write_rows({line: [LabelledRows(times, labels, values)]}, spec, BEGIN, BEGIN + rows * MINUTE, study)
        studies.append(
            StudySpec(
                definition={
                    "kind": "Alert",
                    "name": "event-soon",
                    "lines": {"family": "plant"},
                    "type": "classifier",
                    "target": "event == 1",
                    "horizon": "30m",
                    "learners": list(learners),
                },
                definition_version=1,
                lines={line: None},
                line=line,
                family=None,
                signals_url="sqlite:////nowhere",
                folder=str(study),
                trials=trials,
                seed=seed,
            )
        )
    return studies


def _law(rng: np.random.Generator, features: int) -> np.ndarray:
    """Return weights of features alone (row 0), of their squares (row 1), and of products with the next one (row 2)."""
    law = rng.normal(size=(3, features)) * (rng.random((3, features)) < [[0.3], [0.15], [0.15]])
    return law * rng.uniform(0.2, 1.0, size=(3, 1))


def _rows(
    rng: np.random.Generator, law: np.ndarray, rows: int, noise: float, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    steps = rng.normal(size=(rows, law.shape[1]))
    values = np.empty_like(steps)
    values[0] = steps[0]
    for row in range(1, rows):  # slow, as rolling features are
        values[row] = 0.95 * values[row - 1] + np.sqrt(1 - 0.95**2) * steps[row]
    bent = values * law[0] + (values**2 - 1) * law[1] + values * np.roll(values, 1, axis=1) * law[2]
    risk = bent.sum(axis=1)
    risk = risk / risk.std() * 2 + rng.normal(size=rows) * noise
    return values, (risk > np.quantile(risk, 1 - rate)).astype(np.float64)
