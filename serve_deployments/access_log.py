"""Who asked for what: one JSON object a line, written in the background."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

import orjson

_MOST = 100_000
"""Lines that wait to be written; more are dropped, and counted."""
_BYTES, _FILES = 50_000_000, 3


class AccessLog:
    """Collects lines, and writes them when `flush` is called; a killed process loses those of the last second.

    Parameters
    ----------
    folder
        Where the file is, and where it is put aside at 50 MB; None: nothing is logged.
    replica
        In the file's name: each process has a file of its own.
    """

    def __init__(self, folder: Path | None, replica: str) -> None:
        self._lines: list[bytes] = []
        self._dropped = 0
        self._handler: RotatingFileHandler | None = None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._handler = RotatingFileHandler(
                folder / f"access-{replica}.jsonl", maxBytes=_BYTES, backupCount=_FILES, delay=True, encoding="utf-8"
            )

    def add(
        self, request_id: str, method: str, path: str, route: str, status: int, seconds: float, bearer: str | None
    ) -> None:
        """Note an answered request; never a body, a token or a query."""
        if self._handler is None:
            return
        if len(self._lines) >= _MOST:
            self._dropped += 1
            return
        self._lines.append(
            orjson.dumps(
                {
                    "time": datetime.now(UTC),
                    "request_id": request_id,
                    "method": method,
                    "path": path.encode("utf-8", "replace").decode()[:500],
                    "route": route,
                    "status": status,
                    "ms": round(1e3 * seconds, 3),
                    "bearer": bearer,
                }
            )
        )

    def flush(self) -> None:
        """Write what was noted."""
        lines, self._lines = self._lines, []
        dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(orjson.dumps({"time": datetime.now(UTC), "dropped": dropped}))
        if self._handler is not None and lines:
            text = b"\n".join(lines).decode()
            self._handler.emit(logging.LogRecord("access", logging.INFO, "", 0, text, None, None))

    def close(self) -> None:
        """Write what is left, and close the file."""
        self.flush()
        if self._handler is not None:
            self._handler.close()
