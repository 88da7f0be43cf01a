"""The terminal: Andon's own words, bars and tables; the noise of libraries goes to a log file, named at the end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class Terminal:
    """Where a command speaks: results to standard output, words and bars to standard error."""

    def __init__(self, out: Any = None, err: Any = None) -> None:
        self._out, self._err = out, err

    @property
    def out(self) -> Console:
        """Results; wide enough not to fold tables when piped."""
        from rich.console import Console

        stream = self._out or sys.stdout
        return Console(file=stream, width=None if stream.isatty() else 160, highlight=False, soft_wrap=False)

    @property
    def err(self) -> Console:
        """Words about the work."""
        from rich.console import Console

        stream = self._err or sys.stderr
        return Console(file=stream, width=None if stream.isatty() else 160, highlight=False)

    def say(self, text: str) -> None:
        """Tell how the work goes."""
        self.err.print(text, markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table: drawn on a terminal, tab-separated when piped."""
        stream = self._out or sys.stdout
        if not stream.isatty():
            for row in (columns, *rows):
                stream.write("\t".join(_plain(cell) for cell in row) + "\n")
            stream.flush()
            return
        from rich.table import Table

        table = Table(title=title or None, title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(_plain(cell) for cell in row))
        self.out.print(table)

    def json(self, result: object) -> None:
        """Print a result as JSON."""
        stream = self._out or sys.stdout
        stream.write(json.dumps(result, indent=2, default=str, ensure_ascii=False, allow_nan=False) + "\n")
        stream.flush()

    def text(self, text: str) -> None:
        """Print a result as it is."""
        stream = self._out or sys.stdout
        stream.write(text if text.endswith("\n") else text + "\n")
        stream.flush()

    def progress(self) -> Progress:
        """Return a progress bar for long work; when piped, a plain line every few seconds."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if not self.err.is_terminal:
            from pipelines.progress import ProgressLines

            return ProgressLines(self.err)
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.err,
            transient=True,
        )


def _plain(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


@contextlib.contextmanager
def quiet(home: Path, command: str) -> Iterator[Terminal]:
    """Send what libraries print, from C too, to ``home/logs/<command>.log``, and yield the real terminal.

    Where standard output is not the process's own (a test runner's buffer), only Python's logging is sent there.
    """
    log = home / "logs" / f"{command}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(log, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    redirected = _own_streams()
    try:
        if not redirected:
            yield Terminal()
            return
        sys.stdout.flush()
        sys.stderr.flush()
        saved = os.dup(1), os.dup(2)
        with open(log, "ab", buffering=0) as sink:
            os.dup2(sink.fileno(), 1)
            os.dup2(sink.fileno(), 2)
        out = os.fdopen(os.dup(saved[0]), "w", encoding="utf-8", buffering=1)
        err = os.fdopen(os.dup(saved[1]), "w", encoding="utf-8", buffering=1)
        try:
            yield Terminal(out, err)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            for descriptor in saved:
                os.close(descriptor)
            out.close()
            err.close()
            if log.exists() and log.stat().st_size:
                print(f"log: {log}", file=sys.stderr)
    finally:
        root.handlers[:], root.level = before
        handler.close()


def _own_streams() -> bool:
    try:
        return sys.stdout.fileno() == 1 and sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        return False
