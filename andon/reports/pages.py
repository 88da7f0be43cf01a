"""Pages as HTML: one template each, everything in one file, nothing fetched; and how numbers are told on them."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.errors import StoreError

if TYPE_CHECKING:
    from jinja2 import Environment


def render_page(template: str, **content: Any) -> str:
    """Return a page of ``andon/reports/templates``. What it is told is shown as it is, never run."""
    return str(_environment().get_template(template).render(**content))


@cache
def _environment() -> Environment:
    """Return the templates; each is compiled once in a process, which takes ten times longer than to fill it in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("andon.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "told": told, "seconds": nice_seconds, "number": _number, "percent": _percent,
        "share": _share, "short": _short, "times": _times,
    }  # fmt: skip
    return environment


def write_page(page: str | bytes, path: Path) -> None:
    """Write a page or a picture, or nothing.

    Raises
    ------
    StoreError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(page.encode() if isinstance(page, str) else page)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(str(path), f"cannot be written: {error.strerror}", "choose another place") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def told(params: Mapping[str, Any]) -> str:
    """Return parameters as people read them.

    Examples
    --------
    >>> told({"rate": 0.123456, "rounds": 120, "balanced": True})
    'rate 0.123, rounds 120, balanced yes'
    """
    return ", ".join(f"{name} {_value(value)}" for name, value in params.items()) or "none"


def nice_seconds(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> [nice_seconds(s) for s in (0.0123, 4.26, 75, 5400)]
    ['12 ms', '4.3 s', '1 min 15 s', '1 h 30 min']
    """
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(math.floor(seconds + 0.5), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def _number(value: float | None, signed: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def _share(value: float | None) -> str:
    """Tell a share that may be small: alarms of one row in a thousand are no 0 %."""
    return "-" if value is None else f"{100 * value:.2g} %" if value < 0.1 else f"{100 * value:.1f} %"


def _short(value: float | None) -> str:
    """Tell a figure whose size nobody knows."""
    return "-" if value is None else f"{value:.4g}"


def _times(value: float) -> str:
    return f"{value:.1f} x" if value < 100 else f"{value:.3g} x"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else "none" if value is None else str(value)
