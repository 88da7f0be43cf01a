"""Tokens as digests, in a plan and in a file that changes."""

from __future__ import annotations

import os
import stat

import pytest

from andon.errors import ConfigError
from andon.serving.tokens import Gate, digest_of, new_token, read_tokens, write_tokens
from configs.serving import TokenDigest


def token(name: str, role: str, secret: str) -> TokenDigest:
    return TokenDigest(name=name, role=role, sha256=digest_of(secret))


def test_a_token_is_known_by_its_digest_alone():
    gate = Gate([token("ada", "operate", "s3cret")])
    bearer = gate.bearer(b"Bearer s3cret")
    assert (bearer.name, bearer.may("score"), bearer.may("operate"), bearer.may("admin")) == ("ada", True, True, False)
    for wrong in (b"", b"s3cret", b"Basic s3cret", b"Bearer", b"Bearer s3cre", digest_of("s3cret").encode()):
        assert gate.bearer(wrong) is None
    assert gate.bearer(b"bearer  s3cret") is not None


def test_tokens_are_added_and_withdrawn_by_the_file(tmp_path):
    file = tmp_path / "tokens.json"
    gate = Gate([token("own", "admin", "own")], file)
    gate.refresh()
    assert gate.bearer(b"Bearer more") is None
    write_tokens(file, [token("more", "score", "more")])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"more" not in file.read_bytes().replace(b'"more"', b"")
    gate.refresh()
    assert gate.bearer(b"Bearer more").name == "more"
    assert gate.bearer(b"Bearer own").name == "own"
    write_tokens(file, [])
    gate.refresh()
    assert gate.bearer(b"Bearer more") is None
    write_tokens(file, [token("more", "score", "more")])
    gate.refresh()
    os.remove(file)
    gate.refresh()
    assert gate.bearer(b"Bearer more") is None


@pytest.mark.parametrize("text", ["{", "{}", '[{"name": "a", "role": "king", "sha256": "00"}]'])
def test_a_damaged_file_is_refused(tmp_path, text):
    (tmp_path / "tokens.json").write_text(text)
    with pytest.raises(ConfigError, match="is no list of tokens"):
        read_tokens(tmp_path / "tokens.json")


def test_new_tokens_differ():
    assert len({new_token() for _ in range(100)}) == 100
    assert len(new_token()) >= 43
