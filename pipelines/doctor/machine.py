"""The machine: its clock against what is stored, its disks, its memory."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from andon.stores.checking import CLOCK_SECONDS, Finding
from configs.settings import Settings

GIB = 1024**3
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 2 * GIB, 0.05
WORKER_BYTES = 2 * GIB
"""What a process that trains networks takes."""


def look_at_clock(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield whether this machine's clock is later than the newest reading, and whether it knows time zones.

    The clocks of servers are compared where the stores are looked at.
    """
    from andon.stores import open_signals
    from configs.periods import format_time

    at = now()
    ahead = []
    signals = open_signals(settings.signals)
    try:
        lines = signals.list_lines()
        for line in lines:
            stored = signals.describe_line(line)
            if stored is not None and (stored.last - at).total_seconds() > CLOCK_SECONDS:
                ahead.append(f"{line} ({format_time(stored.last)})")
    finally:
        signals.close()
    told = f"{format_time(at)}; newest readings of {len(lines)} lines are not later"
    if ahead:
        told = (
            f"it is {format_time(at)} here, and these lines have later readings: {', '.join(ahead[:5])}; "
            "set the clock by NTP, here or where they are written, and look at their time zone"
        )
    yield Finding("clock", "against the readings", not ahead, told)
    try:
        ZoneInfo("Europe/Paris")
        yield Finding(
            "clock", "time zones", True, f"known; this machine's is {datetime.now(UTC).astimezone().tzname()}"
        )
    except ZoneInfoNotFoundError:
        yield Finding("clock", "time zones", False, "are not known; install tzdata")


def look_at_disk(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield whether each folder that is written to can be, and has room."""
    places = {"ANDON_HOME": settings.home, "temporary files": Path(tempfile.gettempdir())}
    if settings.cluster.spill is not None:
        places["cluster.spill"] = settings.cluster.spill
    for name, folder in places.items():
        there = next(one for one in (folder, *folder.parents) if one.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            yield Finding(
                "disk", name, False, f"{there} cannot be written to; make it writable, or name another folder"
            )
            continue
        usage, nodes = shutil.disk_usage(there), os.statvfs(there)
        least = min(LEAST_FREE_BYTES, int(usage.total * LEAST_FREE_SHARE))
        told = f"{folder}: {usage.free / GIB:,.1f} of {usage.total / GIB:,.1f} GiB free"
        if usage.free < least:
            yield Finding("disk", name, False, f"{told}; make room (old folders in searches), or use a larger disk")
        elif nodes.f_files and nodes.f_favail < nodes.f_files * 0.01:
            yield Finding("disk", name, False, f"{told}, but hardly a file more; remove small files")
        else:
            yield Finding("disk", name, True, told)


def look_at_memory(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield whether the workers, and Ray's objects in shared memory, fit."""
    from cluster.profiles import node_options, this_machine
    from configs.errors import ConfigError

    machine = this_machine()
    total = min(machine.memory, _cgroup_limit() or machine.memory)
    # In Kubernetes, ANDON_WORKERS is what a search asks of all nodes together.
    asked = None if settings.cluster.profile == "kubernetes" else settings.workers
    workers = asked or machine.cores
    needed = workers * WORKER_BYTES
    told = f"{total / GIB:,.1f} GiB, {machine.cores} cores, {workers} workers"
    good = needed <= total
    remedy = "" if good else f"; training networks takes {WORKER_BYTES // GIB} GiB a worker: set ANDON_WORKERS lower"
    yield Finding("memory", "workers", good, told + remedy)
    if settings.cluster.profile == "kubernetes":
        return
    try:
        objects = node_options(settings.cluster, machine, head=False).object_store_bytes
        yield Finding(
            "memory", "shared memory", True, f"{objects / GIB:,.2f} of {machine.shared_memory / GIB:,.1f} GiB"
        )
    except ConfigError as error:
        yield Finding("memory", "shared memory", False, f"{error.problem}; {error.remedy}")


def _cgroup_limit() -> int | None:
    """Return the bytes that a container may use, where it is bounded."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(path).read_text().strip()
        except OSError:
            continue
        return int(text) if text.isdigit() else None
    return None
