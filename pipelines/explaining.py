"""``andon models explain`` on the terminal: what the service knows, as a few lines and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from andon.records import ModelKey

if TYPE_CHECKING:
    from pipelines.terminal import Terminal


def tell_champion(key: ModelKey, why: dict[str, Any], terminal: Terminal) -> None:
    """Print why a version is what it is, from `explain_champion`."""
    alias = f" ({why['alias']})" if why["alias"] else ""
    terminal.text(f"{key}, version {why['version']}{alias}: {why['learner']}, definition {why['definition_version']}")
    terminal.text(f"why: {why['why']}")
    terminal.text(f"data: {why['data_start']} to {why['data_end']}")
    terminal.text("validation: " + ", ".join(f"{name} {value:.4g}" for name, value in why["metrics"].items()))
    if why["decision"] is not None:
        _tell_evidence(why["decision"], terminal)
    if why["comparison"]:
        terminal.table(
            f"The best of {why['configurations']} configurations",
            ["learner", "metric", "seconds", "parameters"],
            [(one["learner"], one["metric"], one["seconds"], _params(one["params"])) for one in why["comparison"]],
        )
    if why["decisions"]:
        terminal.table(
            "Decisions",
            ["at", "champion", "challenger", "verdict", "reason"],
            [
                (one["at"], one["champion"], one["challenger"], one["verdict"], one["reason"])
                for one in why["decisions"]
            ],
        )
    terminal.table(
        "Versions",
        ["version", "alias", "learner", "data to"],
        [(one["version"], one["alias"], one["learner"], one["data_end"]) for one in why["history"]],
    )


def _tell_evidence(decision: dict[str, Any], terminal: Terminal) -> None:
    evidence = decision["evidence"]
    judged, found = evidence["judged"], evidence["comparison"]
    against = evidence["against"]
    terminal.text(
        f"judged on {judged['start']} to {judged['end']} against version {against['version']} of {against['model']}"
    )
    rows = [
        (who, account["cost"], account["counted_cost"], account["missed"], account["false_alarms"])
        for who, account in ((who, found.get(who)) for who in ("champion", "challenger"))
        if account is not None
    ]
    if rows:
        title = f"Over {found['events']} events on {found['days']} line-days"
        terminal.table(title, ["model", "cost", "at its threshold", "missed", "false alarms"], rows)


def _params(params: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in params.items()
    )
