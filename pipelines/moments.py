"""Times as the command line takes them: one reader for every command."""

from __future__ import annotations

from datetime import datetime

from andon.errors import ConfigError


def parse_time(option: str, text: str | None) -> datetime | None:
    """Read a time of the command line, in UTC unless it has an offset.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> parse_time("--since", "2026-01-01").isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    from pydantic import TypeAdapter, ValidationError

    from configs.periods import UtcTime

    if text is None:
        return None
    try:
        return TypeAdapter(UtcTime).validate_python(text)
    except ValidationError:
        raise ConfigError(option, f"is not a time: {text!r}", "write for example 2026-01-01T06:00:00Z") from None
