"""How a table is to be read, validated once."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from andon.errors import ConfigError
from configs.definitions import check_line_name
from configs.durations import parse_duration

DateOrder = Literal["dmy", "mdy"]

_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How a table is to be read; what is None is found in the table.

    Parameters
    ----------
    line
        Name of the one line of the table; or
    line_column
        the column that names the line of each row.
    line_prefix
        Put before each name in ``line_column``: with ``test-``, unit 17 becomes ``test-17``.
    timezone
        Zone of times without an offset.
    step
        The time column counts steps of this length from 1970-01-01.
    date_order
        Whether 02/03/2026 is the second of March (dmy) or the third of February (mdy).
    exclude
        Columns to leave out.

    Raises
    ------
    ConfigError
        If an option is wrong.
    """

    line: str | None = None
    line_column: str | None = None
    line_prefix: str = ""
    time_column: str | None = None
    timezone: str = "UTC"
    step: timedelta | None = None
    date_order: DateOrder | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    sheet: str | None = None
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.line is None) == (self.line_column is None):
            given = "neither is given" if self.line is None else "both are given"
            raise ConfigError("--line, --line-column", given, "name the one line, or the column that names the lines")
        if self.line is not None:
            if self.line_prefix:
                raise ConfigError("--line-prefix", "is given beside --line", "put it into the name")
            try:
                check_line_name(self.line)
            except ValueError as error:
                problem, _, remedy = str(error).rpartition("; ")
                raise ConfigError("--line", problem, remedy) from None
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            problem = f"is not a time zone: {self.timezone!r}"
            raise ConfigError("--timezone", problem, "write for example Europe/Paris") from None
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\n\r'):
            problem = f"must be one character, got {self.delimiter!r}"
            raise ConfigError("--delimiter", problem, "write for example ';' or tab")
        if self.decimal not in (None, ".", ","):
            raise ConfigError("--decimal", f"must be . or , and is {self.decimal!r}", "write --decimal ,")
        if self.date_order not in (None, "dmy", "mdy"):
            raise ConfigError("--date-order", f"must be dmy or mdy, got {self.date_order!r}", "write --date-order dmy")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                problem = f"is not an encoding: {self.encoding!r}"
                raise ConfigError("--encoding", problem, "write for example latin-1 or cp1252") from None
        if self.step is not None and self.step <= timedelta(0):
            raise ConfigError("--step", "must be longer than 0", "write for example 1h")


def parse_options(
    *,
    step: str | None = None,
    date_order: str | None = None,
    delimiter: str | None = None,
    exclude: list[str] | None = None,
    **texts: str | None,
) -> TableOptions:
    """Make `TableOptions` of what stands on a command line; ``texts`` are its other fields.

    Raises
    ------
    ConfigError
        If an option is wrong.

    Examples
    --------
    >>> parse_options(line="press-07", step="1h").step
    datetime.timedelta(seconds=3600)
    """
    try:
        length = None if step is None else parse_duration(step)
    except ValueError as error:
        problem, _, remedy = str(error).rpartition("; ")
        raise ConfigError("--step", problem, remedy) from None
    given = {name: text for name, text in texts.items() if text is not None}
    return TableOptions(
        step=length,
        date_order=date_order,  # type: ignore[arg-type]  # checked at birth
        delimiter=None if delimiter is None else _DELIMITERS.get(delimiter, delimiter),
        exclude=tuple(exclude or ()),
        **given,
    )
