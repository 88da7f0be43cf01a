"""An alert that a family's model serves until a line's own does: two bundles, told apart by their thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from andon.frames import SignalFrame
from andon.models.bundle import AlertBundle
from andon.ports import Documents, Signals
from andon.records import ModelKey
from configs.definitions import Alert, Line
from tests.watched_line import DEFINED, JAM, SAMPLING, jam_bundle, make_rows

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
NEW_LINE = "fryer-2"
"""A line of the family that no model has seen."""
FAMILY_THRESHOLD, OWN_THRESHOLD = 0.25, 0.75


def family_alert(model: str) -> Alert:
    """Return the alert on the family, ``model`` pooled or per-line."""
    return Alert.model_validate(JAM.to_json() | {"lines": {"family": "fryers"}, "model": model})


def family_bundle() -> AlertBundle:
    """Return the model of the family."""
    return replace(jam_bundle(), key=ModelKey(JAM.name, family="fryers"), threshold=FAMILY_THRESHOLD)


def own_bundle() -> AlertBundle:
    """Return the model that the new line has earned."""
    return replace(jam_bundle(), key=ModelKey(JAM.name, NEW_LINE), threshold=OWN_THRESHOLD)


def fill(documents: Documents, signals: Signals, alerts: Sequence[Alert]) -> SignalFrame:
    """Define two lines of the family and the alerts; give the new line its first readings, and return them."""
    lines = [DEFINED, Line.model_validate(DEFINED.to_json() | {"name": NEW_LINE})]
    documents.put_definitions([one.to_json() for one in (*lines, *alerts)], NOW)
    rows = make_rows(700, seed=3, holes=False)
    rows = SignalFrame(NEW_LINE, rows.data, rows.types, SAMPLING)
    signals.append_signals(rows)
    return rows
