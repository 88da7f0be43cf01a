"""``python -m cluster.monitoring``: writes Grafana's JSON of every dashboard beside this file."""

from __future__ import annotations

import json
from pathlib import Path

from cluster.monitoring.dashboards import DASHBOARDS
from cluster.monitoring.panels import to_grafana

FOLDER = Path(__file__).with_name("grafana")


def written() -> dict[Path, str]:
    """Return what each file holds."""
    return {
        FOLDER / f"{one.uid}.json": json.dumps(to_grafana(one), indent=1, ensure_ascii=False) + "\n"
        for one in DASHBOARDS
    }


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, "utf-8")
