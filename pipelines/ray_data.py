"""How Ray Data is set for what Andon asks of it: many tasks, small results."""

from __future__ import annotations

import logging


def plan_small_results() -> None:
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
