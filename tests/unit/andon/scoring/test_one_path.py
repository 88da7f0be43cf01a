"""Training, back-test and online: the same features to the last bit, and the same scores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from andon.features.engine import compute_features
from andon.features.spec import feature_spec
from andon.frames import MICROSECOND
from andon.models.bundle import AlertBundle, read_bundle, write_bundle
from andon.models.classifiers import CLASSIFIERS, classifier
from andon.models.training import training_rows
from andon.records import ModelCard, ModelKey
from andon.scoring import score_alert
from configs.definitions import Features
from configs.expressions import parse
from tests.series import awkward

MINUTE = timedelta(minutes=1)
TARGET = parse("jam == 1")
HORIZON = 30 * MINUTE
FUNCTIONS = ("mean", "std", "min", "max", "last", "slope", "delta", "count", "share", "since_change")
FRAME = awkward(np.random.default_rng(11), 5000)
SPEC = feature_spec(
    Features(windows=(5 * MINUTE, 30 * MINUTE, 120 * MINUTE), functions=FUNCTIONS, stride=5 * MINUTE),
    [FRAME],
    HORIZON,
    None,
    (),
    TARGET,
)
ROWS = training_rows([FRAME], SPEC, TARGET, HORIZON)


@pytest.fixture(scope="module", params=CLASSIFIERS)
def bundle(request, tmp_path_factory):
    learner = classifier(request.param)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    card = ModelCard("classifier", request.param, {}, {}, {}, 1, moment, moment, 0)
    made = AlertBundle(
        key=ModelKey("jam-soon", "press-07"),
        definition={},
        definition_version=1,
        features=SPEC,
        learner=request.param,
        model=learner.fit(ROWS, learner.cheapest(), seed=3),
        threshold=0.2,
        horizon=HORIZON,
        card=card,
    )
    folder = tmp_path_factory.mktemp("bundles") / request.param
    write_bundle(made, folder)
    return read_bundle(folder)


def test_training_rows_are_the_batch_rows():
    batch = compute_features(FRAME, SPEC)
    at = np.searchsorted(batch.times, ROWS.times)
    assert ROWS.values.tobytes() == batch.values[at].tobytes()


def test_online_equals_batch_on_1000_random_rows(bundle):
    batch = score_alert(bundle, FRAME)
    features = compute_features(FRAME, SPEC)
    scored = np.flatnonzero(features.complete)
    for row in np.random.default_rng(5).choice(scored, 1000, replace=False):
        now = FRAME.data["time"][int(row)]
        # One row before the window tells that the window is full; what a server reads.
        begin = FRAME.data["time"][max(0, int(np.searchsorted(FRAME.times, _start(now))) - 1)]
        window = FRAME.between(begin, now + MICROSECOND)
        online = score_alert(bundle, window, now)
        assert compute_features(window, SPEC, now).values[0].tobytes() == features.values[row].tobytes()
        assert online.score[0] == pytest.approx(batch.score[row], abs=1e-9)
        assert online.flag[0] == batch.flag[row]


def _start(now: datetime) -> int:
    from andon.frames import to_microseconds

    return to_microseconds(now - SPEC.longest - SPEC.stride)
