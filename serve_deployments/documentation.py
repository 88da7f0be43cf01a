"""The OpenAPI document: what FastAPI tells of its routes, and the hot ones that it does not know of."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serve_deployments.bodies import ManyScoresRequest, ScoreRequest

_SCHEMA = "#/components/schemas/{model}"
_BEARER = "bearer"
_LINE = {"name": "line", "in": "path", "required": True, "schema": {"type": "string"}, "example": "press-07"}
_MODEL = {
    "name": "model",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "As the registry calls it: `definition~line`, or `definition~~family`.",
    "example": "jam-soon~press-07",
}
_VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}, "example": "3"}
_PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do about it."},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
    },
}
_ALERT_SCORE = {
    "name": "jam-soon",
    "version": 3,
    "learner": "lightgbm",
    "time": "2026-01-01T06:00:00Z",
    "score": 0.71,
    "threshold": 0.4,
    "flag": True,
    "horizon_seconds": 1800.0,
}
_SCORES = {
    "line": "press-07",
    "time": "2026-01-01T06:00:00Z",
    "alerts": [_ALERT_SCORE],
    "monitors": [],
    "skipped": [{"name": "untrained", "reason": "has no champion yet; train it"}],
}
_INFER = {
    "id": "7",
    "inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP64", "data": [178.5, 0.4, None]}],
}
_INFERRED = {
    "model_name": "jam-soon~press-07",
    "model_version": "3",
    "id": "7",
    "outputs": [
        {"name": "probability", "datatype": "FP64", "shape": [1], "data": [0.71]},
        {"name": "flag", "datatype": "BOOL", "shape": [1], "data": [True]},
    ],
}
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "datatype": {"type": "string", "examples": ["FP64", "FP32"]},
        "data": {"type": "array", "items": {}},
        "parameters": {"type": "object"},
    },
}
_INFER_REQUEST = {
    "title": "InferenceRequest",
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
        "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        "parameters": {"type": "object"},
    },
}
_OBJECT: dict[str, Any] = {"type": "object"}


def describe(app: FastAPI) -> None:
    """Let an application's document tell of every route and of its errors, tokens and examples."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    told: dict[str, Any] = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = told.setdefault("components", {}).setdefault("schemas", {})
    for model in (ScoreRequest, ManyScoresRequest):
        described = model.model_json_schema(ref_template=_SCHEMA)
        schemas |= described.pop("$defs", {})
        schemas[model.__name__] = described
    schemas["Problem"] = _PROBLEM
    schemas["InferenceRequest"] = _INFER_REQUEST
    told["components"]["securitySchemes"] = {
        _BEARER: {"type": "http", "scheme": "bearer", "description": "A token of `andon serve` or `andon tokens`."}
    }
    told["paths"] = {**_hot_paths(), **told["paths"]}
    for path, operations in told["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    return told


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Add what every operation may answer, and whether it takes a token."""
    problem = {"application/problem+json": {"schema": {"$ref": _SCHEMA.format(model="Problem")}}}
    responses = operation.setdefault("responses", {})
    secured = operation.pop("x-secured", path.startswith(("/v1", "/v2")))
    statuses = {
        "400": "The request cannot be read.",
        "404": "There is no such line, model, alert or definition.",
        "409": "The alert has moved on.",
        "411": "The length of the body is not told.",
        "413": "The body is too large.",
        "415": "The body is encoded.",
        "422": "What was sent cannot be processed; the detail says what and where.",
        "503": "Busy, or a store or a model is not there; `Retry-After` says when to ask again.",
    }
    if secured:
        operation["security"] = [{_BEARER: []}]
        statuses |= {"401": "No token, or an unknown one.", "403": "The token's role does not include this."}
    for status, text in statuses.items():
        if status == "422" or status not in responses:
            responses[status] = {"description": text, "content": problem}


def _answer(text: str, example: Any, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"application/json": {"schema": schema or _OBJECT, "example": example}}
    return {"200": {"description": text, "content": content}}


def _body(model: str, examples: dict[str, Any], required: bool = True) -> dict[str, Any]:
    content = {"schema": {"$ref": _SCHEMA.format(model=model)}, "examples": examples}
    return {"required": required, "content": {"application/json": content}}


def _hot_paths() -> dict[str, Any]:
    rows = [{"time": "2026-01-01T06:00:00Z", "oil_temperature": 178.5, "product": "fries"}]
    one = {"newest": {"value": {}}, "rows": {"value": {"rows": rows}}}
    many = {"all": {"value": {}}, "rows": {"value": {"lines": [{"line": "press-07", "rows": rows}]}}}
    paths: dict[str, Any] = {
        "/healthz": {"get": _get("health", "Is the process alive?", {"status": "ok"}, secured=False)},
        "/readyz": {
            "get": _get("health", "Can it score? Which models are missing, loading or damaged?", _READY, secured=False)
            | {"parameters": [{"name": "line", "in": "query", "required": False, "schema": {"type": "string"}}]}
        },
        "/metrics": {
            "get": {
                "tags": ["health"],
                "summary": "For Prometheus",
                "x-secured": True,
                "responses": {"200": {"description": "Text", "content": {"text/plain": {}}}},
            }
        },
        "/v1/lines/{line}/score": {
            "post": {
                "tags": ["scores"],
                "summary": "Score the newest row of a line",
                "parameters": [_LINE],
                "requestBody": _body("ScoreRequest", one, required=False),
                "responses": _answer("Scores, each with the version of its model.", _SCORES),
            }
        },
        "/v1/score": {
            "post": {
                "tags": ["scores"],
                "summary": "Score many lines",
                "requestBody": _body("ManyScoresRequest", many, required=False),
                "responses": _answer("Of each line its scores, or its problem.", {"results": [_SCORES]}),
            }
        },
        "/v2": {"get": _get("inference", "The server", {"name": "andon", "version": "1", "extensions": []})},
        "/v2/health/live": {"get": _get("inference", "Is the server alive?", {"live": True}, secured=False)},
        "/v2/health/ready": {"get": _get("inference", "Can it infer?", {"ready": True}, secured=False)},
    }
    for suffix, parameters in (("", [_MODEL]), ("/versions/{version}", [_MODEL, _VERSION])):
        base = "/v2/models/{model}" + suffix
        ready = {"name": "jam-soon~press-07", "version": "3", "ready": True}
        paths[base] = {"get": _get("inference", "A model's tensors", _METADATA) | {"parameters": parameters}}
        paths[f"{base}/ready"] = {"get": _get("inference", "Does it serve?", ready) | {"parameters": parameters}}
        paths[f"{base}/infer"] = {
            "post": {
                "tags": ["inference"],
                "summary": "Infer, by the Open Inference Protocol; also with binary tensors",
                "parameters": parameters,
                "requestBody": _body("InferenceRequest", {"row": {"value": _INFER}}),
                "responses": _answer("Outputs by name, and the version that gave them.", _INFERRED),
            }
        }
    return paths


def _get(tag: str, summary: str, example: Any, secured: bool = True) -> dict[str, Any]:
    return {"tags": [tag], "summary": summary, "x-secured": secured, "responses": _answer(summary, example)}


_READY = {"status": "ready", "lines": 12, "models": 40, "loading": [], "failed": [], "problem": None}
_METADATA = {
    "name": "jam-soon~press-07",
    "versions": ["3"],
    "platform": "andon",
    "inputs": [{"name": "features", "datatype": "FP64", "shape": [-1, 60]}],
    "outputs": [{"name": "probability", "datatype": "FP64", "shape": [-1]}],
    "parameters": {},
}
