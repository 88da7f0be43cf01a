"""``ray up`` and ``ray down`` on a cluster file: checked by Ray's own schema first, and for its token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from configs.errors import AndonError, ConfigError

_STARTS = ("head_start_ray_commands", "worker_start_ray_commands")


def read_cluster_file(path: Path) -> dict[str, Any]:
    """Read a cluster file of ``ray up`` and check it, with Ray's own defaults filled in, as ``ray up`` does.

    Raises
    ------
    ConfigError
        Naming the file, the field and what is wrong: not YAML, not Ray's schema, or nodes that start without a token.
    """
    import yaml

    try:
        written = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}", "name a cluster file of `ray up`") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(str(path), f"is no YAML: {' '.join(str(error).split())}", "write it as YAML") from None
    if not isinstance(written, dict):
        raise ConfigError(str(path), "is not a mapping", "see cluster/hosts/on-premises.yaml")
    complete = _with_defaults(path, written)
    for place, problem, remedy in _open_doors(written):
        raise ConfigError(f"{path}: {place}", problem, remedy)
    return complete


def launch(path: Path, verb: str, *more: str) -> None:
    """Run ``ray up`` or ``ray down`` on a cluster file that was checked, on this terminal.

    Raises
    ------
    AndonError
        If Ray ends otherwise than well; what it said is on the terminal.
    """
    read_cluster_file(path)
    command = [str(Path(sys.executable).with_name("ray")), verb, str(path), "--yes", *more]
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    code = subprocess.run(command, env=environment, check=False).returncode
    if code:
        raise AndonError(f"ray {verb} {path}", f"ended with exit code {code}", "see what it said above")


def _with_defaults(path: Path, written: dict[str, Any]) -> dict[str, Any]:
    import copy

    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        complete = prepare_config(copy.deepcopy(written))
        validate_config(complete)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "the file"
        raise ConfigError(f"{path}: {place}", error.message[:200], "see Ray's cluster YAML reference") from None
    except (
        AssertionError,
        KeyError,
        RuntimeError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        said = f"{error}" if str(error) else type(error).__name__
        raise ConfigError(str(path), f"Ray refuses it: {said[:200]}", "see Ray's cluster YAML reference") from None
    return dict(complete)


def _open_doors(written: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield what would start Ray without its token."""
    for field in _STARTS:
        commands = [str(one) for one in written.get(field) or []]
        starts = [one for one in commands if "ray start" in one]
        if not starts:
            yield field, "starts no Ray", "write it out, as in cluster/hosts/on-premises.yaml"
        elif any("RAY_AUTH_MODE=token" not in one for one in starts):
            yield (
                field,
                "starts Ray without RAY_AUTH_MODE=token: whoever reaches its ports may run any code",
                "put RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=... before `ray start`",
            )
    mounts = json.dumps(written.get("file_mounts") or {})
    commands = json.dumps([written.get(field) for field in _STARTS])
    if "RAY_AUTH_TOKEN_PATH=" in commands and "token" not in mounts and not written.get("initialization_commands"):
        yield "file_mounts", "brings no token to the hosts", "mount the file that RAY_AUTH_TOKEN_PATH names"
