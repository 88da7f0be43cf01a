"""What is due, done: retraining, reports, looks into the shadow; each firing once, by whichever process claims it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from andon.errors import AndonError, ConfigError
from andon.leases import kept
from andon.services.membership import this_process
from andon.services.scheduling import Due, Schedule, claim_due, finish_due, prolong, schedules_of
from andon.services.turns import Stores
from andon.services.watching import Cache, Watching, read_watching
from configs.periods import format_time
from configs.settings import Settings
from pipelines.lifeline import start

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
"""How long a job is another's to do again after its process has died."""
SHADOW = Schedule("shadow", "7 * * * *")
KINDS = ("retrain", "report", "shadow", "compaction")
_KEPT = 2_000
"""Characters of what a failed command said last."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One firing that was done here; ``error`` is why it failed."""

    name: str
    at: datetime
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {"name": self.name, "at": format_time(self.at), "error": self.error}


@dataclass
class Scheduler:
    """Does what is due; one for each thread that does.

    Parameters
    ----------
    kinds
        What it does, of `KINDS`.
    """

    settings: Settings
    stores: Stores
    kinds: Sequence[str] = KINDS
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    holder: str = ""
    cache: Cache = field(default_factory=Cache)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _child: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.holder = self.holder or this_process()

    def run(self) -> list[Ran]:
        """Do everything that is due, one after the other; what fails is told, tried again later, and stops nothing.

        Raises
        ------
        StoreError
            If the documents store cannot be reached.
        """
        documents, done = self.stores.documents, []
        while not self._stopped.is_set():
            watching = read_watching(documents, self.cache)
            now = self.clock()
            due = claim_due(self.schedules(watching), self.holder, now, now + LEASE, documents)
            if due is None:
                break
            error = self._do(due, watching)
            if self._stopped.is_set():
                # Cut off: it is not done, and it has not failed. Whoever comes next does it again.
                documents.release_leases([due.schedule.key], self.holder)
                break
            finish_due(due, self.holder, self.clock(), documents, error)
            done.append(Ran(due.schedule.name, due.at, error))
        return done

    def stop(self) -> None:
        """End what is under way, to be done again by whoever comes next."""
        self._stopped.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()

    def schedules(self, watching: Watching) -> list[Schedule]:
        """Return all that this one does."""
        plan = self.settings.assistant
        every = [*schedules_of(watching), *([SHADOW] if plan.shadow else [])]
        if plan.compact is not None:
            every.append(Schedule("compaction", plan.compact, plan.timezone))
        return [one for one in every if one.name.partition("/")[0] in self.kinds]

    def _do(self, due: Due, watching: Watching) -> str:
        kind, _, name = due.schedule.name.partition("/")
        log.info("%s: due since %s", due.schedule.name, due.at)
        try:
            with kept(due.schedule.name, lambda: self._prolong(due), LEASE / 3, self.stores.documents.close):
                if kind == "retrain":
                    self._retrain(name, watching)
                elif kind == "report":
                    self._report(name, due, watching)
                elif kind == "compaction":
                    before = self.clock() - self.settings.assistant.keep
                    skips = self.stores.documents.forget_skips(before)
                    messages = self.stores.documents.forget_messages(before)
                    log.info("removed %d skips, and %d messages that were sent or given up", skips, messages)
                    self.stores.signals.forget_forecasts(before)
                else:
                    self._look()
        except AndonError as error:
            return str(error)
        except Exception as error:
            log.exception("%s failed", due.schedule.name)
            return f"failed: {error!r}"
        return ""

    def _prolong(self, due: Due) -> bool:
        now = self.clock()
        return prolong(due, self.holder, now, now + LEASE, self.stores.documents)

    def _retrain(self, name: str, watching: Watching) -> None:
        """Retrain in a process of its own: what it takes, it gives back when it ends."""
        kind = next((one.kind for one in watching.definitions if one.name == name), "Alert")
        command = [sys.executable, "-m", "pipelines", "retrain", f"--{kind.lower()}", name]
        self._child = start(command)
        assert self._child.stderr is not None
        said = self._child.stderr.read()
        if self._child.wait() and not self._stopped.is_set():
            last = said.strip()[-_KEPT:].strip().splitlines()
            problem = last[-1].removeprefix("error: ") if last else f"ended with code {self._child.returncode}"
            raise ConfigError(f"retrain of {name}", problem, f"see what `andon {' '.join(command[3:])}` says")

    def _report(self, name: str, due: Due, watching: Watching) -> None:
        from pipelines.reports.archiving import deliver_report, order_of

        definition = next(one for one in watching.definitions if one.name == name)
        lines = tuple(watching.names_of(definition))
        order = order_of(definition, lines, due.since, due.at)
        documents, signals, models = self.stores.documents, self.stores.signals, self.stores.models
        deliver_report(order, documents, signals, models, self.settings.archive, self.clock())

    def _look(self) -> None:
        from pipelines.retraining.shadowing import look_into_shadows

        documents, signals, models = self.stores.documents, self.stores.signals, self.stores.models
        length = self.settings.assistant.shadow
        for look in look_into_shadows(documents, signals, models, self.clock(), length):
            log.info("%s: %s", look.contest.key, look.reason)
