"""xgboost-ray's actors with XGBoost 3: what its old tracker did is put right inside the processes that train.

xgboost-ray 0.1.19 was written for the tracker of XGBoost 1, which XGBoost 2.1 changed
(https://github.com/ray-project/xgboost_ray/issues/312). `Conductor` and `ActorContext` put the new calls in the place
of the old ones, in processes of their own: the driver's modules stay as they are, and no hook of a runtime environment
is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from andon.errors import AndonError

TESTED = {"xgboost": "3.2.", "xgboost-ray": "0.1.19"}
"""Versions, or how they begin, with which this module was tested."""

CHECKPOINTS = 20
"""A fit hands its model over about this many times on its way."""


def require_tested(versions: Mapping[str, str]) -> None:
    """Refuse versions that were not tried together: what is replaced here may be gone, or mean something else.

    Raises
    ------
    AndonError
        Naming the package, its version and the one that was tested.

    Examples
    --------
    >>> require_tested({"xgboost": "3.2.0", "xgboost-ray": "0.1.19"})
    """
    for package, tested in TESTED.items():
        installed = versions[package]
        if installed != tested and not (tested.endswith(".") and installed.startswith(tested)):
            raise AndonError(
                f"{package} {installed}",
                "is not a version that a fit over several workers was tested with",
                f"install {package}=={tested}{'*' if tested.endswith('.') else ''}, "
                "or set ANDON_WORKER_BYTES so high that one worker holds the rows",
            )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is fitted: files, dealt in turn to ``actors`` processes of ``threads`` threads, and XGBoost's settings.

    Of each file, the columns ``features`` and ``label`` are read, in the rows whose ``time`` is in ``span``.
    """

    files: tuple[str, ...]
    features: tuple[str, ...]
    label: str
    span: tuple[int, int] | None
    settings: dict[str, Any]
    rounds: int
    actors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Grown:
    """How far a booster is: files' readers done, rounds done, and the model as it was after round ``kept``."""

    loaded: int = 0
    rounds: int = 0
    kept: int = 0
    model: bytes | None = None


class Conductor:
    """Runs xgboost-ray in a process that can be ended at any time, and answers meanwhile how far it is."""

    def __init__(self) -> None:
        self._grown = Grown()

    def run(self, plan: Plan, begun: Grown, me: Any) -> bytes:
        """Grow what was ``begun`` to its last round; return XGBoost's binary JSON. ``me`` is this actor's handle."""
        import xgboost_ray

        _adapt_tracker()
        self._grown = replace(begun, loaded=0, rounds=begun.kept)
        booster = xgboost_ray.train(
            # Resumed rounds are counted from 0 again: another seed, or they would draw the first rounds' samples.
            {**plan.settings, "seed": (plan.settings["seed"] + begun.kept) % 2**31},
            xgboost_ray.RayDMatrix(
                list(plan.files),
                plan.label,
                distributed=True,
                # What follows are pandas.read_parquet's own arguments.
                columns=[*plan.features, plan.label],
                filters=None if plan.span is None else [("time", ">=", plan.span[0]), ("time", "<", plan.span[1])],
            ),
            num_boost_round=plan.rounds - begun.kept,
            xgb_model=begun.model,
            verbose_eval=False,
            callbacks=[_growth(me, begun.kept, max(1, plan.rounds // CHECKPOINTS))],
            ray_params=xgboost_ray.RayParams(
                num_actors=plan.actors,
                cpus_per_actor=plan.threads,
                gpus_per_actor=0,
                checkpoint_frequency=plan.rounds + 1,  # its own restarts are not used
                distributed_callbacks=[ActorContext(me)],
                verbose=False,
            ),
        )
        return bytes(booster.save_raw("ubj"))

    def tell_loaded(self) -> None:
        """Hear that an actor has read its files."""
        self._grown = replace(self._grown, loaded=self._grown.loaded + 1)

    def tell_rounds(self, rounds: int, model: bytes | None) -> None:
        """Hear how far the actors are; ``model`` is handed over now and then."""
        grown = replace(self._grown, rounds=rounds)
        self._grown = grown if model is None else replace(grown, kept=rounds, model=model)

    def grown(self, kept: int) -> Grown:
        """Return how far it is; without the model where the caller has that of round ``kept`` already."""
        return self._grown if self._grown.kept > kept else replace(self._grown, model=None)


class ActorContext:
    """A distributed callback of xgboost-ray: brings XGBoost's present communicator into each actor."""

    def __init__(self, conductor: Any) -> None:
        self._conductor = conductor

    def on_init(self, actor: Any, *args: Any, **kwargs: Any) -> None:
        """Replace the context in which this process trains; XGBoost's ranks are in the order of the actors."""
        import xgboost_ray.main
        from xgboost.collective import CommunicatorContext

        task = f"actor-{actor.rank:06d}"

        def context(actor_id: str, arguments: Mapping[str, Any]) -> CommunicatorContext:
            return CommunicatorContext(**arguments, dmlc_task_id=task)

        xgboost_ray.main._RabitContext = context

    def before_data_loading(self, actor: Any, data: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def after_data_loading(self, actor: Any, data: Any, *args: Any, **kwargs: Any) -> None:
        """Say that the files are read."""
        self._conductor.tell_loaded.remote()

    def before_train(self, actor: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def after_train(self, actor: Any, result: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


def _adapt_tracker() -> None:
    import ray
    import xgboost_ray.main
    from xgboost.tracker import RabitTracker

    def start(workers: int) -> tuple[RabitTracker, dict[str, Any]]:
        tracker = RabitTracker(n_workers=workers, host_ip=ray.util.get_node_ip_address(), sortby="task")
        tracker.start()
        return tracker, tracker.worker_args()

    def stop(tracker: RabitTracker) -> None:
        """Leave it: it ends with this process."""

    xgboost_ray.main._start_rabit_tracker = start
    xgboost_ray.main._stop_rabit_tracker = stop


def _growth(conductor: Any, begun: int, every: int) -> Any:
    """Return the callback by which the first actor tells how far it is, and hands the model over now and then."""
    import xgboost

    class Growth(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if xgboost.collective.get_rank() == 0:
                handed = bytes(model.save_raw("ubj")) if (epoch + 1) % every == 0 else None
                conductor.tell_rounds.remote(begun + epoch + 1, handed)
            return False

    return Growth()
