"""How long a recommendation takes, beside DiCE on the same alerts; and whether every one keeps what it promises.

A simulated oven: five actionable settings, 20 steps each, single moves and pairs, with what follows them, recomputed
through the rolling features. *Alone*: one alert after the other from the stores (reading, features, blame, search, the
serving path's own score). *Batch*: the same alerts with their readings in memory, on one core. DiCE (in an environment
of its own) is asked for three counterfactuals on the features as they are, without recomputing: the settings' newest
values may vary. ``python -m tests.benchmarks.bench_recommend [speed | promises] [--short]``; exits 1 where a bar is
missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from andon.explain.counterfactuals import changed_frame, situations_at
from andon.explain.recommending import levers_of, recommend
from andon.features.engine import compute_features
from andon.frames import SignalFrame, from_microseconds, to_microseconds
from andon.models.blend import FittedBlend
from andon.models.lightgbm import FittedLightgbm
from andon.models.training import training_rows
from andon.scoring.alerts import score_alert
from andon.services.recommending import Advisor
from andon.stores import open_documents, open_signals
from tests.benchmarks.advised_lines import AdvisedLine, advised_line, median_ms
from tests.benchmarks.contenders import python_with
from tests.benchmarks.timing import verdict
from tests.watched_stores import FolderModels

ALONE_MS, BATCH_MS, TIMES = 40.0, 20.0, 20.0
DICE = ("dice-ml==0.12", "lightgbm==4.7.0", "pandas==3.1.1")
PROMISES = 5_000


def main() -> int:
    """Print the figures and the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=["speed", "promises"])
    parser.add_argument("--short", action="store_true", help="fewer alerts, no DiCE random")
    given = parser.parse_args()
    met = True
    if given.part in (None, "speed"):
        met &= speed(given.short)
    if given.part in (None, "promises"):
        met &= promises(200 if given.short else PROMISES)
    return 0 if met else 1


def speed(short: bool) -> bool:
    """Time alone, in a batch and DiCE, one after the other in one run."""
    advised = advised_line("oven", 215, 21, 10, ("lightgbm",))
    moments = advised.alerts()[: 12 if short else 40]
    print(f"{len(moments)} alerts of {advised.line.name}, {len(levers_of(advised.line, advised.experience))} settings")
    with tempfile.TemporaryDirectory() as folder:
        alone, found = time_alone(advised, moments, Path(folder))
        batch, processor = time_batch(advised, moments)
        genetic, dice_found = time_dice(advised, moments[: 2 if short else 10], Path(folder), "genetic")
        others = [] if short else [time_dice(advised, moments[:10], Path(folder), "random")[0]]
    met = verdict("one alert alone, median ms", median_ms(alone), f"<= {ALONE_MS:g}", median_ms(alone) <= ALONE_MS)
    print(f"in a batch, mean ms of processor time, however busy the machine: {1000 * processor:.1f}")
    met &= verdict("in a batch, mean ms", 1000 * batch, f"<= {BATCH_MS:g}", 1000 * batch <= BATCH_MS)
    print(f"DiCE genetic, median ms: {median_ms(genetic):.0f}", *(f"random: {median_ms(one):.0f}" for one in others))
    times = float(np.median(genetic)) / batch
    met &= verdict("times faster than DiCE genetic", times, f">= {TIMES:g}", times >= TIMES)
    at_least = found >= dice_found
    return (
        verdict(f"share with a change (DiCE {dice_found:.2f}, on features alone)", found, "no less", at_least) and met
    )


def time_alone(advised: AdvisedLine, moments: list[datetime], folder: Path) -> tuple[list[float], float]:
    """Return seconds of each alert from the stores, and the share that has a recommendation."""
    documents = open_documents(f"sqlite:///{folder}/documents.db")
    signals = open_signals(f"sqlite:///{folder}/signals.db")
    models = FolderModels(folder / "models")
    models.put(advised.bundle)
    signals.append_signals(advised.frame)
    documents.put_definitions([advised.line.to_json(), advised.alert.to_json()], datetime.now(UTC))
    advisor = Advisor(documents, signals, models, folder / "advice")  # type: ignore[arg-type]
    advisor.explain_at(advised.alert, advised.line.name, moments[0])
    seconds, found = [], []
    for moment in moments:
        began = time.perf_counter()
        made = advisor.explain_at(advised.alert, advised.line.name, moment)
        seconds.append(time.perf_counter() - began)
        found.append(bool(made.options))
    documents.close()
    signals.close()
    return seconds, float(np.mean(found))


def time_batch(advised: AdvisedLine, moments: list[datetime]) -> tuple[float, float]:
    """Return mean seconds of an alert whose readings are in memory, by the clock and of the processor."""
    frames = [advised.before(moment) for moment in moments]
    began, spent = time.perf_counter(), time.process_time()
    for frame in frames:
        recommend("", frame, advised.bundle, advised.line, advised.experience)
    return (time.perf_counter() - began) / len(frames), (time.process_time() - spent) / len(frames)


def time_dice(advised: AdvisedLine, moments: list[datetime], folder: Path, method: str) -> tuple[list[float], float]:
    """Return seconds of each alert with DiCE, and the share that has a counterfactual."""
    assert advised.alert.target is not None
    bundle = advised.bundle
    model = bundle.model.members[0].model if isinstance(bundle.model, FittedBlend) else bundle.model
    assert isinstance(model, FittedLightgbm) and isinstance(bundle.model, FittedBlend)
    past = advised.frame.between(None, advised.split)
    rows = training_rows([past], bundle.features, advised.alert.target, bundle.horizon)
    keep = np.random.default_rng(0).choice(len(rows), min(len(rows), 5_000), replace=False)
    asked = np.concatenate(
        [compute_features(advised.before(moment), bundle.features, moment).values[-1:] for moment in moments]
    )
    # DiCE takes no missing values.
    history = np.nan_to_num(rows.values[keep])
    np.savez(folder / "rows.npz", history=history, labels=rows.labels[keep], asked=np.nan_to_num(asked))
    names = [f"f{place}" for place in range(len(bundle.features.names))]
    levers = {lever.name for lever in levers_of(advised.line, advised.experience)}
    of = bundle.features.features
    varied = [names[i] for i, one in enumerate(of) if one.variable in levers and one.function in ("last", "mean")]
    bounds = {name: (float(history[:, i].min()), float(history[:, i].max())) for i, name in enumerate(names)}
    # What the model itself says at the alert's threshold, before calibration.
    calibration = bundle.model.members[0].calibration
    grid = np.linspace(1e-4, 1 - 1e-4, 9_999)
    at = float(grid[np.searchsorted(calibration.apply(grid), bundle.threshold).clip(0, len(grid) - 1)])
    about = {"names": names, "varied": varied, "threshold": at, "ranges": {name: bounds[name] for name in varied}}
    (folder / "about.json").write_text(json.dumps(about))
    (folder / "model.txt").write_text(model.booster.model_to_string())
    script = Path(__file__).with_name("dice_contender.py")
    command = [str(python_with(*DICE)), str(script), str(folder), method, str(len(moments))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    told = json.loads(done.stdout.splitlines()[-1])
    return told["seconds"], float(np.mean(told["found"]))


def promises(count: int) -> bool:
    """Explain random rows at a threshold that makes them alerts; count what breaks a promise."""
    broken, given = 0, 0
    for number, machine in enumerate(("oven", "packer", "fryer", "pasteuriser")):
        advised = advised_line(machine, 216, 14, 7, ("lightgbm",) if number % 2 else ("logistic_regression",))
        rng = np.random.default_rng(number)
        for _ in range(count // 4):
            minutes = int(rng.integers(120, 7 * 1440 - 1))
            moment = advised.split + timedelta(minutes=minutes)
            bad, had = breaks(advised, moment, float(rng.uniform(0.3, 1.0)))
            broken += bad
            given += had
    print(f"{count} random alerts, {given} with a recommendation")
    return verdict("exceptions and broken promises", broken, "0", broken == 0) and given > 0


def breaks(advised: AdvisedLine, moment: datetime, part: float) -> tuple[bool, bool]:
    """Return whether a promise is broken at a moment, and whether there was a recommendation.

    The alert's threshold is put at a part of the row's own risk, so that there is something to avoid.
    """
    from dataclasses import replace

    frame = advised.before(moment)
    if not len(frame):
        return False, False
    last = from_microseconds(int(frame.times[-1]))
    scores = score_alert(advised.bundle, frame, last)
    if np.isnan(scores.score[-1]):
        return False, False
    bundle = replace(advised.bundle, threshold=float(scores.score[-1]) * part)
    found = recommend("", frame, bundle, advised.line, advised.experience)
    kept = all(_kept(advised, bundle, frame, option) for option in found.options)
    if not found.options:
        kept = bool(found.reason)
    return not kept, bool(found.options)


def _kept(advised: AdvisedLine, bundle: object, frame: SignalFrame, option: object) -> bool:
    from andon.models.bundle import AlertBundle
    from andon.records import MoveOption

    assert isinstance(bundle, AlertBundle) and isinstance(option, MoveOption)
    experience = advised.experience
    levers = levers_of(advised.line, experience)
    by_name = {lever.name: place for place, lever in enumerate(levers)}
    situation = situations_at(frame, bundle.features, experience, levers, [to_microseconds(option.start)])[0]
    moves, settings = np.zeros(len(levers)), situation.now.copy()
    for name, old, new in option.changes:
        lever = levers[by_name[name]]
        steps = (new - old) / lever.step
        if not (lever.low <= new <= lever.high and abs(steps - round(steps)) < 1e-6 and old == settings[lever.place]):
            return False
        moves[by_name[name]], settings[lever.place] = new - old, new
    region = experience.region(frame)
    scores = score_alert(bundle, changed_frame(frame, situation, moves), from_microseconds(int(frame.times[-1])))
    plausible = region is not None and bool(region.holds(settings[None])[0])
    built = float(bundle.probabilities(situation.build(moves[None]))[0])
    same = float(scores.score[-1]) == option.after == built
    return plausible and same and option.after < bundle.threshold


if __name__ == "__main__":
    sys.exit(main())
