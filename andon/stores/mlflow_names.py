"""How models, metrics and parameters are called in MLflow, and what may be shown of its address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from andon.records import ModelCard, ModelKey
from configs.periods import format_time

SEARCH_TAG = "andon.search"
"""Tag of a run and a version: the search and study that made the model."""


def entity_name(name: str) -> str:
    """Return a name that MLflow accepts for a metric or parameter: a variable's name may be anything.

    Examples
    --------
    >>> entity_name("rmse.température [°C]")
    'rmse.température __C_'
    """
    text = re.sub(r"[^\w\-. ]", "_", name)[:250]
    return text if text.strip(". ") else "_"


def without_secret(text: str) -> str:
    """Take user and password out of addresses.

    Examples
    --------
    >>> without_secret("no answer from https://me:secret@models.example/api")
    'no answer from https://models.example/api'
    """
    return re.sub(r"://[^/@\s]+@", "://", text)


def model_name(key: ModelKey) -> str:
    """Return the registered model's name; neither definitions nor lines contain what separates them.

    Examples
    --------
    >>> model_name(ModelKey("jam-soon", "press-07")), model_name(ModelKey("jam-soon", family="presses"))
    ('jam-soon~press-07', 'jam-soon~~presses')
    """
    return f"{key.definition}~{key.line}" if key.line is not None else f"{key.definition}~~{key.family}"


def model_tags(key: ModelKey, card: ModelCard | None) -> dict[str, str]:
    """Return what a model (without a card) or a version of it is found by."""
    tags = {"andon.definition": key.definition}
    if key.line is not None:
        tags["andon.line"] = key.line
    if key.family is not None:
        tags["andon.family"] = key.family
    if card is not None:
        tags |= {
            "andon.kind": card.kind,
            "andon.learner": card.learner,
            "andon.definition_version": str(card.definition_version),
            "andon.data_start": format_time(card.data_start),
            "andon.data_end": format_time(card.data_end),
            "andon.seed": str(card.seed),
        }
        if card.search:
            tags[SEARCH_TAG] = card.search
    return tags


def decision_tags(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what a version is found by after a decision on it.

    Examples
    --------
    >>> decision_tags({"verdict": "kept", "reason": "too few events", "at": "2026-03-01T00:00:00Z", "events": 3})
    {'verdict': 'kept', 'decision_reason': 'too few events', 'decided_at': '2026-03-01T00:00:00Z'}
    """
    names = {"verdict": "verdict", "reason": "decision_reason", "at": "decided_at"}
    return {tag: str(body[name]) for name, tag in names.items() if name in body}
