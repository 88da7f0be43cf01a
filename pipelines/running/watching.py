"""``andon assistant``: open the stores, and run the loop until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from andon.errors import AndonError, ConfigError
from configs.periods import format_time
from configs.settings import Settings

if TYPE_CHECKING:
    from andon.services.assistant import Pass
    from andon.services.chores import Chore
    from andon.services.turns import Stores
    from pipelines.recommending import Recommender

log = logging.getLogger(__name__)

_TELLING = timedelta(seconds=1)
_DUE = timedelta(seconds=10)
_REVIEWING, _REVIEWED = timedelta(hours=1), timedelta(days=90)
"""How often it is looked whether advice held, and of how much time."""


def watch(
    settings: Settings,
    *,
    lines: tuple[str, ...],
    since: datetime | None,
    batch: int,
    every: timedelta | None,
    report: Callable[[Pass], object],
) -> int:
    """Run the assistant, once where ``every`` is None; return how many lines failed in that one pass.

    SIGTERM and SIGINT end the loop after what it is at, or after the plan's ``grace``.

    Raises
    ------
    ConfigError
        If nothing watches a line that was asked for, ``since`` is still to come, or ``batch`` is below 1.
    """
    from andon.services.turns import check_batch

    if since is not None and since > datetime.now(UTC):
        raise ConfigError("--since", f"{format_time(since)} is still to come", "give a time that has passed")
    if every is not None and every <= timedelta(0):
        raise ConfigError("--every", "must be longer than 0", "write for example 60s, or --once")
    return asyncio.run(_watch(settings, lines, since, check_batch(batch), every, report))


async def _watch(
    settings: Settings,
    lines: tuple[str, ...],
    since: datetime | None,
    batch: int,
    every: timedelta | None,
    report: Callable[[Pass], object],
) -> int:
    from andon.services.loop import AssistantLoop, Pace
    from andon.services.membership import Membership
    from andon.services.turns import Stores, Turns
    from andon.stores import open_documents, open_models, open_signals

    plan = settings.assistant
    stores = Stores(open_documents(settings.documents), open_signals(settings.signals), open_models(settings.models))
    turns = Turns(stores, since, batch, plan.catch_up or None)
    membership = Membership(stores.documents, length=plan.lease, sharing=every is not None)
    pace = Pace(wake=plan.wake, workers=plan.workers, grace=plan.grace)
    pace = pace if every is None else replace(pace, every=every)
    chores = () if every is None else chores_of(settings, stores)
    loop = AssistantLoop(turns, membership, _now, report, lines, pace, chores)
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, loop.stop)
    try:
        if every is None:
            failed = await loop.once()
            await asyncio.to_thread(_tell, settings, stores)
            return failed
        await loop.run()
        return 0
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            running.remove_signal_handler(number)


def _tell(settings: Settings, stores: Stores) -> None:
    """Tell people what is to be told, once; what cannot be delivered now waits in the outbox."""
    from pipelines.telling.notifying import Notifier

    try:
        recommender = recommender_of(settings, stores)
        recommender.run()
        Notifier(stores.documents, stores.signals, settings, recommender.find).run()
    except AndonError as error:
        log.error("people could not be told: %s", error)


def chores_of(settings: Settings, stores: Stores) -> list[Chore]:
    """Return what the assistant does beside the lines."""
    from andon.services.chores import Chore
    from pipelines.running.scheduling import Scheduler
    from pipelines.telling.notifying import Notifier

    told = threading.Event()
    recommender = recommender_of(settings, stores)
    notifier = Notifier(stores.documents, stores.signals, settings, recommender.find)
    # A retrain takes long, and no report waits for it.
    retraining, reporting = (
        Scheduler(settings, stores, kinds) for kinds in (("retrain",), ("report", "shadow", "compaction"))
    )
    return [
        Chore("recommending", _TELLING, recommender.run, recommender.stop),
        Chore("reviewing advice", _REVIEWING, partial(_review, stores)),
        Chore("telling people", _TELLING, partial(notifier.run, told.is_set), told.set),
        Chore("retraining", _DUE, retraining.run, retraining.stop),
        Chore("reports", _DUE, reporting.run, reporting.stop),
    ]


def _review(stores: Stores) -> None:
    """Judge the advice of the last months, and withdraw what history contradicts."""
    from andon.services.advice import review_advice

    now = _now()
    review_advice(now - _REVIEWED, now, stores.documents, stores.signals)


def recommender_of(settings: Settings, stores: Stores) -> Recommender:
    """Return what explains alerts beside the lines; what it keeps in memory is shared by all who ask it."""
    from andon.services.recommending import Advisor
    from pipelines.recommending import Recommender, advice_folder

    return Recommender(Advisor(stores.documents, stores.signals, stores.models, advice_folder(settings)))


def _now() -> datetime:
    return datetime.now(UTC)
