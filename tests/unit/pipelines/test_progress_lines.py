"""Progress without a terminal: a line now and then, the time left, and nothing about short work."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from pipelines.progress import ProgressLines
from pipelines.terminal import Terminal


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def work():
    clock, stream = Clock(), io.StringIO()
    with ProgressLines(Console(file=stream, width=40), every=5.0, get_time=clock) as progress:
        yield progress, clock, lambda: stream.getvalue().splitlines()


def test_a_line_comes_every_few_seconds_and_at_the_end(work):
    progress, clock, said = work
    task = progress.add_task("reading [1]", total=60)
    for _ in range(60):
        clock.seconds += 1
        progress.advance(task)
    assert said()[0] == "reading [1]: 5 of 60, 0:55 left"
    assert said()[3] == "reading [1]: 20 of 60, 0:40 left"
    assert said()[-1] == "reading [1]: 60 of 60"
    assert len(said()) == 12


def test_what_a_task_is_called_may_change_and_be_long(work):
    progress, clock, said = work
    task = progress.add_task("searching", total=40)
    clock.seconds += 6
    progress.update(task, completed=3, description=f"searching {'press-07 ' * 9}0.912")
    assert said() == [f"searching {'press-07 ' * 9}0.912: 3 of 40"]


def test_short_work_and_work_without_news_say_nothing(work):
    progress, clock, said = work
    task = progress.add_task("reading", total=3)
    progress.update(task, completed=3)
    still = progress.add_task("waiting", total=3)
    clock.seconds += 6
    progress.update(still, completed=1)
    clock.seconds += 6
    progress.update(still, completed=1)
    assert said() == ["waiting: 1 of 3"]


def test_the_total_may_be_unknown(work):
    progress, clock, said = work
    task = progress.add_task("", total=None)
    clock.seconds += 6
    progress.update(task, completed=1234)
    assert said() == ["1234"]


def test_a_terminal_that_is_none_gets_lines():
    assert isinstance(Terminal(io.StringIO(), io.StringIO()).progress(), ProgressLines)
