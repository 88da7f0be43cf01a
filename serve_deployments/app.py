"""The HTTP application: a factory, so that a replica, a test or a bare server builds the same one."""

import hashlib
import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as AnyHTTPException

from andon.errors import AndonError, ConfigError, DataError
from configs.serving import ServingPlan
from serve_deployments.scorer import LineScorer


class ScoreRequest(BaseModel):
    """What to score."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {},
                {"rows": [{"time": "2026-01-01T06:00:00Z", "oil_temperature": 178.5, "product": "fries"}]},
            ]
        },
    )
    rows: list[dict[str, Any]] | None = Field(
        default=None, description="Readings, oldest first; none: the newest of the store."
    )
    names: list[str] = Field(default=[], description="Alerts and monitors to score; none: all of the line.")


def create_app(scorer: LineScorer, plan: ServingPlan) -> FastAPI:
    """Build the application around a scorer."""
    app = FastAPI(
        title="Andon",
        description="Scores production lines: alerts (will it happen?) and monitors (is it normal?).",
        version="1",
    )
    bearer = HTTPBearer(auto_error=False, description="The token of `andon serve`.")

    def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
        return JSONResponse(
            {"title": title, "status": status, "detail": detail},
            status,
            headers,
            media_type="application/problem+json",
        )

    def authorised(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> None:
        digest = hashlib.sha256((given.credentials if given else "").encode()).hexdigest()
        if given is None or not hmac.compare_digest(digest, plan.token_sha256):
            raise HTTPException(401, "give the bearer token", {"WWW-Authenticate": "Bearer"})

    # Starlette's: FastAPI's own is one of it, and a method that is not allowed or an unreadable body raises no other.
    @app.exception_handler(AnyHTTPException)
    async def _refused(request: Request, error: AnyHTTPException) -> JSONResponse:
        return problem(error.status_code, "refused", str(error.detail), dict(error.headers or {}))

    @app.exception_handler(404)
    async def _nowhere(request: Request, error: Exception) -> JSONResponse:
        return problem(404, "not found", f"there is nothing at {request.url.path}; see /docs")

    @app.exception_handler(RequestValidationError)
    async def _malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return problem(422, "malformed request", f"{place}: {first['msg']}; see /docs")

    @app.exception_handler(AndonError)
    async def _andon(request: Request, error: AndonError) -> JSONResponse:
        status = 404 if isinstance(error, ConfigError) else 422 if isinstance(error, DataError) else 503
        return problem(status, type(error).__name__, str(error))

    @app.middleware("http")
    async def _bounded(request: Request, call_next: Any) -> Any:
        if "transfer-encoding" in request.headers:
            return problem(411, "length required", "send the body with its Content-Length, not in chunks")
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > plan.max_bytes:
            return problem(413, "too large", f"a body has at most {plan.max_bytes} bytes; send fewer rows")
        return await call_next(request)

    @app.get("/healthz", tags=["health"], summary="Is the process alive?")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], summary="Can it score?", response_model=None)
    def readyz() -> Any:
        try:
            return {"status": "ready", "lines": len(scorer.lines())}
        except AndonError as error:
            return problem(503, "not ready", str(error))

    secured = APIRouter(prefix="/v1", dependencies=[Depends(authorised)], tags=["lines"])

    @secured.get("/lines", summary="Every line, its data and its models")
    def lines() -> list[dict[str, Any]]:
        return scorer.lines()

    @secured.get("/lines/{line}", summary="One line")
    def line_(line: str) -> dict[str, Any]:
        return scorer.line(line)

    @secured.post("/lines/{line}/score", summary="Score the newest row of a line")
    def score(line: str, request: ScoreRequest | None = None) -> dict[str, Any]:
        wanted = request or ScoreRequest()
        if wanted.rows is not None and len(wanted.rows) > plan.max_rows:
            raise DataError("rows", f"has {len(wanted.rows)} rows", f"send at most {plan.max_rows}")
        return scorer.score(line, wanted.rows, wanted.names)

    app.include_router(secured)
    return app
