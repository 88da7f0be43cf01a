"""One InfluxDB over HTTP: line protocol in by influxdb-client, InfluxQL out by ``/query``, which 1.x to 3.x serve.

Clients are made on first use, once per process and thread, and never pickled.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlencode

import orjson
import urllib3

from andon.errors import StoreError
from andon.stores.addresses import InfluxAddress
from andon.stores.retries import Result, Retries

Taken = TypeVar("Taken")
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}
_CHUNK = 1 << 20
_REMEDIES = (
    ("database not found", "create the bucket, or name another"),
    ("bucket", "create the bucket, or name another"),
    ("partial write: field type conflict", "the measurement holds that field with another type"),
    ("beyond retention policy", "the bucket keeps no readings that old; give it a longer retention"),
    ("outside retention", "the bucket keeps no readings that old; give it a longer retention"),
    ("unauthorized", "set ANDON_INFLUX_TOKEN to a token that may read and write the bucket"),
    ("authenticate", "set ANDON_INFLUX_TOKEN to a token that may read and write the bucket"),
    ("refused", "start the server, or name another"),
    ("timed out", "look whether the server is overloaded or out of reach"),
    ("certificate", "name its authority: influxs://host/bucket?certificates=/file.pem"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A series of an answer: its measurement, the tags it was grouped by, its columns, and some of its rows."""

    name: str
    tags: Mapping[str, str]
    columns: list[str]
    rows: list[list[Any]]
    statement: int = 0
    """Which of the statements it answers."""


class Refused(Exception):
    """The server answered that it will not; ``status`` is that of HTTP, 200 where InfluxQL itself failed."""

    def __init__(self, status: int, text: str, after: float = 0) -> None:
        super().__init__(text)
        self.status = status
        self.after = after


class InfluxHttp:
    """Queries and writes, tried again where the failure may pass.

    Parameters
    ----------
    address
        Where it is.
    token
        Of 2.x and 3.x, ``user:password`` of 1.x; None where the server asks for none.
    retries
        How often a request is repeated. Every request may be: the same points written twice are one.
    """

    def __init__(self, address: InfluxAddress, token: str | None = None, retries: Retries | None = None) -> None:
        self.address = address
        self._token = token
        self._retries = retries or Retries()
        self._local = threading.local()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the store {self.address} is never pickled: send its URL and open it there")

    def query(self, statement: str, bucket: str | None = None) -> list[Found]:
        """Return what one InfluxQL statement selects, times in microseconds.

        Raises
        ------
        StoreError
            If the server cannot be reached or refuses.
        """
        return self.select(statement, lambda found: found, bucket)

    def select(self, statement: str, take: Callable[[Found], Taken], bucket: str | None = None) -> list[Taken]:
        """Return what ``take`` makes of what statements, parted by ``;``, select, 10,000 rows of a series at a time.

        Raises
        ------
        StoreError
            If the server cannot be reached or refuses.
        """
        database, _, policy = (bucket or self.address.bucket).partition("/")
        fields = {"db": database, "epoch": "u", "chunked": "true", "chunk_size": "10000", "q": statement}
        if policy:
            fields["rp"] = policy
        return self._run(lambda number: self._answer(fields, take))

    def write(self, lines: bytes, bucket: str | None = None) -> None:
        """Post line protocol with times in microseconds; returns once the server has it in its log.

        Raises
        ------
        StoreError
            If the server cannot be reached or refuses.
        """
        self._run(lambda number: self._post(lines, bucket or self.address.bucket))

    def ping(self) -> tuple[str, str | None]:
        """Return the server's version and its clock, as HTTP's ``Date``.

        Raises
        ------
        StoreError
            If it cannot be reached.
        """

        def ask(number: int) -> tuple[str, str | None]:
            answer = self._pool().request("GET", f"{self.address.base}/ping", headers=self._headers(), retries=False)
            return answer.headers.get("X-Influxdb-Version", "unknown"), answer.headers.get("Date")

        return self._run(ask)

    def close(self) -> None:
        """Close this thread's connections; the next use opens others."""
        if getattr(self._local, "pid", None) == os.getpid():
            self._local.pool.clear()
            if self._local.writer is not None:
                self._local.writer.close()
        self._local.pid = None

    def _run(self, work: Callable[[int], Result]) -> Result:
        try:
            return self._retries.run(work, _pause_after)
        except (Refused, urllib3.exceptions.HTTPError, OSError) as error:
            text = str(error)
            if self._token:
                text = text.replace(self._token, "(hidden)")
            remedy = next((advice for sign, advice in _REMEDIES if sign in text), "see the server's log")
            raise StoreError(str(self.address), text, remedy) from None

    def _answer(self, fields: Mapping[str, str], take: Callable[[Found], Taken]) -> list[Taken]:
        answer = self._pool().urlopen(
            "POST",
            f"{self.address.base}/query",
            body=urlencode(fields),
            headers={**self._headers(), "Content-Type": "application/x-www-form-urlencoded"},
            preload_content=False,
            retries=False,
        )
        try:
            if answer.status != 200:
                raise Refused(answer.status, _message(answer.read()), _seconds(answer.headers.get("Retry-After")))
            return [take(found) for line in _lines(answer.stream(_CHUNK)) for found in _series(line)]
        finally:
            answer.drain_conn()
            answer.release_conn()

    def _post(self, lines: bytes, bucket: str) -> None:
        from influxdb_client.rest import ApiException

        try:
            self._writer().write(bucket=bucket, org=self.address.org, record=lines, write_precision="us")
        except ApiException as error:
            headers: Mapping[str, str] = error.headers or {}
            body = error.body if isinstance(error.body, bytes) else str(error.body or error.reason).encode()
            raise Refused(int(error.status or 0), _message(body), _seconds(headers.get("Retry-After"))) from None

    def _pool(self) -> urllib3.PoolManager:
        self._open()
        pool: urllib3.PoolManager = self._local.pool
        return pool

    def _writer(self) -> Any:
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS

        self._open()
        if self._local.writer is None:
            self._local.writer = InfluxDBClient(
                self.address.base,
                self._token or "",
                org=self.address.org,
                timeout=(int(1000 * CONNECT_SECONDS), int(1000 * READ_SECONDS)),
                ssl_ca_cert=self.address.certificates,
            )
        return self._local.writer.write_api(write_options=SYNCHRONOUS)

    def _open(self) -> None:
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.pid, self._local.writer = os.getpid(), None
            timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
            self._local.pool = urllib3.PoolManager(timeout=timeout, ca_certs=self.address.certificates)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self._token}"} if self._token else {}


def _pause_after(error: Exception) -> float | None:
    if isinstance(error, Refused):
        return error.after if error.status in _PASSING else None
    if isinstance(error, urllib3.exceptions.SSLError):
        return None
    return 0.0 if isinstance(error, urllib3.exceptions.HTTPError | OSError) else None


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdigit() else 0.0


def _message(body: bytes) -> str:
    try:
        said = orjson.loads(body)
        return str(said.get("error") or said.get("message") or said)
    except (orjson.JSONDecodeError, AttributeError):
        return body.decode(errors="replace").strip()[:500] or "no reason given"


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    for part in parts:
        first, *others = part.split(b"\n")
        held.append(first)
        for other in others:
            yield b"".join(held)
            held = [other]
    yield b"".join(held)


def _series(line: bytes) -> Iterator[Found]:
    if not line.strip():
        return
    body = orjson.loads(line)
    for result in body.get("results", [body]):
        if "error" in result:
            raise Refused(200, str(result["error"]))
        for one in result.get("series", ()):
            number = result.get("statement_id", 0)
            yield Found(one.get("name", ""), one.get("tags", {}), one["columns"], one.get("values", []), number)
