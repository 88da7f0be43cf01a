"""Hands the jobs of a search to its workers, one after another; an actor beside them, so that none waits for Tune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tune_jobs.rounds import Job, Rounds
from tune_jobs.study import StudySpec


class Dispatcher:
    """Knows which worker does what; all else it reads from the journals.

    Parameters
    ----------
    studies, seconds, workers, across, quotas
        As of `Rounds`.
    """

    def __init__(
        self, studies: Sequence[StudySpec], seconds: float, workers: int, across: bool, quotas: Mapping[str, int]
    ) -> None:
        self._rounds = Rounds(studies, seconds, workers, across, quotas)
        self._jobs: dict[str, Job] = {}

    def next(self, worker: str) -> dict[str, Any] | None:
        """Return a job and what belongs to it, by name; empty where the worker has to wait; None at the end."""
        handed = self._rounds.next()
        if handed is None:
            return None if self._rounds.finished else {}
        job, limit = handed
        self._jobs[worker] = job
        return {
            "job": job,
            "limit": limit,
            "teachers": tuple(self._rounds.teachers(job.study)),
            "across": self._rounds.across,
        }

    def done(self, worker: str, over: bool) -> None:
        """Take note that a worker's job has ended, and whether its study has."""
        self._rounds.done(self._jobs.pop(worker), over)

    def lost(self, worker: str) -> None:
        """Take note that a worker died; what it was at is handed out again."""
        job = self._jobs.pop(worker, None)
        if job is not None:
            self._rounds.lost(job)

    def finished(self) -> bool:
        """Return whether nothing is left to do or to wait for."""
        return self._rounds.finished
