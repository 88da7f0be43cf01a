"""Alerts and silences: seen, answered and asked for; one function of `andon.services` behind each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request

from andon.errors import ConfigError
from andon.services import alerts as service
from andon.services import recommended as service_of_advice
from andon.services import silences as service_of_silences
from andon.serving.problems import problem_of
from serve_deployments.bodies import Deed, Judgement, SilenceRequest
from serve_deployments.line_routes import Limit, Moment
from serve_deployments.requests import Head
from serve_deployments.scorer import LineScorer

Result = TypeVar("Result")


def router(scorer: LineScorer) -> APIRouter:
    """Return the routes of alerts and silences."""
    routes = APIRouter(prefix="/v1", tags=["alerts"])
    documents = scorer.documents

    def now() -> datetime:
        return datetime.now(UTC)

    @routes.get("/alerts", summary="Alerts, oldest first")
    def list_alerts(
        line: str | None = None,
        alert: str | None = None,
        state: Annotated[list[str] | None, Query(description="`open` stands for all but resolved.")] = None,
        start: Moment = None,
        end: Moment = None,
        limit: Limit = 1_000,
    ) -> list[dict[str, Any]]:
        states = _refusing(422, lambda: service.parse_states(state or []))
        found = service.list_alerts(service.AlertSearch(line, alert, states, start, end, limit), documents)
        return [service.alert_json(one) for one in found]

    @routes.get("/alerts/{alert_id}", summary="One alert, with everything that happened to it")
    def one_alert(alert_id: str) -> dict[str, Any]:
        found = service.alert_json(service.find_alert(alert_id, documents), documents.list_feedback(alert_id))
        return found | {"recommendations": service_of_advice.recommendations_of(alert_id, documents)}

    @routes.post("/alerts/{alert_id}/acknowledge", summary="Say that it has been seen")
    def acknowledge(alert_id: str, deed: Deed, request: Request) -> dict[str, Any]:
        service.find_alert(alert_id, documents)
        asked = (alert_id, deed.author, deed.note, now(), documents, _id_of(request))
        moved = _refusing(409, lambda: service.acknowledge(*asked))
        return service.alert_json(moved, documents.list_feedback(alert_id))

    @routes.post("/alerts/{alert_id}/act", summary="Say that something was done about it")
    def act(alert_id: str, deed: Deed, request: Request) -> dict[str, Any]:
        service.find_alert(alert_id, documents)
        asked = (alert_id, deed.author, deed.note, now(), documents, _id_of(request))
        moved = _refusing(409, lambda: service.act(*asked))
        return service.alert_json(moved, documents.list_feedback(alert_id))

    @routes.post("/alerts/{alert_id}/feedback", summary="Say whether it was right")
    def feedback(alert_id: str, judgement: Judgement) -> dict[str, Any]:
        found = service.find_alert(alert_id, documents)
        given = (judgement.verdict, judgement.author, judgement.note, now())
        _refusing(422, lambda: service.give_feedback(alert_id, *given, documents))
        return service.alert_json(found, documents.list_feedback(alert_id))

    @routes.get("/alerts/{alert_id}/recommendations", summary="How it could have been avoided")
    def recommendations(alert_id: str) -> list[dict[str, Any]]:
        service.find_alert(alert_id, documents)
        return service_of_advice.recommendations_of(alert_id, documents)

    @routes.get("/silences", summary="What nobody is told of")
    def silences(after: Moment = None) -> list[dict[str, Any]]:
        return [service_of_silences.silence_json(one) for one in documents.list_silences(after)]

    @routes.post("/silences", status_code=201, summary="Tell nobody of some alerts for a while")
    def silence(request: SilenceRequest) -> dict[str, Any]:
        at = now()
        made = _refusing(
            422,
            lambda: service_of_silences.silence(
                line=request.line,
                definition=request.alert,
                start=at if request.start is None else _utc(request.start),
                end=_utc(request.end),
                reason=request.reason,
                author=request.author,
                at=at,
                documents=documents,
            ),
        )
        return service_of_silences.silence_json(made)

    @routes.post("/silences/{silence_id}/end", summary="End a silence early")
    def end_silence(silence_id: str) -> dict[str, Any]:
        ended = _refusing(409, lambda: service_of_silences.end_silence(silence_id, now(), documents))
        return service_of_silences.silence_json(ended)

    return routes


def _id_of(request: Request) -> str:
    head: Head = request.scope["andon.head"]
    return head.request_id


def _refusing(status: int, work: Callable[[], Result]) -> Result:
    """Do what may be refused for what was asked, not for what was looked up."""
    try:
        return work()
    except ConfigError as error:
        raise problem_of(error, status) from None


def _utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise problem_of(ConfigError("time", "is beyond the calendar", "give another"), 422) from None
