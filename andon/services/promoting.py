"""Decisions on champions: recorded once, then carried out; and told again to whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from andon.errors import ConfigError
from andon.ports import Documents, Models
from andon.records import Decision, ModelKey, PublishedModel
from configs.periods import format_time

_SHOWN = 10


def unread_from(champion: PublishedModel, decisions: Sequence[Decision]) -> datetime:
    """Return the time from which data are new to a champion: it has neither read them nor been chosen by them.

    Parameters
    ----------
    decisions
        All that were made on its key.
    """
    chosen = [one.data_end for one in decisions if one.verdict == "promoted" and one.challenger == champion.version]
    return max([champion.card.data_end, *chosen])


def settle(decision: Decision, documents: Documents, models: Models) -> Decision:
    """Record a decision, then carry it out; return it as recorded. Interrupted anywhere, it is to be called again.

    Promoted, the challenger becomes champion, unless the champion is no longer the one it was compared with; kept, it
    stays challenger. The old champion stays ready for a rollback, and one that people rolled back to stays: a decision
    that has been carried out is not carried out again.
    """
    documents.add_decision(decision)
    recorded = next(one for one in documents.list_decisions(decision.key) if one.id == decision.id)
    done = f"decision/{recorded.id}"
    if documents.get_state(done):
        return recorded
    told_of = recorded.challenger or recorded.champion
    if told_of is not None:
        models.log_decision(recorded.key, told_of, decision_body(recorded))
    champion = models.pointer(recorded.key)
    if recorded.verdict == "promoted" and recorded.challenger is not None and champion == recorded.champion:
        models.promote(recorded.key, recorded.challenger, recorded.reason, recorded.at)
    documents.put_state(done, {"carried_out": True})
    return recorded


def decision_body(decision: Decision) -> dict[str, Any]:
    """Return a decision as JSON values that people read: times in ISO 8601."""
    times = {"at": format_time(decision.at), "data_end": format_time(decision.data_end)}
    return {"id": decision.id, **asdict(decision), **times}


def explain_champion(key: ModelKey, documents: Documents, models: Models, version: int | None = None) -> dict[str, Any]:
    """Return why a version (None: the champion) is what it is, as JSON values.

    That is its card, the decision that made it champion, the best configurations it was chosen from, every decision on
    it, and every version of the model.

    Raises
    ------
    ConfigError
        If there is no such model or version.
    """
    history = models.history(key)
    champion = models.pointer(key)
    asked = champion if version is None else version
    model = next((one for one in history if one.version == asked), None)
    if model is None:
        problem = f"has no version {version}" if version is not None and history else "has no champion"
        raise ConfigError(str(key), problem, "see `andon models list`")
    decisions = documents.list_decisions(key)
    about = [one for one in decisions if asked in (one.challenger, one.champion)]
    made = [one for one in about if one.verdict == "promoted" and one.challenger == asked]
    card = model.card
    return {
        **asdict(key),
        "version": model.version,
        "alias": model.alias,
        "why": _why(model, champion, about),
        "learner": card.learner,
        "params": card.params,
        "metrics": card.metrics,
        "definition_version": card.definition_version,
        "data_start": format_time(card.data_start),
        "data_end": format_time(card.data_end),
        "decision": decision_body(made[-1]) if made else None,
        "configurations": len(card.comparison),
        "comparison": _best(card.comparison, card.kind == "monitor"),
        "decisions": [decision_body(one) for one in about],
        "history": [
            {
                "version": one.version,
                "alias": one.alias,
                "learner": one.card.learner,
                "metrics": one.card.metrics,
                "data_end": format_time(one.card.data_end),
            }
            for one in history
        ],
    }


def _why(model: PublishedModel, champion: int | None, about: Sequence[Decision]) -> str:
    """Return what made a version champion and what became of it since, or why it is none."""
    told = [one for one in about if one.challenger == model.version]
    made = [one for one in told if one.verdict == "promoted"]
    held = [one for one in about if one.champion == model.version]
    if model.version != champion and not made and not held:
        if told:
            return f"not promoted at {format_time(told[-1].at)}: {told[-1].reason}"
        return "never compared with the champion"
    why = "the first model, or promoted by hand: no retrain chose it"
    if made:
        why = f"promoted at {format_time(made[-1].at)}: {made[-1].reason}"
    if held:
        last = held[-1]
        against = "" if last.challenger is None else f" against version {last.challenger}"
        word = "kept" if last.verdict == "kept" else "lost"
        why += f"; {word} its place at {format_time(last.at)}{against}: {last.reason}"
    return why if model.version == champion else f"{why}; champion no more"


def _best(comparison: Sequence[dict[str, Any]], smallest: bool) -> list[dict[str, Any]]:
    """Return the best configurations that were tried, the best first."""
    measured = [one for one in comparison if one.get("metric") is not None]
    ordered = sorted(measured, key=lambda one: float(one["metric"]), reverse=not smallest)
    return [{name: one.get(name) for name in ("learner", "metric", "seconds", "params")} for one in ordered[:_SHOWN]]
