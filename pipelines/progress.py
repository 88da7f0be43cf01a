"""Progress as plain lines, for logs and jobs: what is done, of how much, and the time left, every few seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import Progress, Task, TaskID

EVERY_SECONDS = 5.0


class ProgressLines(Progress):
    """Rich's progress without a terminal: it draws nothing, and prints a line now and then.

    Work that ends before the first line is due says nothing. ``get_time`` returns seconds, of the process by default.
    """

    def __init__(
        self, console: Console, every: float = EVERY_SECONDS, get_time: Callable[[], float] | None = None
    ) -> None:
        super().__init__(console=console, disable=True, get_time=get_time)
        self._every = every
        self._told: dict[TaskID, tuple[float, float]] = {}
        """Of each task: when a line was printed, and what was done then."""

    def update(self, task_id: TaskID, **changes: Any) -> None:  # type: ignore[override]
        """Change a task; tell of it if it is time to."""
        super().update(task_id, **changes)
        self._tell(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Advance a task; tell of it if it is time to."""
        super().advance(task_id, advance)
        self._tell(task_id)

    def _tell(self, task_id: TaskID) -> None:
        task = next(task for task in self.tasks if task.id == task_id)
        now, told = self.get_time(), self._told.get(task_id)
        since = (task.start_time or 0.0) if told is None else told[0]
        ended = task.finished and told is not None and told[1] != task.completed
        if ended or (now - since >= self._every and (told is None or told[1] != task.completed)):
            self._told[task_id] = now, task.completed
            self.console.print(_line(task), markup=False, soft_wrap=True)


def _line(task: Task) -> str:
    done = f"{task.completed:g}" if task.total is None else f"{task.completed:g} of {task.total:g}"
    left = "" if task.finished or not task.time_remaining else f", {_clock(task.time_remaining)} left"
    return f"{task.description}: {done}{left}".lstrip(": ")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
