"""``andon doctor``: looks at everything that Andon stands on, and says of each what is there or what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from andon.errors import AndonError, ConfigError
from andon.stores.checking import Finding, check_store
from configs.settings import Settings

Look = Callable[[Settings, Callable[[], datetime]], Iterator[Finding]]


def examine(settings: Settings, now: Callable[[], datetime], only: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield what is found, area by area; ``only`` names the areas, by default all.

    Raises
    ------
    ConfigError
        If an area is not known.
    """
    areas = _areas()
    unknown = [name for name in only if name not in areas]
    if unknown:
        raise ConfigError("--only", f"{unknown[0]!r} is no area", f"choose of: {', '.join(areas)}")
    for name, look in areas.items():
        if only and name not in only:
            continue
        try:
            yield from look(settings, now)
        except AndonError as error:
            yield Finding(name, error.place, False, f"{error.problem}; {error.remedy}")
        except OSError as error:
            yield Finding(name, "looked at", False, f"{error}; see to it, and look again")


def _areas() -> dict[str, Look]:
    from pipelines.doctor.access import look_at_tokens
    from pipelines.doctor.cluster import look_at_ports, look_at_ray
    from pipelines.doctor.machine import look_at_clock, look_at_disk, look_at_memory
    from pipelines.doctor.software import look_at_versions

    return {
        "versions": look_at_versions,
        "stores": _look_at_stores,
        "clock": look_at_clock,
        "disk": look_at_disk,
        "memory": look_at_memory,
        "ports": look_at_ports,
        "tokens": look_at_tokens,
        "ray": look_at_ray,
    }


def _look_at_stores(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    urls = {"documents": settings.documents, "signals": settings.signals, "models": settings.models}
    for store, url in urls.items():
        for one in check_store(store, url, now):
            yield Finding("stores", f"{store}: {one.what}", one.good, one.detail)
