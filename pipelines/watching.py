"""``andon assistant``: open the stores, and run the loop until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from andon.errors import ConfigError
from configs.periods import format_time
from configs.settings import Settings

if TYPE_CHECKING:
    from andon.services.assistant import Pass


def watch(
    settings: Settings,
    *,
    lines: tuple[str, ...],
    since: datetime | None,
    batch: int,
    every: timedelta | None,
    report: Callable[[Pass], object],
) -> int:
    """Run the assistant, once where ``every`` is None; return how many lines failed in its last pass.

    SIGTERM and SIGINT end the loop after the line that is being ticked.

    Raises
    ------
    ConfigError
        If nothing watches a line that was asked for, ``since`` is still to come, or ``batch`` is below 1.
    """
    from andon.services.assistant import Assistant, Stores, check_batch, run_assistant
    from andon.stores import open_documents, open_models, open_signals

    if since is not None and since > datetime.now(UTC):
        raise ConfigError("--since", f"{format_time(since)} is still to come", "give a time that has passed")
    stores = Stores(open_documents(settings.documents), open_signals(settings.signals), open_models(settings.models))
    assistant = Assistant(stores, lines, since, check_batch(batch))
    if every is None:
        failed = 0
        for done in assistant.run_pass(datetime.now(UTC)):
            report(done)
            failed += bool(done.error)
        return failed
    if every <= timedelta(0):
        raise ConfigError("--every", "must be longer than 0", "write for example 60s, or --once")
    stop = threading.Event()

    def end(number: int, frame: Any) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        run_assistant(assistant, every, lambda: datetime.now(UTC), stop.wait, report)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0
