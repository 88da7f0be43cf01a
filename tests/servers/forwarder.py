"""A forwarder in front of a server. It can be told to fail as networks and servers do.

InfluxDB 1.6 knows no ``/api/v2/write``: ``/write`` is put in the request's place. Everything else passes unread, so
that it costs next to nothing. Of MongoDB's messages, only those that write are counted and can fail.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.servers.waiting import Server, answers, free_port, running

_WRITES = (b"\x02insert\x00", b"\x02findAndModify\x00", b"\x02update\x00")
"""How a command begins in BSON."""
_PRECISIONS = {"ns": "n", "us": "u", "ms": "ms", "s": "s"}
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"


class Forwarder(socketserver.ThreadingTCPServer):
    """Forwards each connection to the server at ``target``.

    ``answer_busy`` requests are refused with 503; ``cut_before`` are cut off before the server sees them, and
    ``cut_after`` once it has answered, so that the client never learns of it.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, target: tuple[str, int], port: int = 0, *, mongo: bool = False, host: str = "127.0.0.1") -> None:
        super().__init__((host, port), _MongoConnection if mongo else _HttpConnection)
        self.target = target
        self.answer_busy = self.cut_before = self.cut_after = 0
        self.requests = 0
        self._guard = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def next_fault(self) -> str:
        """Return what happens to the next request."""
        with self._guard:
            self.requests += 1
            for fault in ("answer_busy", "cut_before", "cut_after"):
                if getattr(self, fault):
                    setattr(self, fault, getattr(self, fault) - 1)
                    return fault
        return ""


class _Connection(socketserver.BaseRequestHandler, ABC):
    server: Forwarder

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(self.server.target, 5) as upstream:
            for one in (self.request, upstream):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.muted = False
            back = threading.Thread(target=self._answers, args=(upstream,), daemon=True)
            back.start()
            self._requests(upstream)
            with contextlib.suppress(OSError):
                upstream.shutdown(socket.SHUT_WR)
            back.join()

    @abstractmethod
    def _requests(self, upstream: socket.socket) -> None:
        """Hand on what the client asks, until it has no more."""

    def _answers(self, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := upstream.recv(1 << 20):
                if self.muted:
                    break
                self.request.sendall(part)
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)


class _HttpConnection(_Connection):
    def _requests(self, upstream: socket.socket) -> None:
        reader = self.request.makefile("rb")
        while line := reader.readline():
            head = [_rewritten(line)]
            length = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                head.append(line)
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            fault = self.server.next_fault()
            if fault == "cut_before":
                return
            if fault == "answer_busy":
                reader.read(length)
                self.request.sendall(BUSY)
                return
            self.muted = fault == "cut_after"
            upstream.sendall(b"".join(head) + b"\r\n")
            while length:
                part = reader.read1(min(length, 1 << 20))
                if not part:
                    return
                upstream.sendall(part)
                length -= len(part)


class _MongoConnection(_Connection):
    def _requests(self, upstream: socket.socket) -> None:
        reader = self.request.makefile("rb")
        while len(begin := reader.read(4)) == 4:
            message = begin + reader.read(int.from_bytes(begin, "little") - 4)
            if any(command in message for command in _WRITES):
                fault = self.server.next_fault()
                if fault == "cut_before":
                    return
                self.muted = fault == "cut_after"
            upstream.sendall(message)


def _rewritten(line: bytes) -> bytes:
    method, target, version = line.split(b" ", 2)
    parts = urlsplit(target.decode())
    if parts.path != "/api/v2/write":
        return line
    given = dict(parse_qsl(parts.query))
    database, _, policy = given["bucket"].partition("/")
    named = {
        "db": database,
        "precision": _PRECISIONS[given.get("precision", "ns")],
        **({"rp": policy} if policy else {}),
    }
    return b" ".join([method, f"/write?{urlencode(named)}".encode(), version])


@contextlib.contextmanager
def forwarding(target: tuple[str, int], *, mongo: bool = False, host: str = "127.0.0.1") -> Iterator[Forwarder]:
    """Forward what comes to an address of this machine until the block ends."""
    with Forwarder(target, mongo=mongo, host=host) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def forwarder_process(folder: Path, target: int) -> Iterator[Server]:
    """Forward to a port of this machine in a process of its own, which takes nothing from who measures."""
    port = free_port()
    command = [sys.executable, "-m", "tests.servers.forwarder", str(port), str(target)]
    with running(command, port, folder / "forwarder.log", lambda: answers(port), cwd=Path.cwd()) as server:
        yield server


if __name__ == "__main__":  # python -m tests.servers.forwarder PORT TARGET-PORT
    with Forwarder(("127.0.0.1", int(sys.argv[2])), int(sys.argv[1])) as alone:
        alone.serve_forever()
