"""Inside a Ray job: what it was given, and that its stores outlive it.

A job's working directory is a copy that Ray unpacks for it and throws away: whatever is written there is lost.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import ConfigError

if TYPE_CHECKING:
    from configs.settings import Settings

_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets this variable, which is called so, in the process that it starts for a job, and in no other."""
_URLS = ("documents_url", "signals_url", "models_url")
_REMEDY = (
    "name them absolutely, for example with "
    '--runtime-env-json \'{"env_vars": {"ANDON_HOME": "/folder/that/all/nodes/share"}}\''
)


def in_job() -> bool:
    """Return whether this process is the driver of a submitted job."""
    return _JOB in os.environ


def job_variables() -> dict[str, str]:
    """Return the environment variables that the job was submitted with; empty outside a job."""
    try:
        runtime_env = json.loads(os.environ.get(_JOB, "{}")).get("runtime_env") or {}
    except ValueError:
        return {}
    return dict(runtime_env.get("env_vars") or {})


def check_stores(settings: Settings) -> None:
    """Check that the stores are named, and lie outside what is thrown away after the job.

    Raises
    ------
    ConfigError
        Naming the setting. Either ``ANDON_HOME`` names all stores, or each has its URL.
    """
    given = settings.model_fields_set
    if "home" not in given and not given.issuperset(_URLS):
        missing = " and ".join(f"ANDON_{name.upper()}" for name in _URLS if name not in given)
        raise ConfigError(
            "stores of this job",
            f"neither ANDON_HOME nor {missing} is set, and the job's working directory is thrown away",
            _REMEDY,
        )
    for name, value in _places(settings).items():
        if not Path(value).expanduser().is_absolute() or _is_thrown_away(Path(value)):
            raise ConfigError(
                f"ANDON_{name.upper()}",
                f"lies in the job's working directory, which is thrown away, got {value!r}",
                _REMEDY,
            )


def _places(settings: Settings) -> dict[str, str]:
    """Return the paths among the settings that were given, as they were written where the environment tells."""
    written = {
        name: os.environ.get(f"ANDON_{name.upper()}") or str(getattr(settings, name)) for name in ("home", *_URLS)
    }
    local = {
        name: value.removeprefix("sqlite:///") for name, value in written.items() if name in settings.model_fields_set
    }
    return {name: value for name, value in local.items() if "://" not in value}


def _is_thrown_away(path: Path) -> bool:
    return "working_dir_files" in Path(os.path.abspath(path)).parts
