"""The features of `bench_features` by tsflex's vectorised path; runs in an environment that has tsflex.

``python tsflex_features.py COLUMNS.npz FEATURES.npz RUNS`` prints the least processor seconds of several runs.
"""

from __future__ import annotations

import sys
import time

import numpy as np

WINDOWS, STRIDE = (5, 30, 120, 480), 5


def _mean(windows: np.ndarray) -> np.ndarray:
    return windows.mean(axis=1)


def _std(windows: np.ndarray) -> np.ndarray:
    return windows.std(axis=1, ddof=1)


def _min(windows: np.ndarray) -> np.ndarray:
    return windows.min(axis=1)


def _max(windows: np.ndarray) -> np.ndarray:
    return windows.max(axis=1)


def _last(windows: np.ndarray) -> np.ndarray:
    return windows[:, -1]


def _slope(windows: np.ndarray) -> np.ndarray:
    minutes = np.arange(windows.shape[1], dtype=np.float64)
    minutes -= minutes.mean()
    return windows @ minutes / (minutes @ minutes)


def main(columns: str, features: str, runs: str) -> int:
    import pandas as pd
    from tsflex.features import FeatureCollection, FuncWrapper, MultipleFeatureDescriptors

    with np.load(columns) as file:
        table = {name: file[name] for name in file.files}
    rows = len(next(iter(table.values())))
    index = pd.date_range("2026-01-01 00:01", periods=rows, freq="min")
    series = [pd.Series(values, index=index, name=name) for name, values in table.items()]

    def functions(*chosen: object) -> list[FuncWrapper]:
        return [FuncWrapper(one, vectorized=True) for one in chosen]

    names, stride = list(table), f"{STRIDE}min"
    every = functions(_mean, _std, _min, _max, _slope)
    windows = [f"{window}min" for window in WINDOWS]
    collection = FeatureCollection(
        [
            MultipleFeatureDescriptors(every, names, windows=windows, strides=stride),
            MultipleFeatureDescriptors(functions(_last), names, windows=windows[:1], strides=stride),
        ]
    )
    taken = []
    for _ in range(1 + int(runs)):
        begun = time.process_time()
        found = collection.calculate(series, return_df=False, n_jobs=1, show_progress=False)
        taken.append(time.process_time() - begun)
    np.savez(features, **{one.columns[0]: one.iloc[:, 0].to_numpy() for one in found})
    print(min(taken[1:]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
