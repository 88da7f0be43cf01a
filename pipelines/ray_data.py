"""How Ray Data is set for what Andon asks of it: many tasks, small results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cluster.profiles import FOR_SEARCH

Row = dict[str, Any]


def map_rows(function: Callable[[Row], Row], rows: Sequence[Row], tasks: int) -> Iterator[Row]:
    """Yield what a function makes of each row, as they are made, in so many tasks of one core off the serving nodes."""
    import ray

    _plan_small_results()
    spread = ray.data.from_items(list(rows), override_num_blocks=tasks)
    yield from spread.map(function, num_cpus=1, label_selector=FOR_SEARCH).iter_rows()


def _plan_small_results() -> None:
    """Let Ray Data plan for tasks that hand back little, and neither draw bars nor tell its plans on the terminal."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A task hands back a few numbers. Planned for blocks of the usual 128 MiB, or with memory set apart for each step,
    # most would wait for room in memory that they do not need; all are handed to Ray, which starts one a core.
    context.target_max_block_size = 2**20
    context.op_resource_reservation_enabled = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
