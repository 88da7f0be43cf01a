"""The file of tokens in ``ANDON_HOME``: made, shown and withdrawn, by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from andon.errors import ConfigError
from andon.serving.tokens import digest_of, new_token, read_tokens, write_tokens
from configs.expressions import did_you_mean
from configs.serving import ROLES, Role, TokenDigest
from configs.settings import Settings
from pipelines.running.serving import tokens_file


def add_token(settings: Settings, name: str, role: str) -> str:
    """Make a token, keep its digest, and return it.

    Raises
    ------
    ConfigError
        If the name is taken or the role unknown.
    """
    roles: dict[str, Role] = {one: one for one in ROLES}
    if role not in roles:
        raise ConfigError("--role", f"unknown role {role!r}", did_you_mean(role, ROLES))
    if not name.strip() or len(name) > 100:
        raise ConfigError("name", f"must be 1 to 100 characters, got {len(name.strip())}", "say whose token it is")
    with _locked(settings):
        known = read_tokens(tokens_file(settings))
        if name in [one.name for one in known]:
            raise ConfigError(
                f"token {name}", "exists already", f"choose another name, or `andon tokens remove {name}`"
            )
        token = new_token()
        write_tokens(tokens_file(settings), [*known, TokenDigest(name=name, role=roles[role], sha256=digest_of(token))])
    return token


def list_tokens(settings: Settings) -> tuple[TokenDigest, ...]:
    """Return the tokens of the file, as digests."""
    return read_tokens(tokens_file(settings))


def remove_token(settings: Settings, name: str) -> None:
    """Withdraw a token.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    with _locked(settings):
        known = read_tokens(tokens_file(settings))
        names = [one.name for one in known]
        if name not in names:
            remedy = did_you_mean(name, names) if names else "see `andon tokens list`"
            raise ConfigError(f"token {name}", "does not exist", remedy)
        write_tokens(tokens_file(settings), [one for one in known if one.name != name])


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "tokens.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
