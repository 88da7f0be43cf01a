"""What is read of a request before anything else: its head, who sent it, and how large it is."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from andon.serving.problems import Problem
from andon.serving.tokens import Bearer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_PREFIX = secrets.token_hex(6)
_COUNT = itertools.count(1)


class Head:
    """The head of a request, its headers as they were sent; ``bearer`` is set once known."""

    __slots__ = ("bearer", "headers", "method", "path", "request_id", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        # A shard is mounted below the root, and knows its own paths only.
        self.path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self.headers.get(b"x-request-id", b"")
        self.request_id = given.decode() if _ID.fullmatch(given) else f"{_PREFIX}-{next(_COUNT):x}"
        self.bearer: Bearer | None = None

    @property
    def written(self) -> tuple[str, str]:
        """Path and query as they were sent, percent-encoded, without where the application is mounted."""
        raw = self.scope.get("raw_path") or quote(self.scope["path"]).encode()
        path = raw.decode("latin-1").removeprefix(self.scope.get("root_path", ""))
        return path, self.scope.get("query_string", b"").decode("latin-1")


def check_size(head: Head, most: int) -> None:
    """Refuse a body that is too large, or of which nobody knows how large it is.

    Raises
    ------
    Problem
        411, 413 or 415.
    """
    headers = head.headers
    if b"transfer-encoding" in headers:
        raise Problem(411, "send the body with its Content-Length, not in chunks")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length[:20]) > most:
        raise Problem(413, f"a body has at most {most} bytes; send fewer rows")
    if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        raise Problem(415, "send the body as it is, without Content-Encoding")


async def read_body(receive: Receive, most: int) -> bytes:
    """Return the body.

    Raises
    ------
    Problem
        413 if it is larger than it said; 400 if the client went away.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > most:
            raise Problem(413, f"a body has at most {most} bytes; send fewer rows")
        return body
    parts, size = [], 0
    while True:
        if message["type"] != "http.request":
            raise Problem(400, "the request ended early")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise Problem(413, f"a body has at most {most} bytes; send fewer rows")
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
