"""Assistants that share lines: who is there, who acts on which line, and whose lines are taken over.

Every assistant holds a lease of its own, which says that it is there, and one on each line that it acts on. A line
belongs to the one that wins its draw among those that are there (rendezvous hashing, Thaler & Ravishankar 1996) and
have room (bounded loads, Mirrokni, Thorup & Zadimoghaddam 2018), so that all agree without a word, and few lines change
hands but those of who comes or goes.
"""

from __future__ import annotations

import hashlib
import math
import os
import socket
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

from andon.ports import Documents

_UNEVEN = Fraction(11, 10)
MEMBERS, LINES = "assistant/member/", "assistant/line/"
LEASE = timedelta(seconds=30)
"""How long an assistant that says nothing is taken to be there. Clocks of machines should agree to a few seconds; where
they do not, lines change hands early or late, and fences still keep two from acting on one."""


def share_out(lines: Collection[str], members: Collection[str]) -> dict[str, str]:
    """Return which member each line belongs to: nobody gets more than a tenth above an even share.

    Examples
    --------
    >>> lines = [f"press-{number}" for number in range(40)]
    >>> before, after = share_out(lines, ["a", "b", "c", "d"]), share_out(lines, ["a", "b", "c"])
    >>> sorted(list(before.values()).count(member) for member in "abcd")
    [7, 11, 11, 11]
    >>> sum(after[line] != before[line] for line in lines if before[line] != "d")
    1
    """
    most = math.ceil(_UNEVEN * len(lines) / max(1, len(members)))
    loads: Counter[str] = Counter()
    shares = {}
    for line in sorted(lines):
        ranked = sorted(members, key=lambda member: hashlib.sha256(f"{member}\x1f{line}".encode()).digest())
        shares[line] = next(member for member in ranked if loads[member] < most)
        loads[shares[line]] += 1
    return shares


def this_process() -> str:
    """Return a name of this process that no other has, of any machine: host, process id, and when it began."""
    return f"{_host()}:{os.getpid()}:{_began(os.getpid())}"


def is_gone(holder: str) -> bool:
    """Tell whether the process of that name ran on this machine and runs no more; False where it cannot be told."""
    host, pid, began = holder.rsplit(":", 2)
    if host != _host() or began == "0":
        return False
    return _began(int(pid)) != began


@dataclass(slots=True)
class Membership:
    """One assistant's place among those that share the lines of a documents store."""

    documents: Documents
    holder: str = field(default_factory=this_process)
    length: timedelta = LEASE
    gone: Callable[[str], bool] = is_gone
    """Tells of a holder that it is dead though its lease has not run out."""
    sharing: bool = True
    """False: it takes every line that nobody holds, for a while, and no part in the draw."""
    tokens: dict[str, int] = field(default_factory=dict)
    """Of the lines that this one acts on."""
    members: tuple[str, ...] = ()
    """Who is there, as last seen."""

    def beat(self, lines: Collection[str], now: datetime, busy: Collection[str] = ()) -> set[str]:
        """Say that this one is there, prolong its leases, give back and take lines; return those newly taken.

        Parameters
        ----------
        lines
            All that are watched.
        busy
            Lines that this one is at work on: they are given back at a later beat.

        Raises
        ------
        StoreError
            If the store cannot be reached: then nothing has changed but what has run out by itself.
        """
        until = now + self.length
        if self.sharing:
            self.documents.claim_leases([MEMBERS + self.holder], self.holder, now, until)
        leases = self.documents.list_leases("assistant/")
        dead = {one.holder for one in leases if one.holder != self.holder and self.gone(one.holder)}
        for holder in sorted(dead):
            self.documents.release_leases([one.name for one in leases if one.holder == holder], holder)
        alive = [one for one in leases if one.holder not in dead and one.until > now]
        self.members = tuple(sorted(one.holder for one in alive if one.name.startswith(MEMBERS)))
        shares = share_out(lines, self.members) if self.sharing else {}
        mine = {line for line in lines if not self.sharing or shares[line] == self.holder}
        surplus = {line for line in self.tokens if line not in mine and line not in busy}
        self.documents.release_leases([LINES + line for line in sorted(surplus)], self.holder)
        wanted = mine | ({*self.tokens} - surplus)
        # What another one still acts on comes over when it gives it back.
        taken = {one.name for one in alive if one.holder != self.holder and one.holder in self.members}
        names = [LINES + line for line in sorted(wanted) if LINES + line not in taken]
        claimed = self.documents.claim_leases(names, self.holder, now, until)
        tokens = {one.name.removeprefix(LINES): one.token for one in claimed}
        gained = {line for line, token in tokens.items() if self.tokens.get(line) != token}
        self.tokens = tokens
        return gained

    def give_up(self, line: str) -> None:
        """Give a line back, which this one cannot act on.

        Raises
        ------
        StoreError
            If the store cannot be reached.
        """
        self.tokens.pop(line, None)
        self.documents.release_leases([LINES + line], self.holder)

    def leave(self) -> None:
        """Give everything back.

        Raises
        ------
        StoreError
            If the store cannot be reached; the leases then run out by themselves.
        """
        names = [MEMBERS + self.holder, *(LINES + line for line in sorted(self.tokens))]
        self.tokens = {}
        self.documents.release_leases(names, self.holder)


def _host() -> str:
    """Return a name of the machine, or container: process ids mean something within it only."""
    try:
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        space = "0"
    return f"{socket.gethostname()}-{space}"


def _began(pid: int) -> str:
    """Return when a process began, in ticks of its machine; 0 where there is none, or it cannot be told."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "0"
    state, *rest = text.rpartition(")")[2].split()
    # A process that has ended and waits for its parent to notice holds nothing.
    return "0" if state in "ZX" else rest[18]
