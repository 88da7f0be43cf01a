"""One row of features through each learner, in process: 60 features, 200 trees where there are any."""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import numpy as np

from andon.frames import Floats
from andon.models.classifiers import CLASSIFIERS
from tests.benchmarks.serving_plant import FEATURES, TREES, training
from tests.benchmarks.timing import verdict

MICROSECONDS, DIFFERENCE, ROWS = 150.0, 1e-6, 300


def trained(learner: str) -> tuple[Any, Floats]:
    """Return our model and the training library's own probabilities of some rows, some of them with holes."""
    from andon.models.classifiers import classifier

    rows = training()
    params = classifier(learner).cheapest()
    large = {"rounds": TREES, "num_leaves": 31, "trees": TREES, "max_depth": 16, "min_leaf": 2}
    params |= {name: value for name, value in large.items() if name in params}
    model = classifier(learner).fit(rows, params, seed=1)
    values = rows.values[:ROWS]
    if learner == "lightgbm":
        return model, model.booster.predict(values)
    if learner == "xgboost":
        return model, model.booster.inplace_predict(values)
    return model, _by_scikit_learn(learner, params, rows, values)


def _by_scikit_learn(learner: str, params: dict[str, Any], rows: Any, values: Floats) -> Floats:
    """Fit anew with scikit-learn, as the learner does, and ask it."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if learner == "logistic_regression":
        weights = {0: 1.0, 1: params["positive_weight"]}
        model = LogisticRegression(
            C=params["inverse_penalty"], solver="newton-cholesky", tol=1e-8, class_weight=weights
        )
        return make_pipeline(StandardScaler(), model).fit(rows.values, rows.labels).predict_proba(values)[:, 1]
    share = float(rows.labels.mean())
    forest = RandomForestClassifier(
        n_estimators=params["trees"],
        max_depth=params["max_depth"],
        min_samples_leaf=params["min_leaf"],
        max_features=params["max_features"],
        max_samples=0.5,
        class_weight={0: 0.5 / (1 - share), 1: 0.5 / share} if params["balanced"] else None,
        random_state=1,
        n_jobs=1,
    )
    return forest.fit(rows.values, rows.labels).predict_proba(values)[:, 1]


def main() -> int:
    good = []
    for learner in CLASSIFIERS:
        model, own = trained(learner)
        rows = [one[None].copy() for one in training().values[:ROWS]]
        found = np.concatenate([model.predict(row) for row in rows])
        took = []
        for row in rows * 5:
            began = time.perf_counter()
            model.predict(row)
            took.append(1e6 * (time.perf_counter() - began))
        median, worst = statistics.median(took), float(np.abs(found - own).max())
        good.append(verdict(f"{learner}, {FEATURES} features, µs p50", median, "<= 150", median <= MICROSECONDS))
        print(f"       difference to the library's own answer: {worst:.1e} (bar <= 1e-6)")
        good.append(worst <= DIFFERENCE)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
