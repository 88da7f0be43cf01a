"""The ASGI application: who asks, how large, how many at once; the hot routes at once, everything else by FastAPI."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from time import perf_counter
from typing import Any

import orjson

from andon.errors import AndonError
from andon.serving.problems import MEDIA_TYPE, Elsewhere, Problem, busy, problem_of
from andon.serving.tokens import Gate
from configs.serving import Role, ServingPlan
from serve_deployments.access_log import AccessLog
from serve_deployments.hot import Answer, Handler, HotRoutes
from serve_deployments.metrics import RequestMetrics
from serve_deployments.requests import Head, Receive, Scope, Send, check_size

log = logging.getLogger(__name__)

_OPEN = ("/docs", "/openapi.json", "/docs/oauth2-redirect", "/redoc")
_PROBLEM = MEDIA_TYPE.encode()


class Gateway:
    """Every request passes here, and every answer bears its id; behind Serve, it is Serve that puts it there."""

    def __init__(
        self,
        rest: Any,
        hot: HotRoutes,
        gate: Gate,
        plan: ServingPlan,
        metrics: RequestMetrics,
        access: AccessLog,
        *,
        tells_id: bool = True,
    ) -> None:
        self._rest = rest
        self._hot = hot
        self._gate = gate
        self._plan = plan
        self._metrics = metrics
        self._access = access
        self._tells_id = tells_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._rest(scope, receive, send)
            return
        began = perf_counter()
        head = Head(scope)
        found = self._hot.find(head.method, head.path)
        metrics = self._metrics
        metrics.ongoing += 1
        try:
            if found is None:
                route, status = await self._by_framework(head, receive, send)
            else:
                route = found[0]
                answer = await self._answer(head, receive, found[1], found[2])
                status = answer.status
                await self._send(send, head, answer)
        finally:
            metrics.ongoing -= 1
        seconds = perf_counter() - began
        metrics.count(route, head.method if len(head.method) < 10 else "other", status, seconds)
        bearer = head.bearer.name if head.bearer else None
        self._access.add(head.request_id, head.method, head.path, route, status, seconds, bearer)

    async def _answer(self, head: Head, receive: Receive, role: Role | None, handler: Handler) -> Answer:
        try:
            self._admit(head, role)
            return await handler(head, receive)
        except Elsewhere as elsewhere:
            return self._refusal(head, elsewhere.at(*head.written))
        except Problem as problem:
            return self._refusal(head, problem)
        except AndonError as error:
            return self._refusal(head, problem_of(error))
        except Exception:
            return self._refusal(head, self._failed(head))

    async def _by_framework(self, head: Head, receive: Receive, send: Send) -> tuple[str, int]:
        """Let FastAPI answer; return the route's template and the status."""
        status = 0

        async def told(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._tells_id:
                    message["headers"] = [*message["headers"], (b"x-request-id", head.request_id.encode())]
            await send(message)

        problem = None
        try:
            self._admit(head, _role_of(head))
            head.scope["andon.head"] = head
            async with asyncio.timeout(self._plan.timeout.total_seconds()):
                await self._rest(head.scope, receive, told)
        except Problem as error:
            problem = error
        except TimeoutError:
            problem = busy(f"there was no answer within {self._plan.timeout.total_seconds():g} s")
        except Exception:
            problem = self._failed(head)
        if problem is not None and not status:
            answer = self._refusal(head, problem)
            status = answer.status
            await self._send(send, head, answer)
        return getattr(head.scope.get("route"), "path", "other"), status

    def _admit(self, head: Head, role: Role | None) -> None:
        """Let a request in, or say why not.

        Raises
        ------
        Problem
            401, 403, 411, 413, 415 or 503.
        """
        if role is not None:
            head.bearer = self._gate.bearer(head.headers.get(b"authorization", b""))
            if head.bearer is None:
                self._metrics.rejected["token"] += 1
                raise Problem(401, "give a bearer token", {"WWW-Authenticate": "Bearer"})
            if not head.bearer.may(role):
                self._metrics.rejected["role"] += 1
                raise Problem(403, f"the role {head.bearer.role} does not include {role}; use another token")
            if self._metrics.ongoing > self._plan.max_ongoing:
                self._metrics.rejected["busy"] += 1
                raise busy(f"{self._plan.max_ongoing} requests are in work; try again in a moment")
        check_size(head, self._plan.max_bytes)

    def _refusal(self, head: Head, problem: Problem) -> Answer:
        body = problem.body(head.path.encode("utf-8", "replace").decode()[:500], head.request_id)
        if head.path.startswith("/v2"):
            body["error"] = problem.detail  # where the inference protocol looks for it
        headers = [(b"content-type", _PROBLEM)]
        headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        if problem.status in (411, 413):
            headers.append((b"connection", b"close"))  # what is left of the body is not waited for
        return Answer(_written(body), problem.status, headers)

    def _failed(self, head: Head) -> Problem:
        log.exception("request %s: %s %s failed", head.request_id, head.method, head.path[:200])
        return Problem(500, f"failed in a way that nobody foresaw; the log tells more of request {head.request_id}")

    async def _send(self, send: Send, head: Head, answer: Answer) -> None:
        headers = [*answer.headers, (b"content-length", str(len(answer.body)).encode())]
        if self._tells_id:
            headers.append((b"x-request-id", head.request_id.encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body if head.method != "HEAD" else b""})


def _role_of(head: Head) -> Role | None:
    """Return the role that a route of the framework takes."""
    if head.path in _OPEN:
        return None
    if head.method in ("GET", "HEAD", "OPTIONS"):
        return "score"
    return "admin" if head.path.startswith("/v1/definitions") else "operate"


def _written(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # half of a character, which JSON may escape and UTF-8 cannot write
        told = {name: str(one).encode("utf-8", "replace").decode() for name, one in body.items() if name != "status"}
        return orjson.dumps({**told, "status": body["status"]})
