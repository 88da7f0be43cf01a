"""Who may do what: tokens that are there, that only their owner reads, and nothing that is open to others."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from andon.stores.checking import Finding
from configs.cluster import is_loopback
from configs.settings import Settings

SHORTEST = 16


def look_at_tokens(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield what is found of the API's token and of Ray's."""
    from cluster.tokens import MODE, find_token, token_file

    if settings.api_token is not None:
        length = len(settings.api_token.get_secret_value())
        good = length >= SHORTEST
        told = "in the environment" if good else f"has {length} characters; give ANDON_API_TOKEN {SHORTEST} or more"
        yield Finding("tokens", "API", good, told)
    else:
        yield _file("API", settings.home / "api-token", "made when `andon serve` first runs")
    if not is_loopback(settings.serve_host):
        told = f"is served on {settings.serve_host}, in clear text; put a proxy with TLS before it"
        yield Finding("tokens", "API beyond this machine", True, told)
    found = find_token(settings.home, os.environ)
    if path := found.get("RAY_AUTH_TOKEN_PATH"):
        yield _file("Ray", Path(path), "")
    else:
        where = (
            "in the environment"
            if found
            else f"none yet; `andon cluster up` or `token` makes {token_file(settings.home)}"
        )
        yield Finding("tokens", "Ray", True, where)
    host = settings.cluster.host or ("127.0.0.1" if settings.cluster.profile == "laptop" else "")
    off = os.environ.get(MODE, "token").lower() != "token" or settings.cluster.access == "open"
    if off and not is_loopback(host):
        told = f'is turned off, and this profile is reached from other machines; unset {MODE}, or access = "token"'
        yield Finding("tokens", "Ray's authentication", False, told)
    else:
        yield Finding("tokens", "Ray's authentication", True, "off, on this machine alone" if off else "on")


def _file(name: str, path: Path, absent: str) -> Finding:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return Finding("tokens", name, True, absent)
    if mode & 0o077 and _is_reached(path):
        return Finding("tokens", name, False, f"{path} can be read by others ({mode:o}); chmod 600 {path}")
    if len(path.read_text().strip()) < SHORTEST:
        return Finding(
            "tokens", name, False, f"{path} holds no token of {SHORTEST} characters; remove it, one is made anew"
        )
    return Finding("tokens", name, True, f"{path}, its owner's alone")


def _is_reached(path: Path) -> bool:
    """Return whether others may pass through every folder above a file."""
    return all(stat.S_IMODE(folder.stat().st_mode) & 0o011 for folder in path.absolute().parents)
