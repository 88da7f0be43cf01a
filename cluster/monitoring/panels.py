"""Dashboards as data: panels of four kinds of reader, and the JSON that Grafana loads made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["timeseries", "stat", "table", "bargauge"]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: PromQL with the legend of each series, and when it may well be empty."""

    title: str
    says: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    width: int = 8
    empty_when: str = ""
    """Why there may be no series although all is well; empty: there always are."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page for one kind of reader."""

    uid: str
    title: str
    reader: str
    panels: tuple[Panel, ...]


def to_grafana(dashboard: Dashboard) -> dict[str, Any]:
    """Return Grafana's JSON model of a dashboard: panels of 8 rows, as many side by side as 24 columns hold."""
    panels, column, row = [], 0, 0
    for number, panel in enumerate(dashboard.panels, 1):
        if column + panel.width > 24:
            column, row = 0, row + 8
        place = {"x": column, "y": row, "w": panel.width, "h": 8}
        column += panel.width
        panels.append(_panel(number, panel, place))
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.reader,
        "tags": ["andon"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "links": [{"type": "dashboards", "tags": ["andon"], "title": "Andon", "asDropdown": True}],
        "panels": panels,
    }


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    instant = panel.kind in ("stat", "table", "bargauge")
    said = panel.says if not panel.empty_when else f"{panel.says} Empty when {panel.empty_when}."
    made: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": said,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for index, (expression, legend) in enumerate(panel.queries)
        ],
    }
    if panel.kind == "timeseries":
        made["options"] = {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
    return made
