"""The interpreter and the packages: installed, and of versions that were tested together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, requires, version

from andon.stores.checking import Finding
from configs.settings import Settings

OLDEST, NEWEST = (3, 11), (3, 14)


def look_at_versions(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield the interpreter, and each package that Andon asks for whose version is not what it asks."""
    import platform

    good = OLDEST <= sys.version_info[:2] < NEWEST
    remedy = "" if good else f"; use Python {OLDEST[0]}.{OLDEST[1]} or newer, below {NEWEST[0]}.{NEWEST[1]}"
    yield Finding("versions", "Python", good, f"{platform.python_version()} on {platform.platform()}{remedy}")
    try:
        asked = requires("andon") or []
    except PackageNotFoundError:
        yield Finding("versions", "Andon", False, "is not installed in this environment; run `make`, or use its image")
        return
    wrong = list(_unmet(asked))
    for name, problem in wrong:
        yield Finding("versions", name, False, f"{problem}; install from requirements.lock")
    yield Finding("versions", "Andon", not wrong, f"{version('andon')}, Ray {version('ray')}, {len(asked)} packages")


def _unmet(asked: list[str]) -> Iterator[tuple[str, str]]:
    from packaging.requirements import Requirement

    for text in asked:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            yield wanted.name, f"is not installed ({wanted.specifier})"
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            yield wanted.name, f"is {found}, and must be {wanted.specifier}"
