"""The chosen forecaster beside persistence and linear regression, test RMSE of every variable.

``python -m tests.benchmarks.bench_monitor_forecasts [simulator] [nab] [--trials N] [--seed N]``

The first 60 % of a line's rows train, the next 20 % validate (and choose), the last 20 % test and are read by nothing
else. *Linear* is the best linear configuration of the same search. The simulator is taken for non-linear where a
boosted forest (scikit-learn's, with its own defaults, on the same readings) tells test rows at least 10 % better than
linear regression: a yardstick that is no learner of ours. NAB needs ANDON_TEST_DATA.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from andon.frames import SignalFrame, signal_frame
from andon.models.monitors import kernels
from andon.models.monitors.comparison import choose, root_mean_square
from andon.models.monitors.forecasters import FORECASTERS, forecaster
from andon.models.monitors.networks import constant_network, persistence_network
from andon.models.monitors.preparation import MonitorData, prepare_monitor
from andon.models.monitors.training import evaluate_configuration
from andon.simulate import MACHINES, simulate_line
from configs.definitions import Monitor
from configs.periods import Period
from tests.benchmarks.timing import verdict
from tune_jobs.sampling import Sampler

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 10.0
WORSE, BETTER = 1.01, 0.90


@dataclass(frozen=True, slots=True)
class Compared:
    """Test RMSE of one variable in its own unit, and which learner was chosen."""

    line: str
    variable: str
    chosen: str
    persistence: float
    linear: float
    reached: float
    forest: float | None

    @property
    def ratio(self) -> float:
        """Error of what was chosen to the better of persistence and linear; 1 where none of them errs."""
        best = min(self.persistence, self.linear)
        return self.reached / best if best > 0 else float(self.reached <= 1e-12) or float("inf")

    @property
    def bent(self) -> bool:
        """Whether a forest tells it a tenth better than a line."""
        return self.forest is not None and self.forest <= BETTER * min(self.persistence, self.linear)


def simulator(seed: int) -> Iterator[SignalFrame]:
    """Yield the plant's four lines."""
    for machine in MACHINES:
        line = simulate_line(machine, START, DAYS, seed)
        types = {v: "number" for v, kind in line.data.schema.items() if v != "time" and kind.is_numeric()}
        yield signal_frame(line.name, line.data.select("time", *types), types)


def nab(folder: Path) -> Iterator[SignalFrame]:
    """Yield each file of realTraffic and realAWSCloudwatch as a line of one variable."""
    for part in ("realTraffic", "realAWSCloudwatch"):
        rows = pl.read_parquet(folder / f"{part}.parquet")
        for (file,), of_file in rows.group_by("file", maintain_order=True):
            time = pl.col("timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            data = of_file.select(time=time, value="value").unique("time", keep="first").sort("time")
            yield signal_frame(str(file).replace("/", "-").removesuffix(".csv"), data, {"value": "number"})


def compare(frame: SignalFrame, trials: int, seed: int, yardstick: bool) -> list[Compared]:
    """Search as a monitor's study does, choose on validation rows, and measure on test rows."""
    times = frame.data["time"]
    cuts = [times[0], times[int(0.6 * len(times))], times[int(0.8 * len(times))]]
    definition = Monitor(
        name="watch",
        lines={"names": [frame.line]},
        train=Period(start=cuts[0], end=cuts[1]),
        validation=Period(start=cuts[1], end=cuts[2]),
    )
    names = [name for name in FORECASTERS if name in definition.learners]
    data = prepare_monitor(frame, definition)
    test = np.arange(int(0.8 * len(times)), len(times))
    learners = {name: (forecaster(name).cheapest, forecaster(name).suggest) for name in names}
    sampler, evaluations = Sampler(learners, seed, "minimize"), []
    for number in range(trials):
        learner, params, _ = sampler.ask(number)
        evaluations.append(evaluate_configuration(data, learner, params, seed))
        sampler.tell(evaluations[-1].metric)
    before = data.persistence
    choices = [
        choose(column, evaluations, before[:, column], persistence_network(), names, data.residuals_of)
        for column in range(len(data.variables))
    ]
    lines = [
        min((one for one in evaluations if one.learner == "linear"), key=lambda one: one.rmse[column]).networks[column]
        for column in range(len(data.variables))
    ]
    sizes = data.scaling.scales

    def test_errors(networks: list) -> np.ndarray:
        return root_mean_square(data.residuals(networks, test)) * sizes

    chosen = [constant_network() if data.constant[column] else choice.network for column, choice in enumerate(choices)]
    found = test_errors([persistence_network()] * len(lines)), test_errors(lines), test_errors(chosen)
    return [
        Compared(
            frame.line, name, choices[column].learner, *(float(error[column]) for error in found),
            forest_error(data, column, test) * float(sizes[column]) if yardstick else None,
        )
        for column, name in enumerate(data.variables)
        if not data.constant[column]
    ]  # fmt: skip


def forest_error(data: MonitorData, column: int, test: np.ndarray) -> float:
    """Return the test RMSE of scikit-learn's boosted trees on the same lags and last readings of all, standardised."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    rows = data.training[~np.isnan(data.series[data.training, column])]
    tested = test[~np.isnan(data.series[test, column])]

    def seen(which: np.ndarray) -> np.ndarray:
        return kernels.lag_matrix(data.series, which, column, data.window, data.window, 1)

    def last(which: np.ndarray) -> np.ndarray:
        return kernels.lag_matrix(data.series, which, column, data.window, 1, 0)[:, 0]

    model = HistGradientBoostingRegressor(random_state=0)
    model.fit(seen(rows), data.series[rows, column] - last(rows))
    left = data.series[tested, column] - last(tested) - model.predict(seen(tested))
    return float(np.sqrt(np.mean(left**2)))


def measured(frames: Iterator[SignalFrame], trials: int, seed: int, yardstick: bool) -> list[Compared]:
    """Compare line after line, and print every variable."""
    print(f"{'line':34} {'variable':22} {'chosen':12} {'persist.':>10} {'linear':>10} {'chosen':>10}  ratio  forest")
    found = []
    for frame in frames:
        for one in compare(frame, trials, seed, yardstick):
            found.append(one)
            forest = "" if one.forest is None else f"{one.forest / min(one.persistence, one.linear):6.3f}"
            print(
                f"{one.line[-34:]:34} {one.variable[:22]:22} {one.chosen:12} {one.persistence:10.4g} "
                f"{one.linear:10.4g} {one.reached:10.4g} {one.ratio:6.3f}  {forest}",
                flush=True,
            )
    return found


def main() -> int:
    """Measure what is asked for; both by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=["simulator", "nab", []], default=[])
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--seed", type=int, default=13)
    asked = parser.parse_args()
    parts = asked.parts or ["simulator", "nab"]
    good = []
    if "simulator" in parts:
        found = measured(simulator(asked.seed), asked.trials, asked.seed, yardstick=True)
        worst = max(one.ratio for one in found)
        good.append(verdict("simulator: worst variable to the better of two", worst, f"<= {WORSE}", worst <= WORSE))
        bent = [one for one in found if one.bent]
        if bent:
            least = max(one.ratio for one in bent)
            what = f"simulator: worst of the {len(bent)} non-linear variables"
            good.append(verdict(what, least, f"<= {BETTER}", least <= BETTER))
    if "nab" in parts:
        named = os.environ.get("ANDON_TEST_DATA")
        if not named:
            print("skipped NAB: ANDON_TEST_DATA names no folder of real data")
            return 0 if all(good) else 1
        folder = Path(named) / "nab-traffic-aws"
        found = measured(nab(folder), asked.trials, asked.seed, yardstick=False)
        worst = max(one.ratio for one in found)
        good.append(verdict("NAB: worst file to the better of two", worst, f"<= {WORSE}", worst <= WORSE))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
