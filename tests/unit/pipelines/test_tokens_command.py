"""``andon tokens``: a token is shown once, known by its digest, and withdrawn."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from andon.errors import ConfigError
from andon.serving.tokens import Gate
from configs.settings import Settings
from pipelines.commands.tokens import app
from pipelines.running.serving import serving_plan, tokens_file
from pipelines.tokens import add_token, list_tokens, remove_token


def test_a_token_opens_what_its_role_may_until_it_is_withdrawn(tmp_path):
    settings = Settings(home=tmp_path / "home")
    token = add_token(settings, "powerop", "operate")
    assert token not in tokens_file(settings).read_text()
    plan = serving_plan(settings)
    gate = Gate(plan.tokens, tokens_file(settings))
    gate.refresh()
    bearer = gate.bearer(f"Bearer {token}".encode())
    assert (bearer.name, bearer.role) == ("powerop", "operate")
    remove_token(settings, "powerop")
    gate.refresh()
    assert gate.bearer(f"Bearer {token}".encode()) is None
    assert list_tokens(settings) == ()
    own = (settings.home / "api-token").read_text()
    assert own not in plan.model_dump_json()
    assert gate.bearer(f"Bearer {own}".encode()).role == "admin"


@pytest.mark.parametrize(
    ("name", "role", "named"), [("powerop", "king", "king"), ("known", "score", "exists"), (" ", "score", "name")]
)
def test_what_cannot_be_made_is_refused(tmp_path, name, role, named):
    settings = Settings(home=tmp_path)
    add_token(settings, "known", "score")
    with pytest.raises(ConfigError, match=named):
        add_token(settings, name, role)
    with pytest.raises(ConfigError, match="known"):
        remove_token(settings, "knwon")


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("ANDON_HOME", str(tmp_path))
    made = CliRunner().invoke(app, ["add", "powerop", "--json"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["role"] == "score"
    listed = CliRunner().invoke(app, ["list", "--json"])
    assert json.loads(listed.stdout) == [{"name": "powerop", "role": "score"}]
    assert CliRunner().invoke(app, ["remove", "powerop"]).exit_code == 0
    assert json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout) == []
