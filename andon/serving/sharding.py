"""Which shard serves a line, where lines do not all fit into one process."""

from __future__ import annotations

import hashlib


def shard_of(line: str, shards: int) -> int:
    """Return the number, from 0, of the shard that serves a line.

    The shard with the highest SHA-256 of ``shard/line`` wins (rendezvous hashing, Thaler and Ravishankar 1998): with
    one more shard, only the lines that move to it move.

    Examples
    --------
    >>> [shard_of(f"press-{number}", 3) for number in range(8)]
    [2, 1, 1, 1, 2, 2, 2, 2]
    """
    if shards == 1:
        return 0
    return max(range(shards), key=lambda shard: hashlib.sha256(f"{shard}/{line}".encode()).digest())


def mount_of(shard: int) -> str:
    """Return the path under which a shard is mounted.

    Examples
    --------
    >>> mount_of(0), mount_of(2)
    ('', '/shard-2')
    """
    return f"/shard-{shard}" if shard else ""
