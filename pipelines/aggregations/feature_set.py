"""What features are kept under: their specification, and where their readings begin; and how time is cut into parts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import andon.features
from andon.features.spec import FeatureSpec
from andon.frames import MICROSECOND, to_microseconds

PART_READINGS = 16_384
"""Readings that a part is made of, at the usual sampling; more where the longest window is a quarter of that."""
HOUR = 3_600_000_000
"""Parts end on the last whole hour there is: `andon.ports.Signals.digest` tells hours apart."""


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features of one specification, made of readings at and after ``start`` alone (None: of all), in ``folder``.

    Blocks of one stride are numbered as the engine does: block ``n`` is ``(n - 1, n]`` strides since the Unix epoch.
    """

    features: FeatureSpec
    start: datetime | None
    folder: str

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits that name it; others once the engine is another."""
        start = None if self.start is None else to_microseconds(self.start)
        body = {"features": self.features.to_json(), "start": start, "engine": _engine()}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def stride(self) -> int:
        """The stride, in microseconds."""
        return self.features.stride // MICROSECOND

    @property
    def longest(self) -> int:
        """The longest window, in microseconds."""
        return self.features.longest // MICROSECOND

    @property
    def blocks_a_part(self) -> int:
        """Blocks of a part that is full."""
        length = max(PART_READINGS * (self.features.sampling // MICROSECOND), 4 * self.longest)
        return -(-length // self.stride)

    def line_folder(self, line: str) -> Path:
        """Return where the parts of a line are."""
        return line_folder(Path(self.folder), self.key, line)


def line_folder(folder: Path, key: str, line: str) -> Path:
    """Return where the parts of a line and a feature set are."""
    return folder / key / quote(line, safe=" ")


@lru_cache(maxsize=1)
def _engine() -> str:
    """Return what stands for the engine's code: what it made before must equal what it makes now, to the last bit."""
    found = hashlib.sha256()
    for path in sorted(Path(andon.features.__path__[0]).glob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
