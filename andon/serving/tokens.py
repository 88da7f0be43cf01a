"""Bearer tokens: kept as digests, compared in constant time, withdrawn by taking them out of a file."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from andon.errors import ConfigError
from configs.serving import ROLES, Role, TokenDigest

_FILE = TypeAdapter(tuple[TokenDigest, ...])


def new_token() -> str:
    """Return a token of 256 random bits: so many that a plain hash of it tells nothing."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token, in hexadecimal.

    Examples
    --------
    >>> digest_of("open sesame")[:12]
    '41ef4bb0b236'
    """
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks."""

    name: str
    role: Role
    includes: frozenset[Role]

    def may(self, role: Role) -> bool:
        """Whether the bearer's role includes another.

        Examples
        --------
        >>> bearer = bearer_of(TokenDigest(name="powerop", role="operate", sha256="0" * 64))
        >>> bearer.may("score"), bearer.may("admin")
        (True, False)
        """
        return role in self.includes


def bearer_of(token: TokenDigest) -> Bearer:
    """Return who bears a token, who may do what the roles before the token's may do too."""
    return Bearer(token.name, token.role, frozenset(ROLES[: ROLES.index(token.role) + 1]))


class Gate:
    """Knows the tokens of a plan, and those of its file as that changes."""

    def __init__(self, tokens: Sequence[TokenDigest], file: Path | None = None) -> None:
        self._given = tuple(tokens)
        self._file = file
        self._read_at: tuple[int, int] | None = None
        self._known: tuple[tuple[bytes, Bearer], ...] = _known(self._given)

    def refresh(self) -> None:
        """Read the file if it has changed since.

        Raises
        ------
        ConfigError
            If it is damaged; those known before stay, but for none that a file would have withdrawn.
        """
        if self._file is None:
            return
        try:
            status = self._file.stat()
            now = (status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            now = None
        if now is not None and now == self._read_at:
            return
        more = read_tokens(self._file)
        self._known, self._read_at = _known((*self._given, *more)), now

    def bearer(self, authorization: bytes) -> Bearer | None:
        """Return whose token stands in an ``Authorization`` header; None: nobody's.

        Every known digest is compared, in constant time, whichever fits.
        """
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        given = hashlib.sha256(token.strip()).hexdigest().encode()
        found = None
        for digest, bearer in self._known:
            if hmac.compare_digest(given, digest):
                found = bearer
        return found


def read_tokens(file: Path) -> tuple[TokenDigest, ...]:
    """Read a file of tokens; one that is not there holds none.

    Raises
    ------
    ConfigError
        If it is damaged.
    """
    try:
        return _FILE.validate_json(file.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error.strerror)
        raise ConfigError(str(file), f"is no list of tokens: {problem}", "make it anew with `andon tokens`") from None


def write_tokens(file: Path, tokens: Sequence[TokenDigest]) -> None:
    """Replace a file of tokens, atomically; only its owner may read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump([token.model_dump() for token in tokens], out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(file)


def _known(tokens: Sequence[TokenDigest]) -> tuple[tuple[bytes, Bearer], ...]:
    return tuple((token.sha256.encode(), bearer_of(token)) for token in tokens)
