"""The Serve application as ``serve deploy`` and KubeRay start it: by import path, its settings from the environment."""

from __future__ import annotations

from typing import Any


def application(arguments: dict[str, Any]) -> Any:
    """Build the application; how many replicas there are, the Serve config says.

    Raises
    ------
    ConfigError
        If a setting is wrong, or an argument is given: all comes from ``ANDON_*``.
    """
    from configs.errors import ConfigError
    from configs.settings import load_settings
    from pipelines.serving import serving_plan
    from serve_deployments.builder import build

    if arguments:
        raise ConfigError("args", f"has {sorted(arguments)[0]!r}", "leave it out, and set ANDON_* in the environment")
    settings = load_settings()
    return build(serving_plan(settings))
