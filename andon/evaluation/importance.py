"""What a fitted model goes by: how far its answer moves when one feature is taken from another row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from andon.frames import Floats

_CLIP = 1e-6
"""Probabilities nearer to 0 or 1 than this are equally sure."""


def feature_importance(
    predict: Callable[[Floats], Floats], values: Floats, names: Sequence[str], rng: np.random.Generator, rows: int = 128
) -> dict[str, float]:
    """Return each feature's share of what a model goes by, by permutation (Breiman 2001, section 10).

    The measure is the mean absolute change of the log-odds, so it needs no labels and few rows, and does not depend on
    the threshold. Of features that say the same, each has a part. All of them are 0 where the model answers alike
    whatever it is given.

    Parameters
    ----------
    predict
        Probabilities, float64 (n_rows,), of float64 (n_rows, n_features); called once.
    values
        Rows that the model was not fitted on, float64 (n_rows, n_features); ``rows`` of them are drawn.

    Examples
    --------
    >>> values = np.random.default_rng(0).random((50, 2))
    >>> feature_importance(lambda values: values[:, 1], values, ["idle", "busy"], np.random.default_rng(0))
    {'idle': 0.0, 'busy': 1.0}
    """
    if len(values) < 2:
        return dict.fromkeys(names, 0.0)
    sample = values[rng.permutation(len(values))[:rows]]
    count, width = sample.shape
    # Every row takes the feature of the next one: a permutation that leaves no row as it was.
    moved = np.repeat(sample[None], width + 1, axis=0)
    columns = np.arange(width)
    moved[columns, :, columns] = np.roll(sample, 1, axis=0).T
    scores = np.clip(predict(moved.reshape(-1, width)), _CLIP, 1 - _CLIP).reshape(width + 1, count)
    odds = np.log(scores / (1 - scores))
    change = np.abs(odds[:width] - odds[width]).mean(axis=1)
    total = float(change.sum())
    shares = change / total if total else change
    return dict(zip(names, shares.tolist(), strict=True))
