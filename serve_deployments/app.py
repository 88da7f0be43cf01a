"""The HTTP application: a factory, so that a replica, a test or a bare server builds the same one."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from andon.errors import AndonError
from andon.serving.problems import MEDIA_TYPE, Elsewhere, Problem, problem_of
from andon.serving.tokens import Gate
from configs.serving import ServingPlan
from serve_deployments import alert_routes, definition_routes, line_routes
from serve_deployments.access_log import AccessLog
from serve_deployments.documentation import describe
from serve_deployments.gateway import Gateway
from serve_deployments.hot import HotRoutes
from serve_deployments.metrics import RequestMetrics, ServingCollector, registry_of
from serve_deployments.scorer import LineScorer
from serve_deployments.workers import Workers

_STALENESS = 15.0
"""Seconds between two looks at how old each line's newest reading is: a question to the store a line."""


class Application:
    """The ASGI application around a scorer, and what has to be done beside it: `look_after`, every second or so."""

    def __init__(self, scorer: LineScorer, plan: ServingPlan, replica: str = "", *, tells_id: bool = True) -> None:
        self.scorer = scorer
        self.plan = plan
        replica = replica or secrets.token_hex(4)
        folder = None if plan.access_log is None else Path(plan.access_log)
        self._access = AccessLog(folder, replica)
        self._gate = Gate(plan.tokens, None if plan.tokens_file is None else Path(plan.tokens_file))
        self._workers = Workers(plan.workers, plan.max_ongoing, plan.timeout.total_seconds())
        self._calculator = Workers(1, plan.max_ongoing, plan.timeout.total_seconds())
        requests = RequestMetrics()
        self._collector = ServingCollector(scorer, requests, replica)
        hot = HotRoutes(scorer, plan, self._workers, self._calculator, requests, registry_of(self._collector))
        self._looked = 0.0
        self._asgi = Gateway(_framework(scorer), hot, self._gate, plan, requests, self._access, tells_id=tells_id)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        await self._asgi(scope, receive, send)

    def look_after(self, now: float) -> None:
        """Look for new models and tokens, and write the access log; ``now`` is in seconds of the Unix epoch.

        Raises
        ------
        AndonError
            If a store or the file of tokens cannot be read; everything goes on with what it has.
        """
        self._access.flush()
        self._gate.refresh()
        self.scorer.refresh()
        self._collector.refreshed = now
        if now >= self._looked + _STALENESS:
            self._collector.newest, self._looked = self.scorer.newest_times(), now

    def close(self) -> None:
        """Write what is left to be written."""
        self._workers.close()
        self._calculator.close()
        self._access.close()


def create_app(scorer: LineScorer, plan: ServingPlan, replica: str = "", *, tells_id: bool = True) -> Application:
    """Build the application around a scorer, which serves what it found when it was last refreshed.

    ``tells_id`` is whether answers bear the request's id; Serve puts it there itself.
    """
    application = Application(scorer, plan, replica, tells_id=tells_id)
    application._gate.refresh()
    return application


def _framework(scorer: LineScorer) -> FastAPI:
    app = FastAPI(
        title="Andon",
        description="Scores production lines: alerts (will it happen?) and monitors (is it normal?).",
        version="1",
        redoc_url=None,
    )
    for routes in (line_routes, alert_routes, definition_routes):
        app.include_router(routes.router(scorer))
    describe(app)

    def answer(request: Request, problem: Problem) -> JSONResponse:
        head = request.scope["andon.head"]
        path = request.url.path.encode("utf-8", "replace").decode()[:500]
        body = problem.body(path, head.request_id)
        return JSONResponse(body, problem.status, problem.headers, media_type=MEDIA_TYPE)

    # Starlette's: FastAPI's own is one of it, and a method that is not allowed or an unreadable body raises no other.
    @app.exception_handler(AnyHTTPException)
    async def _refused(request: Request, error: AnyHTTPException) -> JSONResponse:
        return answer(request, Problem(error.status_code, str(error.detail), error.headers))

    @app.exception_handler(404)
    async def _nowhere(request: Request, error: Exception) -> JSONResponse:
        path = request.url.path.encode("utf-8", "replace").decode()[:200]
        return answer(request, Problem(404, f"there is nothing at {path}; see /docs"))

    @app.exception_handler(RequestValidationError)
    async def _malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        told = f"{place}: {first['msg']}; see /docs".encode("utf-8", "replace").decode()
        return answer(request, Problem(422, told))

    @app.exception_handler(Problem)
    async def _problem(request: Request, error: Problem) -> JSONResponse:
        head = request.scope["andon.head"]
        return answer(request, error.at(*head.written) if isinstance(error, Elsewhere) else error)

    @app.exception_handler(AndonError)
    async def _andon(request: Request, error: AndonError) -> JSONResponse:
        return answer(request, problem_of(error))

    return app
