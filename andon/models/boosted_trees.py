"""Boosted trees of XGBoost laid out flat, for a few rows at a time: its own call takes longer than all the trees.

Trees are walked and added up in its order and in its single precision, so that margins are those of XGBoost to the
last bit, whichever of the two works them out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from andon.errors import ModelError
from andon.frames import Floats
from andon.models.kernels import tree_margins

Singles = NDArray[np.float32]
Places = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """Of each node its feature (-1: a leaf), threshold or leaf value, children, and where a missing value goes."""

    n_features: int
    base: np.float32
    roots: Places
    features: Places
    values: Singles
    left: Places
    right: Places
    missing_left: NDArray[np.bool_]

    def margins(self, values: Floats) -> Floats:
        """Return log-odds, float64 (n_rows,) that hold single precision, of float64 (n_rows, n_features).

        Raises
        ------
        ModelError
            If there are fewer features than the trees look at.
        """
        if values.shape[1] != self.n_features:
            problem = f"needs {self.n_features} features a row, got shape {values.shape}"
            raise ModelError("model", problem, "train it again")
        margins: Floats = tree_margins(
            values, self.base, self.roots, self.features, self.values, self.left, self.right, self.missing_left
        )
        return margins


def flatten(booster: Any) -> BoostedTrees:
    """Lay out the trees of an XGBoost booster for binary classes.

    Raises
    ------
    ModelError
        If it has splits of another kind than a threshold on a number.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    trees = learner["gradient_booster"]["model"]["trees"]
    if learner["gradient_booster"]["name"] != "gbtree" or any(any(tree["split_type"]) for tree in trees):
        raise ModelError("model", "has splits that are not thresholds on numbers", "train it again")
    score = np.float32(learner["learner_model_param"]["base_score"].strip("[]"))
    sizes = [len(tree["left_children"]) for tree in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def column(name: str, kind: type[Any]) -> NDArray[Any]:
        return np.concatenate([np.asarray(tree[name], kind) for tree in trees] or [np.zeros(0, kind)])

    offsets = np.repeat(starts[:-1], sizes)
    left, right = column("left_children", np.int64), column("right_children", np.int64)
    leaf = left == -1
    return BoostedTrees(
        n_features=int(learner["learner_model_param"]["num_feature"]),
        base=np.float32(-np.log(np.float32(1) / score - np.float32(1))),
        roots=starts[:-1].astype(np.int32),
        features=np.where(leaf, -1, column("split_indices", np.int64)).astype(np.int32),
        values=column("split_conditions", np.float32),
        left=np.where(leaf, 0, left + offsets).astype(np.int32),
        right=np.where(leaf, 0, right + offsets).astype(np.int32),
        missing_left=column("default_left", np.bool_),
    )
