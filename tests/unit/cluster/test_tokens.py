"""Ray's token: made once, kept to its owner, and found where it was put."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster.tokens import authenticated, find_token, make_token, token_file
from configs.errors import ConfigError


def test_a_token_is_made_once_and_kept_to_its_owner(tmp_path):
    path = make_token(tmp_path / "home")
    kept = path.read_text()
    assert len(kept) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_token(tmp_path / "home").read_text() == kept
    assert [one.name for one in path.parent.iterdir()] == ["ray-token"]


def test_of_many_that_make_one_at_once_all_get_the_same(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        read = set(threads.map(lambda _: make_token(tmp_path).read_text(), range(32)))
    assert len(read) == 1


def test_what_the_environment_names_wins_and_rays_own_file_is_last(tmp_path):
    home, own = tmp_path / "home", {"HOME": str(tmp_path)}
    assert find_token(home, own) == {}
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("ray's own")
    assert find_token(home, own) == {"RAY_AUTH_TOKEN_PATH": str(tmp_path / ".ray" / "auth_token")}
    make_token(home)
    assert find_token(home, own) == {"RAY_AUTH_TOKEN_PATH": str(token_file(home))}
    (tmp_path / "named").write_text("named")
    named = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "named")}
    assert find_token(home, own | named) == named
    assert find_token(home, own | named | {"RAY_AUTH_TOKEN": "given"}) == {"RAY_AUTH_TOKEN": "given"}


def test_a_named_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"RAY_AUTH_TOKEN_PATH: names .*nowhere.*cannot be read"):
        find_token(tmp_path, {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "nowhere")})


def test_tokens_are_asked_for_unless_that_was_turned_off(tmp_path):
    own = {"HOME": str(tmp_path)}
    assert authenticated(tmp_path, own) == {}, "Ray's own default holds where there is none"
    make_token(tmp_path)
    assert authenticated(tmp_path, own)["RAY_AUTH_MODE"] == "token"
    assert authenticated(tmp_path, own | {"RAY_AUTH_MODE": "disabled"}) == {}
