"""Processes that this one started, by what they call themselves: to kill one and see what becomes of the rest."""

from __future__ import annotations

import os
from pathlib import Path


def descendants(title: str) -> list[int]:
    """Return the ids of the processes below this one whose command line begins with ``title``."""
    children: dict[int, list[int]] = {}
    titles: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            titles[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [os.getpid()]
    while waiting:
        for child in children.get(waiting.pop(), []):
            waiting.append(child)
            if titles[child].startswith(title):
                found.append(child)
    return sorted(found)
