"""Errors as people and programs read them over HTTP: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from andon.errors import AndonError, ConfigError, ModelError, StoreError
from andon.serving.sharding import mount_of

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    307: "elsewhere",
    400: "malformed request",
    401: "not authorised",
    403: "not allowed",
    404: "not found",
    405: "method not allowed",
    409: "conflict",
    411: "length required",
    413: "too large",
    415: "unsupported media type",
    422: "cannot be processed",
    503: "not available",
}


class Problem(Exception):
    """An answer that is an error.

    Parameters
    ----------
    status
        Of HTTP.
    detail
        What is wrong and what to do about it.
    headers
        That go with the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def body(self, path: str, request_id: str) -> dict[str, Any]:
        """Return the members of the answer's JSON object.

        Examples
        --------
        >>> Problem(404, "there is nothing here; see /docs").body("/v1/x", "7f")["title"]
        'not found'
        """
        return {
            "type": "about:blank",
            "title": _TITLES.get(self.status, "refused"),
            "status": self.status,
            "detail": self.detail,
            "instance": path,
            "request_id": request_id,
        }


class Elsewhere(Problem):
    """The answer of a shard that does not serve a line: the same request, at the path of the one that does."""

    def __init__(self, line: str, shard: int) -> None:
        super().__init__(307, f"line {line[:100]} is served by shard {shard}; follow the Location")
        self.shard = shard

    def at(self, path: str, query: str) -> Problem:
        """Return the answer to a request for ``path`` and ``query``, as they were written.

        Examples
        --------
        >>> Elsewhere("press-07", 2).at("/v1/lines/press-07", "").headers
        {'Location': '/shard-2/v1/lines/press-07'}
        """
        return Problem(self.status, self.detail, {"Location": mount_of(self.shard) + path + (query and f"?{query}")})


def problem_of(error: AndonError, refused: int = 404) -> Problem:
    """Return the problem that an error is to whoever asked.

    Parameters
    ----------
    refused
        Status of a `ConfigError`: 404 where something was looked up, 409 where something was to be moved along, 422
        where something was to be stored.

    Examples
    --------
    >>> problem_of(StoreError("documents", "cannot be reached", "start it")).status
    503
    """
    if isinstance(error, StoreError | ModelError):
        return Problem(503, str(error), {"Retry-After": "5"})
    return Problem(refused if isinstance(error, ConfigError) else 422, str(error))


def busy(detail: str) -> Problem:
    """Return the answer of a server that has as much to do as it may take on."""
    return Problem(503, detail, {"Retry-After": "1"})
