"""Compiled Shapley values of forests laid out flat."""

from __future__ import annotations

import numba
import numpy as np

from andon.frames import Floats, Integers


@numba.njit(cache=True, nogil=True)
def forest_contributions(
    row: Floats,
    reference: Floats,
    roots: Integers,
    features: Integers,
    thresholds: Floats,
    left: Integers,
    right: Integers,
    values: Floats,
    out: Floats,
) -> None:
    """Add to ``out`` (n_features,) the exact Shapley values of a forest's sum at ``row`` against ``reference``.

    Interventional tree SHAP with one reference (Lundberg et al., "From local explanations to global understanding with
    explainable AI for trees", 2020): where row and reference part at a node, both ways are followed, and a leaf that
    needs p features of the row and q of the reference gives each of the former (p - 1)! q! / (p + q)! of its value, and
    takes p! (q - 1)! / (p + q)! from each of the latter.
    """
    depth = 512
    nodes, taken = np.empty(depth, np.int64), np.empty(depth, np.int64)
    side = np.zeros(len(row), np.int8)  # 1: the path has the row's value of the feature, 2: the reference's
    chain = np.empty(depth, np.int64)
    for root in roots:
        top, length = 0, 0
        nodes[0], taken[0] = root, 0
        top = 1
        while top > 0:
            top -= 1
            node, keep = nodes[top], taken[top]
            # Negative codes undo: what was assumed below this node holds no more.
            if node < 0:
                length -= 1
                side[chain[length]] = 0
                continue
            if keep > 0:
                feature = (keep - 1) // 2
                side[feature] = 1 + (keep - 1) % 2
                chain[length] = feature
                length += 1
            feature = features[node]
            if feature < 0:
                p, q = 0, 0
                for i in range(length):
                    if side[chain[i]] == 1:
                        p += 1
                    else:
                        q += 1
                if p + q == 0:
                    continue
                whole = 1.0  # p! q! / (p + q)!
                for i in range(1, q + 1):
                    whole *= i / (p + i)
                for i in range(length):
                    if side[chain[i]] == 1:
                        out[chain[i]] += values[node] * whole / p
                    else:
                        out[chain[i]] -= values[node] * whole / q
                continue
            a = left[node] if row[feature] <= thresholds[node] else right[node]
            b = left[node] if reference[feature] <= thresholds[node] else right[node]
            if a == b or side[feature] == 1:
                nodes[top], taken[top] = a, 0
                top += 1
            elif side[feature] == 2:
                nodes[top], taken[top] = b, 0
                top += 1
            else:
                # The stack is last in, first out: each branch is followed by the undoing of what it assumed.
                nodes[top], taken[top] = -1, 0
                nodes[top + 1], taken[top + 1] = b, 1 + 2 * feature + 1
                nodes[top + 2], taken[top + 2] = -1, 0
                nodes[top + 3], taken[top + 3] = a, 1 + 2 * feature
                top += 4
