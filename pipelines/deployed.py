"""The Serve application as ``serve deploy`` and KubeRay start it: by import path, its settings from the environment."""

from __future__ import annotations

from typing import Any


def application(arguments: dict[str, Any]) -> Any:
    """Build the application; how many replicas there are, the Serve config says.

    Parameters
    ----------
    arguments
        ``args`` of the Serve config: `configs.serving.ServingLimits`, where they are not those of ``ANDON_SERVING``.

    Raises
    ------
    ConfigError
        If a setting or an argument is wrong. Where the stores are is no argument: that comes from ``ANDON_*``.
    """
    from pydantic import ValidationError

    from configs.errors import ConfigError
    from configs.serving import ServingLimits
    from configs.settings import load_settings
    from pipelines.running.serving import serving_plan
    from serve_deployments.builder import build

    settings = load_settings()
    try:
        limits = ServingLimits.model_validate({**settings.serving.model_dump(), **arguments})
    except ValidationError as error:
        first = error.errors()[0]
        place = "args: " + ".".join(str(part) for part in first["loc"])
        raise ConfigError(place, first["msg"], "see configs/serve.yaml") from None
    return build(serving_plan(settings, limits=limits))
