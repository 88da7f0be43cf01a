"""The contender of bench_monitor_search, in an environment of its own: keras-tuner, one network and trial at a time.

``python keras_tuner_trials.py FOLDER SECONDS`` reads ``examples.npz`` and ``configurations.json`` there, and writes
``answer-NNN.json`` for each variable: processor seconds of its search (imports left out), and the test RMSE of its best
trial. What is answered already is not searched again, and no variable is begun that would likely not end within the
seconds. A variable is searched in one go: keras-tuner's grid search, taken up again, ends early.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def main(folder: Path, seconds: float) -> None:
    """Search each variable by a grid over the configurations."""
    started = time.perf_counter()
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")
    import keras_tuner  # noqa: F401 - none of the seconds
    import tensorflow

    for set_threads in (
        tensorflow.config.threading.set_intra_op_parallelism_threads,
        tensorflow.config.threading.set_inter_op_parallelism_threads,
    ):
        set_threads(1)
    configurations = json.loads((folder / "configurations.json").read_text())
    with np.load(folder / "examples.npz") as stored:
        examples = {name: stored[name] for name in stored.files}
    longest = 0.0
    for column in range(examples["train_y"].shape[1]):
        answer = folder / f"answer-{column:03d}.json"
        if answer.exists():
            continue
        began, working = time.perf_counter(), time.process_time()
        if began - started + longest > seconds:
            break
        error = search(folder / f"variable-{column}", column, examples, configurations)
        took = time.process_time() - working
        longest = max(longest, time.perf_counter() - began)
        answer.write_text(json.dumps({"seconds": took, "error": error}))
        print(f"variable {column}: {len(configurations)} trials in {took:.1f} s, test RMSE {error:.4f}", flush=True)


def search(folder: Path, column: int, examples: dict[str, np.ndarray], configurations: list[dict]) -> float:
    """Try every configuration on one variable; return the test RMSE of the one with the lowest validation loss."""
    import keras
    import keras_tuner

    window = examples["window"].item()

    def of(part: str, params: dict) -> tuple[np.ndarray, np.ndarray]:
        seen = examples[f"{part}_x"][:, column]
        lags = seen[:, window - round(params["lags"] * window) : window]
        inputs = np.concatenate([lags, seen[:, window:]], axis=1) if params["others"] else lags
        last = seen[:, window - 1] if params["base"] == "last" else 0.0
        return inputs, examples[f"{part}_y"][:, column] - last

    class Trials(keras_tuner.HyperModel):
        def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
            params = configurations[hp.Int("configuration", 0, len(configurations) - 1)]
            layers: list = []
            for width in params["widths"]:
                layers.append(keras.layers.Dense(width, params["activation"]))
                if params["dropout"]:
                    layers.append(keras.layers.Dropout(params["dropout"]))
            model = keras.Sequential([*layers, keras.layers.Dense(1)])
            model.compile(keras.optimizers.Adam(params["rate"]), "mse")
            return model

        def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, **options: object) -> object:
            params = configurations[hp.get("configuration")]
            inputs, targets = of("train", params)
            return model.fit(
                inputs, targets, validation_data=of("judge", params), batch_size=params["batch"],
                epochs=params["epochs"], **options,
            )  # fmt: skip

    tuner = keras_tuner.GridSearch(
        Trials(), objective="val_loss", max_trials=len(configurations), directory=folder, project_name="trials",
        overwrite=True, seed=0,
    )  # fmt: skip
    tuner.search(verbose=0)
    best = tuner.get_best_hyperparameters()[0]
    params = configurations[best.get("configuration")]
    inputs, targets = of("test", params)
    model = tuner.get_best_models()[0]
    return float(np.sqrt(np.mean((targets - model(inputs).numpy()[:, 0]) ** 2)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
