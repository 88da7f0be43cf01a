"""Simulated lines with a trained alert and what their history teaches, for the benchmarks of recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from andon.evaluation.thresholds import choose_threshold
from andon.explain.experience import Experience, gather_experience
from andon.explain.recommending import context_needed
from andon.features.engine import compute_features
from andon.features.spec import feature_spec
from andon.frames import MICROSECOND, SignalFrame, from_microseconds, signal_frame, to_microseconds
from andon.models.blend import FittedBlend, Member
from andon.models.bundle import AlertBundle
from andon.models.calibration import calibrate
from andon.models.classifiers import classifier
from andon.models.training import training_rows
from andon.records import ModelCard, ModelKey
from andon.simulate import SimulatedLine, plant_definitions, simulate_line
from configs.definitions import Alert, Features, Line, VariableType

START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AdvisedLine:
    """One simulated line: trained on its first days, to be advised on the others, which no model saw."""

    simulated: SimulatedLine
    line: Line
    frame: SignalFrame
    alert: Alert
    split: datetime
    bundle: AlertBundle
    experience: Experience

    def alerts(self, apart: timedelta = timedelta(minutes=30)) -> list[datetime]:
        """Return when alerts would have come after the split, those within ``apart`` of the last flag taken as one."""
        features = compute_features(self.frame, self.bundle.features, self.split)
        scores = self.bundle.probabilities(features.values)
        found, last = [], -(2**62)
        for time in features.times[(scores >= self.bundle.threshold) & features.complete].tolist():
            if time - last > apart // MICROSECOND:
                found.append(from_microseconds(time))
            last = time
        return found

    def before(self, moment: datetime) -> SignalFrame:
        """Return the readings that explain the row at a moment."""
        return self.frame.between(moment - context_needed(self.bundle), moment + MICROSECOND)


def advised_line(
    machine: str, seed: int, learn: int, test: int, learners: tuple[str, ...] = ("logistic_regression", "lightgbm")
) -> AdvisedLine:
    """Simulate a line, train a calibrated blend of learners' cheapest configurations, and gather experience."""
    simulated = simulate_line(machine, START, learn + test, seed)
    types: dict[str, VariableType] = {one["name"]: one["type"] for one in simulated.definition["variables"]}
    frame = signal_frame(simulated.name, simulated.data, types, timedelta(minutes=1))
    alert = next(
        Alert.model_validate(body)
        for body in plant_definitions([simulated])
        if body["kind"] == "Alert" and body["type"] == "classifier"
    )
    assert alert.target is not None and alert.horizon is not None
    split, validated = START + timedelta(days=learn), START + timedelta(days=0.8 * learn)
    past = frame.between(None, split)
    spec = feature_spec(Features(), [past], alert.horizon, None, (), alert.target)
    rows = training_rows([past], spec, alert.target, alert.horizon)
    cut = to_microseconds(validated)
    fitted = rows.rows(rows.times < cut - alert.horizon // MICROSECOND)
    held = rows.rows(rows.times >= cut)
    members = []
    for name in learners:
        learner = classifier(name)
        model = learner.fit(fitted, learner.cheapest(), seed=0)
        members.append(Member(name, model, calibrate(held.labels, model.predict(held.values))))
    blend = FittedBlend(tuple(members))
    threshold = choose_threshold(held.labels, blend.predict(held.values), alert.costs, alert.precision)
    card = ModelCard("classifier", "blend", {}, {}, alert.to_json(), 1, START, split, 0)
    key = ModelKey(alert.name, simulated.name)
    bundle = AlertBundle(key, alert.to_json(), 1, spec, "blend", blend, threshold, alert.horizon, card)
    line = Line.model_validate(simulated.definition)
    experience = gather_experience(past, line, bundle, alert.target, alert.horizon)
    return AdvisedLine(simulated, line, frame, alert, split, bundle, experience)


def median_ms(seconds: list[float]) -> float:
    """Return the median in milliseconds."""
    return 1000 * float(np.median(seconds))
