"""Ray's token: who may run code on the cluster. Ray itself checks it; here it is made, found and kept to its owner."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from configs.errors import ConfigError

MODE, TOKEN, PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"


def token_file(home: Path) -> Path:
    """Return where the token of a cluster that was started here is kept."""
    return home / "ray-token"


def find_token(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which Ray finds its token; empty where there is none.

    What the environment names wins over ``ray-token`` in ``ANDON_HOME``, and that over Ray's own ``~/.ray/auth_token``.

    Raises
    ------
    ConfigError
        If the file that the environment names cannot be read.
    """
    if environment.get(TOKEN):
        return {TOKEN: environment[TOKEN]}
    if named := environment.get(PATH):
        if not os.access(named, os.R_OK):
            raise ConfigError(
                PATH, f"names {named!r}, which cannot be read", "put the cluster's token there, or unset it"
            )
        return {PATH: named}
    for path in (token_file(home), Path(environment.get("HOME", "~")).expanduser() / ".ray" / "auth_token"):
        if os.access(path, os.R_OK):
            return {PATH: str(path)}
    return {}


def make_token(home: Path) -> Path:
    """Return the token's file in ``ANDON_HOME``, made on first use, readable by its owner only."""
    path = token_file(home)
    if path.exists():
        return path
    home.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(prefix=".ray-token.", dir=home)  # its owner's alone
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, path)  # Of two that make one at once, the first stays.
    except FileExistsError:
        pass
    finally:
        os.unlink(made)
    return path


def authenticated(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return what must be set to join a cluster: the mode, and where the token is; nothing where both are set or open.

    Examples
    --------
    >>> authenticated(Path("/nowhere"), {"RAY_AUTH_MODE": "disabled"})
    {}
    """
    if environment.get(MODE, "token").lower() != "token":
        return {}
    found = find_token(home, environment)
    return {MODE: "token", **found} if found else {}
