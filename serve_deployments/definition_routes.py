"""Definitions, read with every default filled in, and stored as `andon apply` stores them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body

from andon.errors import ConfigError
from andon.services.definitions import get_definitions, known_kind, store_definitions
from andon.serving.problems import problem_of
from configs.loading import LoadedDefinition, parse_definition
from serve_deployments.scorer import LineScorer

_EXAMPLE = {
    "lines": {"family": "presses"},
    "type": "threshold",
    "when": "oil_temperature > 80",
    "for": "5m",
    "severity": "high",
}
Definition = Annotated[
    dict[str, Any], Body(examples=[_EXAMPLE], description="As in YAML; kind and name may be left out.")
]


def router(scorer: LineScorer) -> APIRouter:
    """Return the routes of definitions."""
    routes = APIRouter(prefix="/v1/definitions", tags=["definitions"])

    @routes.get("/{kind}", summary="Every definition of a kind")
    def every(kind: str) -> list[dict[str, Any]]:
        return get_definitions(kind, None, scorer.documents, scorer.signals)

    @routes.get("/{kind}/{name}", summary="One definition")
    def one(kind: str, name: str) -> dict[str, Any]:
        return get_definitions(kind, name, scorer.documents, scorer.signals)[0]

    @routes.put("/{kind}/{name}", summary="Store a definition; an unchanged one keeps its version")
    def put(kind: str, name: str, body: Definition) -> dict[str, Any]:
        title = known_kind(kind)
        try:
            for field, meant in (("kind", title), ("name", name)):
                if body.get(field, meant) != meant:
                    raise ConfigError(f"{title} {name}: {field}", f"is {str(body[field])[:100]!r}", f"say {meant!r}")
            place = f"{title} {name}"
            loaded = LoadedDefinition(parse_definition({**body, "kind": title, "name": name}, place), place)
            (stored,) = store_definitions([loaded], scorer.documents, scorer.signals, datetime.now(UTC))
        except ConfigError as error:
            raise problem_of(error, 422) from None
        return {
            "kind": stored.kind,
            "name": stored.name,
            "version": stored.version,
            "change": stored.change,
            "warnings": list(stored.warnings),
        }

    return routes
