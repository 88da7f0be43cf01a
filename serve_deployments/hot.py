"""The routes that are called all day, answered without a framework: inference, scores, health and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import orjson
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry
from pydantic import TypeAdapter, ValidationError

from andon.errors import AndonError, DataError
from andon.serving import tensors
from andon.serving.inference import LENGTH_HEADER, read_request, write_answer
from andon.serving.problems import Problem, problem_of
from configs.serving import Role, ServingPlan
from serve_deployments.bodies import LineRows, ManyScoresRequest, ScoreRequest
from serve_deployments.metrics import RequestMetrics
from serve_deployments.requests import Head, Receive, read_body
from serve_deployments.scorer import LineScorer
from serve_deployments.workers import Workers

SMALL = 65_536
"""Bytes of a body, up to which a model's answer is worked out at once: to hand it to a thread would take longer."""
ALONE = 262_144
"""Bytes of rows, up to which a line is scored at once where nobody else asks: it takes some milliseconds."""
_LENGTH = LENGTH_HEADER.lower().encode()
_JSON = b"application/json"
_SCORE = TypeAdapter(ScoreRequest)
_MANY = TypeAdapter(ManyScoresRequest)


class Answer:
    """An answer: body and headers, those of its length and id excepted."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.body = body
        self.status = status
        self.headers = headers or [(b"content-type", _JSON)]


Handler = Callable[[Head, Receive], Awaitable[Answer]]


class HotRoutes:
    """Finds and answers the hot routes."""

    def __init__(
        self,
        scorer: LineScorer,
        plan: ServingPlan,
        workers: Workers,
        calculator: Workers,
        metrics: RequestMetrics,
        registry: CollectorRegistry,
    ) -> None:
        self._scorer = scorer
        self._plan = plan
        self._workers = workers
        self._calculator = calculator
        self._metrics_of = metrics
        self._registry = registry
        metrics_role: Role | None = None if plan.open_metrics else "score"
        self._fixed: dict[tuple[str, str], tuple[str, Role | None, Handler]] = {
            ("GET", "/healthz"): ("/healthz", None, self._alive),
            ("GET", "/readyz"): ("/readyz", None, self._ready),
            ("GET", "/metrics"): ("/metrics", metrics_role, self._metrics),
            ("GET", "/v2/health/live"): ("/v2/health/live", None, self._live),
            ("GET", "/v2/health/ready"): ("/v2/health/ready", None, self._all_ready),
            ("GET", "/v2"): ("/v2", "score", self._server),
            ("POST", "/v1/score"): ("/v1/score", "score", self._score_many),
        }

    def find(self, method: str, path: str) -> tuple[str, Role | None, Handler] | None:
        """Return the route's template, the role that it takes (None: nobody need say who asks) and what answers."""
        found = self._fixed.get((method, path))
        if found is not None:
            return found
        parts = path.split("/")
        if len(parts) < 4:
            return None
        if parts[1] == "v2" and parts[2] == "models":
            return self._find_model(method, parts[3], parts[4:])
        if method == "POST" and len(parts) == 5 and parts[1:3] == ["v1", "lines"] and parts[4] == "score":
            line = parts[3]
            return "/v1/lines/{line}/score", "score", lambda head, receive: self._score(line, receive)
        return None

    def _find_model(self, method: str, name: str, rest: list[str]) -> tuple[str, Role | None, Handler] | None:
        version, template = None, "/v2/models/{model}"
        if len(rest) >= 2 and rest[0] == "versions":
            version, rest, template = rest[1], rest[2:], template + "/versions/{version}"
        what = rest[0] if len(rest) == 1 else ""
        if method == "POST" and what == "infer":
            return template + "/infer", "score", lambda head, receive: self._infer(name, version, head, receive)
        if method == "GET" and what == "ready":
            return template + "/ready", "score", lambda head, receive: self._model_ready(name, version)
        if method == "GET" and not rest:
            return template, "score", lambda head, receive: self._model(name, version)
        return None

    async def _infer(self, name: str, version: str | None, head: Head, receive: Receive) -> Answer:
        body = await read_body(receive, self._plan.max_bytes)
        given = head.headers.get(_LENGTH)
        length = None
        if given is not None:
            if not given.isdigit():
                raise Problem(400, f"{LENGTH_HEADER} is no number; give the length of the JSON part")
            length = int(given[:20])
        if len(body) > SMALL:
            return await self._workers.run(lambda: self._inferred(name, version, body, length))
        return self._inferred(name, version, body, length)

    def _inferred(self, name: str, version: str | None, body: bytes, length: int | None) -> Answer:
        asked = read_request(body, length)
        resident, outputs = self._scorer.infer(name, version, asked, self._plan.max_rows)
        answer, head_length = write_answer(name, resident.version, asked, outputs)
        if head_length is None:
            return Answer(answer)
        headers = [(b"content-type", b"application/octet-stream"), (_LENGTH, str(head_length).encode())]
        return Answer(answer, 200, headers)

    async def _score(self, line: str, receive: Receive) -> Answer:
        body = await read_body(receive, self._plan.max_bytes)
        if not body:
            return await self._workers.run(lambda: self._scored(line, body))
        # Rows that were sent need no store, only time: alone at once, and among others one after another, since threads
        # that all want the interpreter's lock only hold each other up.
        if len(body) <= ALONE and self._metrics_of.ongoing <= 1:
            return self._scored(line, body)
        return await self._calculator.run(lambda: self._scored(line, body))

    def _scored(self, line: str, body: bytes) -> Answer:
        request = _read(body, _SCORE) if body else ScoreRequest()
        self._check_rows(request.rows, "rows")
        return Answer(orjson.dumps(self._scorer.score(line, request.rows, request.names)))

    async def _score_many(self, head: Head, receive: Receive) -> Answer:
        body = await read_body(receive, self._plan.max_bytes)
        return await self._workers.run(lambda: self._scored_many(body, head))

    def _scored_many(self, body: bytes, head: Head) -> Answer:
        """Score line by line; one that cannot be scored has its problem, and the others their scores."""
        request = _read(body, _MANY) if body else ManyScoresRequest()
        wanted = request.lines
        if wanted is None:
            wanted = [LineRows(line=name) for name in self._scorer.snapshot.lines]
        if len(wanted) > self._plan.max_lines:
            raise DataError("lines", f"has {len(wanted)} lines", f"send at most {self._plan.max_lines}")
        self._check_rows([row for one in wanted for row in one.rows or ()], "rows of all lines")
        results: list[dict[str, Any]] = []
        for one in wanted:
            try:
                results.append(self._scorer.score(one.line, one.rows, request.names))
            except (AndonError, Problem) as error:
                problem = error if isinstance(error, Problem) else problem_of(error)
                results.append({"line": one.line, "problem": problem.body(head.path, head.request_id)})
        return Answer(orjson.dumps({"results": results}))

    def _check_rows(self, rows: list[dict[str, Any]] | None, place: str) -> None:
        if rows is not None and len(rows) > self._plan.max_rows:
            raise DataError(place, f"has {len(rows)} rows", f"send at most {self._plan.max_rows}")

    async def _model(self, name: str, version: str | None) -> Answer:
        resident = self._scorer.model(name, version)
        return Answer(orjson.dumps(tensors.describe(resident.bundle, name, [str(resident.version)])))

    async def _model_ready(self, name: str, version: str | None) -> Answer:
        resident = self._scorer.model(name, version)
        return Answer(orjson.dumps({"name": name, "version": str(resident.version), "ready": True}))

    async def _server(self, head: Head, receive: Receive) -> Answer:
        return Answer(orjson.dumps({"name": "andon", "version": "1", "extensions": ["binary_tensor_data"]}))

    async def _alive(self, head: Head, receive: Receive) -> Answer:
        return Answer(b'{"status":"ok"}')

    async def _live(self, head: Head, receive: Receive) -> Answer:
        return Answer(b'{"live":true}')

    async def _ready(self, head: Head, receive: Receive) -> Answer:
        query = head.scope.get("query_string", b"")
        if query.startswith(b"line="):
            line = parse_qs(query.decode("latin-1")).get("line", [""])[0]
            ready = self._scorer.line_is_ready(line)
            return Answer(orjson.dumps({"line": line, "ready": ready}), 200 if ready else 503)
        told = self._scorer.readiness()
        serves = told["status"] in ("ready", "degraded")
        return Answer(orjson.dumps(told), 200 if serves else 503, None if serves else _LATER)

    async def _all_ready(self, head: Head, receive: Receive) -> Answer:
        ready = self._scorer.readiness()["status"] in ("ready", "degraded")
        return Answer(orjson.dumps({"ready": ready}), 200 if ready else 503, None if ready else _LATER)

    async def _metrics(self, head: Head, receive: Receive) -> Answer:
        body = await self._workers.run(lambda: generate_latest(self._registry))
        return Answer(body, 200, [(b"content-type", CONTENT_TYPE_LATEST.encode())])


_LATER = [(b"content-type", _JSON), (b"retry-after", b"1")]


def _read(body: bytes, adapter: TypeAdapter[Any]) -> Any:
    try:
        return adapter.validate_python(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"body: is not JSON: {error}; see /docs") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(["body", *(str(part) for part in first["loc"])])
        raise Problem(422, f"{place}: {first['msg']}; see /docs") from None
