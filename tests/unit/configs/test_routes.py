"""Routes, and what is refused in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.services.definitions import apply_definitions, get_definitions
from andon.stores import open_documents, open_signals
from configs.errors import ConfigError
from configs.loading import load_definitions, parse_definition
from configs.settings import load_settings

EXAMPLES = Path(__file__).parents[3] / "configs" / "examples"
AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_examples_are_sound():
    assert [one.definition.name for one in load_definitions([EXAMPLES / "routes.yaml"])] == [
        "maintenance",
        "night",
        "quality",
        "screens",
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "email: nobody is told; add email, webhook or log: true"),
        ({"email": ["lead"]}, "email[0]: is not an e-mail address: 'lead'"),
        ({"email": ["a@b.c\nBcc: d@e.f"]}, "email[0]: is not an e-mail address"),
        ({"email": ["a@b.c", "a@b.c"]}, "email: names 'a@b.c' twice"),
        ({"email": "a@b.c"}, "email: must be a list, got 'a@b.c'; write email: [a@b.c]"),
        ({"webhook": "hooks.example"}, "webhook: is not a web address"),
        ({"webhook": "https://me:s3cret@hooks.example/"}, "webhook: holds a user or a password"),
        ({"webhook": "https://hooks.example:99999/"}, "webhook: is not a web address"),
        ({"log": True, "shifts": ["6:00"]}, "shifts: is not the start of a shift: '6:00'"),
        ({"log": True, "hours": ["22-6"]}, "hours: is not a span of hours: '22-6'"),
        ({"log": True, "hours": ["06:00-06:00"]}, "hours: is not a span of hours"),
        ({"log": True, "days": ["monday"]}, "days[0]: must be"),
        ({"log": True, "severity": "hi"}, "severity: must be"),
        ({"log": True, "events": []}, "events: must not be empty"),
        ({"log": True, "limit": {"messages": 0}}, "limit.messages: must be at least 1"),
        ({"log": True, "digest": 1}, "digest: must be at least 2"),
        ({"log": True, "mail": ["a@b.c"]}, "mail: unknown field"),
    ],
)
def test_what_is_refused(fields, told):
    with pytest.raises(ConfigError) as caught:
        parse_definition({"kind": "Route", "name": "r", **fields}, "r.yaml: Route r")
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_an_alert_may_only_name_routes_that_there_are(tmp_path):
    documents, signals = open_documents(f"sqlite:///{tmp_path}/d.db"), open_signals(f"sqlite:///{tmp_path}/s.db")
    path = tmp_path / "a.yaml"
    route = "---\nkind: Route\nname: {}\nlog: true\nlines: {{names: [{}]}}\n"
    path.write_text(
        "kind: Line\nname: p\nvariables: [{name: oil, type: number}]\n---\nkind: Alert\nname: hot\n"
        "lines: {names: [p]}\ntype: threshold\nwhen: oil > 80\nroutes: [maintenance]\n"
        + route.format("maintenence", "p")
    )
    with pytest.raises(ConfigError, match="unknown route 'maintenance'; did you mean 'maintenence'"):
        apply_definitions([path], documents, signals, AT)
    path.write_text(path.read_text() + route.format("maintenance", "q"))
    with pytest.raises(ConfigError, match="unknown line 'q'"):
        apply_definitions([path], documents, signals, AT)
    path.write_text(path.read_text().replace("[q]", "[p]"))
    apply_definitions([path], documents, signals, AT)
    (shown,) = get_definitions("routes", "maintenance", documents, signals)
    assert (shown["digest"], shown["limit"]) == (5, {"messages": 20, "per": "1h"})


def test_secrets_of_senders_are_refused_in_the_file_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("andon.toml").write_text('webhook_secret = "s3cret"\n')
    with pytest.raises(ConfigError, match="ANDON_WEBHOOK_SECRET"):
        load_settings()
    for smtp in ('password = "s3cret"', 'host = "mail"\nsender = "a@b.c"\nuser = "u"\npassword = "s3cret"'):
        Path("andon.toml").write_text(f"[smtp]\n{smtp}\n")
        with pytest.raises(ConfigError) as caught:
            load_settings()
        assert "s3cret" not in str(caught.value)
    Path("andon.toml").write_text('[smtp]\nhost = "mail"\nsender = "a@b.c"\nsecurity = "ssl"\ntimeout = "5s"\n')
    smtp = load_settings().smtp
    assert smtp is not None
    assert (smtp.number, smtp.timeout.total_seconds()) == (465, 5)
