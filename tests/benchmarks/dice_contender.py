"""DiCE on the rows that Andon explains: run by `bench_recommend` with a Python of its own, whose pins differ."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main(folder: Path, method: str, most: int) -> None:
    """Time DiCE on rows, one after the other; print seconds of each and whether it found anything."""
    import dice_ml
    import lightgbm
    import numpy as np
    import pandas as pd

    given = np.load(folder / "rows.npz")
    about = json.loads((folder / "about.json").read_text())
    names, varied = about["names"], about["varied"]
    booster = lightgbm.Booster(model_file=str(folder / "model.txt"))
    threshold = about["threshold"]

    class Model:
        """A classifier as DiCE's scikit-learn backend asks for it; the alert's threshold is its 0.5."""

        def predict_proba(self, values: Any) -> Any:
            """Return both probabilities."""
            risk = booster.predict(np.asarray(values, dtype=np.float64), num_threads=1)
            risk = np.where(risk < threshold, 0.5 * risk / threshold, 0.5 + 0.5 * (risk - threshold) / (1 - threshold))
            return np.column_stack([1 - risk, risk])

        def predict(self, values: Any) -> Any:
            """Return the class."""
            return (self.predict_proba(values)[:, 1] >= 0.5).astype(int)

    history = pd.DataFrame(given["history"], columns=names).assign(label=given["labels"].astype(int))
    data = dice_ml.Data(dataframe=history, continuous_features=names, outcome_name="label")
    explainer = dice_ml.Dice(data, dice_ml.Model(model=Model(), backend="sklearn"), method=method)
    ranges = {name: [float(low), float(high)] for name, (low, high) in about["ranges"].items()}
    seconds, found = [], []
    for row in given["asked"][:most]:
        query = pd.DataFrame([row], columns=names)
        began = time.perf_counter()
        try:
            answer = explainer.generate_counterfactuals(
                query, total_CFs=3, desired_class=0, features_to_vary=varied, permitted_range=ranges, verbose=False
            )
            frame = answer.cf_examples_list[0].final_cfs_df
            good = frame is not None and len(frame) > 0
        except Exception:
            good = False
        seconds.append(time.perf_counter() - began)
        found.append(good)
    print(json.dumps({"seconds": seconds, "found": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
