"""What every classifier must do."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import optuna
import pytest

from andon.errors import DataError, ModelError
from andon.evaluation.metrics import average_precision
from andon.frames import TrainingFrame
from andon.models.classifiers import CLASSIFIERS, Pruned, classifier

NAMES = tuple(f"x{i}" for i in range(8))


def rows(count: int = 1500, seed: int = 0) -> TrainingFrame:
    """Rare positives that two features tell, noise, missing cells, a constant and an empty column."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, len(NAMES))) * [1, 10, 1e-3, 1, 1, 1, 1, 1] + [0, 1e4, 0, 0, 0, 0, 0, 0]
    logit = 2.5 * values[:, 0] + 0.2 * (values[:, 1] - 1e4) - 3
    labels = (rng.random(count) < 1 / (1 + np.exp(-logit))).astype(float)
    values[rng.random(values.shape) < 0.05] = np.nan
    values[:, 6] = 7.0
    values[:, 7] = np.nan
    return TrainingFrame(values, labels, np.arange(count) * 60_000_000, np.zeros(count, dtype=np.int64), ("a",), NAMES)


TRAINING, FRESH = rows(), rows(seed=1)


@pytest.fixture(params=CLASSIFIERS)
def learner(request):
    return classifier(request.param)


@pytest.fixture
def fitted(learner):
    return learner.fit(TRAINING, learner.cheapest(), seed=5)


def test_it_learns(fitted):
    scores = fitted.predict(FRESH.values)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert average_precision(FRESH.labels, scores) > 2 * FRESH.labels.mean()


def test_the_same_seed_gives_the_same_model(learner, fitted):
    again = learner.fit(TRAINING, learner.cheapest(), seed=5)
    assert again.predict(FRESH.values).tobytes() == fitted.predict(FRESH.values).tobytes()


def test_rows_do_not_touch_each_other(fitted):
    together = fitted.predict(FRESH.values[:300])
    alone = np.concatenate([fitted.predict(FRESH.values[i : i + 1]) for i in range(300)])
    assert alone.tobytes() == together.tobytes()


ORDER = np.random.default_rng(2).permutation(len(NAMES))
SHUFFLED = replace(TRAINING, values=TRAINING.values[:, ORDER], names=tuple(NAMES[i] for i in ORDER))


def test_shuffled_columns_learn_as_well(learner, fitted):
    other = learner.fit(SHUFFLED, learner.cheapest(), seed=5).predict(FRESH.values[:, ORDER])
    first = average_precision(FRESH.labels, fitted.predict(FRESH.values))
    assert average_precision(FRESH.labels, other) == pytest.approx(first, abs=0.02)


# A forest draws columns by their number at every split, whatever their share: it only learns as well (above).
@pytest.mark.parametrize(
    ("name", "every_column"),
    [("lightgbm", {"feature_fraction": 1.0}), ("xgboost", {"colsample": 1.0}), ("logistic_regression", {})],
)
def test_shuffled_columns_give_the_same_scores_where_no_column_is_drawn(name, every_column):
    learner = classifier(name)
    params = {**learner.cheapest(), **every_column}
    first = learner.fit(TRAINING, params, seed=5).predict(FRESH.values)
    other = learner.fit(SHUFFLED, params, seed=5).predict(FRESH.values[:, ORDER])
    np.testing.assert_allclose(other, first, rtol=0, atol=1e-9)


def shares(count: int, seed: int) -> TrainingFrame:
    """Of each row the shares of four products in a window, many exactly 0 or 1, some unknown; one product jams."""
    rng = np.random.default_rng(seed)
    product = np.repeat(rng.integers(0, 4, count // 20 + 1), 20)[:count]
    ends = np.cumsum(np.eye(4)[product], axis=0)
    values = (ends[10:] - ends[:-10]) / 10
    labels = (rng.random(len(values)) < np.where(values[:, 2] > 0.5, 0.4, 0.02)).astype(float)
    values[rng.random(len(values)) < 0.1] = np.nan
    rows = len(values)
    return TrainingFrame(values, labels, np.arange(rows), np.zeros(rows, dtype=np.int64), ("a",), tuple("abcd"))


def test_shares_of_categories_are_learnt(learner):
    training, fresh = shares(3000, 0), shares(3000, 1)
    scores = learner.fit(training, learner.cheapest(), seed=5).predict(fresh.values)
    known = ~np.isnan(fresh.values).any(axis=1)
    jams = fresh.values[:, 2] > 0.5
    assert average_precision(fresh.labels, scores) > 2.5 * fresh.labels.mean()
    assert scores[known & jams].min() > scores[known & (fresh.values[:, 2] < 0.2)].mean()


def rare() -> TrainingFrame:
    """Return 20 positive rows among many."""
    positive = np.flatnonzero(TRAINING.labels == 1)[:20]
    return TRAINING.rows((TRAINING.labels == 0) | np.isin(np.arange(len(TRAINING)), positive))


def test_rare_positives_are_learnt(learner):
    scores = learner.fit(rare(), learner.cheapest(), seed=5).predict(FRESH.values)
    assert average_precision(FRESH.labels, scores) > 2 * FRESH.labels.mean()


def test_a_weight_makes_up_for_imbalance(learner):
    weighted = {"balanced": True} if "balanced" in learner.cheapest() else {"positive_weight": 70.0}
    plain, heavy = (
        learner.fit(rare(), {**learner.cheapest(), **params}, seed=5).predict(FRESH.values) for params in ({}, weighted)
    )
    assert plain.mean() < 0.05
    assert heavy.mean() > 2 * plain.mean()


def test_saved_and_loaded_it_answers_the_same(learner, fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = learner.load(tmp_path)
    assert loaded.predict(FRESH.values).tobytes() == fitted.predict(FRESH.values).tobytes()


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_only_is_refused(learner, label):
    one = TrainingFrame(
        TRAINING.values, np.full(len(TRAINING), label), TRAINING.times, TRAINING.groups, TRAINING.lines, NAMES
    )
    with pytest.raises(ModelError, match="one class only"):
        learner.fit(one, learner.cheapest(), seed=0)


def test_an_infinite_feature_is_refused(fitted):
    values = FRESH.values[:3].copy()
    values[1, 4] = np.inf
    with pytest.raises(DataError, match="row 1, column 4: is infinite"):
        fitted.predict(values)


def suggestions(learner, count=3):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    return [learner.suggest(study.ask()) for _ in range(count)]


def test_every_suggestion_fits(learner):
    for params in suggestions(learner):
        assert set(params) == set(learner.cheapest())
        assert len(learner.fit(TRAINING, params, seed=1).predict(FRESH.values)) == len(FRESH)


def test_the_final_configuration_is_another_of_the_same_kind(learner):
    given = learner.cheapest()
    params = learner.final(given)
    assert set(params) == set(given) == set(learner.cheapest())
    assert given == learner.cheapest()
    if "learning_rate" in params:
        assert params["rounds"] * params["learning_rate"] == pytest.approx(given["rounds"] * given["learning_rate"])
    scores = learner.fit(TRAINING, params, seed=5).predict(FRESH.values)
    assert average_precision(FRESH.labels, scores) > 2 * FRESH.labels.mean()


def test_what_fits_share_changes_none_of_them(learner):
    prepared = learner.prepare(TRAINING)
    configurations = [learner.cheapest(), *suggestions(learner)]
    for params in [*configurations, *reversed(configurations)]:
        shared = learner.fit(TRAINING, params, seed=1, prepared=prepared).predict(FRESH.values)
        assert shared.tobytes() == learner.fit(TRAINING, params, seed=1).predict(FRESH.values).tobytes()


def test_a_watched_fit_is_the_fit_of_the_configuration_that_comes_out(learner):
    prepared = learner.prepare(TRAINING)
    for params in [learner.cheapest(), *suggestions(learner)]:
        watched = learner.fit_watched(TRAINING, FRESH, params, seed=1, prepared=prepared)
        assert set(watched.params) == set(params)
        assert watched.scores.dtype == np.float64
        scores = watched.model.predict(FRESH.values)
        np.testing.assert_allclose(watched.scores, scores, rtol=0, atol=1e-12)
        again = learner.fit(TRAINING, watched.params, seed=1)
        assert again.predict(FRESH.values).tobytes() == scores.tobytes()


def test_rounds_that_find_no_split_count_and_leave_no_tree():
    def widened(frame: TrainingFrame) -> TrainingFrame:
        values = np.hstack([frame.values, np.zeros((len(frame), 92))])
        return replace(frame, values=values, names=tuple(f"x{i}" for i in range(100)))

    learner, training, fresh = classifier("lightgbm"), widened(TRAINING), widened(FRESH)
    params = {**learner.cheapest(), "rounds": 100, "feature_fraction": 0.01}
    assert learner.fit(training, params, seed=1).booster.num_trees() < 100
    watched = learner.fit_watched(training, fresh, params, seed=1)
    expected = learner.fit(training, watched.params, seed=1).predict(fresh.values)
    np.testing.assert_allclose(watched.scores, expected, rtol=0, atol=1e-12)
    assert watched.model.predict(fresh.values).tobytes() == expected.tobytes()


def without_positives(count: int = 50) -> TrainingFrame:
    return FRESH.rows((FRESH.labels == 0) & (np.arange(len(FRESH)) < count))


@pytest.mark.parametrize("validation", [without_positives(), without_positives(0)], ids=["none positive", "empty"])
def test_without_a_positive_validation_row_nothing_is_watched(learner, validation):
    asked = []
    params = learner.cheapest()
    watched = learner.fit_watched(TRAINING, validation, params, seed=1, watch=lambda *told: asked.append(told) or True)
    assert (asked, watched.params) == ([], params)
    expected = learner.fit(TRAINING, params, seed=1)
    assert watched.model.predict(FRESH.values).tobytes() == expected.predict(FRESH.values).tobytes()
    if len(validation):
        np.testing.assert_allclose(watched.scores, expected.predict(validation.values), rtol=0, atol=1e-12)
    assert len(watched.scores) == len(validation)


GROWING = {"lightgbm": "rounds", "xgboost": "rounds", "random_forest": "trees"}


@pytest.mark.parametrize(("name", "size"), GROWING.items())
def test_the_watcher_hears_of_each_step_and_may_end_it(name, size):
    learner, heard = classifier(name), []
    params = {**learner.cheapest(), size: 25}

    def listening(rounds: int, metric: float) -> bool:
        heard.append((rounds, metric))
        return False

    learner.fit_watched(TRAINING, FRESH, params, seed=1, watch=listening)
    step = heard[0][0]
    assert [rounds for rounds, _ in heard] == [*range(step, 25, step), 25]
    for rounds, metric in heard:
        scores = learner.fit(TRAINING, {**params, size: rounds}, seed=1).predict(FRESH.values)
        assert metric == pytest.approx(average_precision(FRESH.labels, scores), abs=1e-12)
    with pytest.raises(Pruned) as pruned:
        learner.fit_watched(TRAINING, FRESH, params, seed=1, watch=lambda rounds, metric: rounds > step)
    assert pruned.value.metric == heard[1][1]


@pytest.mark.parametrize(("name", "size"), GROWING.items())
def test_growing_ends_where_validation_gains_no_more(name, size):
    learner, heard = classifier(name), []
    noise = TrainingFrame(
        TRAINING.values,
        np.random.default_rng(3).permutation(TRAINING.labels),
        TRAINING.times,
        TRAINING.groups,
        TRAINING.lines,
        NAMES,
    )
    watched = learner.fit_watched(
        noise,
        FRESH,
        {**learner.cheapest(), size: 1000},
        seed=1,
        watch=lambda *told: bool(heard.append(told)),
    )
    metrics = dict(heard)
    assert len(heard) < 100
    assert metrics[watched.params[size]] == max(metric for rounds, metric in heard if rounds >= 40)
    assert 30 <= heard[-1][0] - watched.params[size] < 30 + heard[0][0]


def test_the_forest_answers_as_scikit_learn_does():
    from sklearn.ensemble import RandomForestClassifier

    from andon.models import random_forest

    values = np.nan_to_num(TRAINING.values)
    powers = np.frexp(values.std(axis=0))[1]  # of usual size, where scikit-learn takes no two values for one
    values = np.ldexp(values, -powers)
    frame = TrainingFrame(values, TRAINING.labels, TRAINING.times, TRAINING.groups, TRAINING.lines, NAMES)
    params = random_forest.cheapest()
    theirs = RandomForestClassifier(
        n_estimators=params["trees"],
        max_depth=params["max_depth"],
        min_samples_leaf=params["min_leaf"],
        max_features=params["max_features"],
        max_samples=0.5,
        random_state=9,
    ).fit(values, TRAINING.labels)
    fresh = np.ldexp(np.nan_to_num(FRESH.values), -powers)
    ours = random_forest.fit(frame, params, seed=9).predict(fresh)
    np.testing.assert_allclose(ours, theirs.predict_proba(fresh)[:, 1], atol=1e-12)


def test_logistic_regression_answers_as_scikit_learn_does():
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from andon.models import logistic_regression

    params = logistic_regression.cheapest()
    values, fresh = TRAINING.values[:, :7], FRESH.values[:, :7]
    frame = TrainingFrame(values, TRAINING.labels, TRAINING.times, TRAINING.groups, TRAINING.lines, NAMES[:7])
    theirs = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=params["inverse_penalty"], max_iter=10_000, tol=1e-10),
    ).fit(values, TRAINING.labels)
    ours = logistic_regression.fit(frame, params, seed=9).predict(fresh)
    np.testing.assert_allclose(ours, theirs.predict_proba(fresh)[:, 1], atol=1e-6)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_boosted_trees_answer_as_their_own_library_does(name, tmp_path):
    fitted = classifier(name).fit(TRAINING, classifier(name).cheapest(), seed=5)
    fitted.save(tmp_path)
    (file,) = tmp_path.iterdir()
    if name == "lightgbm":
        import lightgbm

        theirs = lightgbm.Booster(model_file=file).predict(FRESH.values)
    else:
        import xgboost

        theirs = xgboost.Booster(model_file=file).predict(xgboost.DMatrix(FRESH.values))
    # XGBoost answers in single precision, whose last bit is 1.2e-7 of a number.
    np.testing.assert_allclose(fitted.predict(FRESH.values), theirs, rtol=2.4e-7, atol=1e-9)


@pytest.mark.parametrize("count", [7, 9])
def test_rows_of_another_width_are_refused(fitted, count):
    with pytest.raises(Exception, match=r"(?i)feature"):
        fitted.predict(np.zeros((2, count)))


@pytest.mark.parametrize("unit", [1e-12, 1e-9, 1e20])
def test_the_unit_of_a_feature_does_not_matter(learner, fitted, unit):
    values = TRAINING.values * unit
    frame = TrainingFrame(values, TRAINING.labels, TRAINING.times, TRAINING.groups, TRAINING.lines, NAMES)
    scores = learner.fit(frame, learner.cheapest(), seed=5).predict(values)
    first = average_precision(TRAINING.labels, fitted.predict(TRAINING.values))
    assert average_precision(TRAINING.labels, scores) == pytest.approx(first, abs=0.02)


def test_training_on_an_infinite_feature_is_refused(learner):
    values = TRAINING.values.copy()
    values[2, 3] = -np.inf
    frame = TrainingFrame(values, TRAINING.labels, TRAINING.times, TRAINING.groups, TRAINING.lines, NAMES)
    with pytest.raises(DataError, match="row 2, column 3: is infinite"):
        learner.fit(frame, learner.cheapest(), seed=0)


def test_scoring_needs_no_training_library(tmp_path):
    script = "import sys, numpy, pathlib\nfrom andon.models.classifiers import classifier\n"
    for name in CLASSIFIERS:
        folder = tmp_path / name
        folder.mkdir()
        classifier(name).fit(TRAINING, classifier(name).cheapest(), seed=1).save(folder)
        if name in ("random_forest", "logistic_regression"):
            script += f"classifier({name!r}).load(pathlib.Path({str(folder)!r})).predict(numpy.zeros((2, 8)))\n"
    script += "print([name for name in ('sklearn', 'tensorflow', 'ray', 'mlflow') if name in sys.modules])\n"
    for name in ("lightgbm", "xgboost"):  # these import scikit-learn themselves
        script += f"classifier({name!r}).load(pathlib.Path({str(tmp_path / name)!r})).predict(numpy.zeros((2, 8)))\n"
    script += "print([name for name in ('tensorflow', 'ray', 'mlflow') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["[]", "[]"]
