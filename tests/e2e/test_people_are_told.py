"""From readings to a mail in a mailbox, by the command alone: the assistant, and people who answer."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.conftest import Andon
from tests.servers.mail import mail_server

PLANT = """
kind: Alert
name: too-hot
lines: {names: [press-07]}
type: threshold
when: oil > 80
severity: high
routes: [floor]
---
kind: Route
name: floor
email: [lead@plant.example]
events: [firing, acknowledged, resolved]
"""


def bring(andon: Andon, folder: Path, oil: list[int]) -> None:
    rows = "\n".join(f"2026-01-01T00:{minute:02}:00Z,{value}" for minute, value in enumerate(oil))
    (folder / "press-07.csv").write_text(f"time,oil\n{rows}\n")
    andon.run("import", folder / "press-07.csv", "--line", "press-07")


def test_an_alert_is_told_acknowledged_and_over(andon: Andon, tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(PLANT)
    bring(andon, tmp_path, [70, 82])
    andon.run("apply", tmp_path / "plant.yaml")
    with mail_server() as server:
        smtp = {"host": "127.0.0.1", "port": server.port, "security": "none", "sender": "andon@plant.example"}
        mail = {"ANDON_SMTP": json.dumps(smtp)}
        andon.run("assistant", "--once", **mail)
        assert [one["Subject"] for one in server.mails] == ["[high] press-07: too-hot is firing"]
        (alert,) = andon.json("alerts", "list")
        andon.run("alerts", "ack", alert["id"], "--author", "ana", "--note", "on my way")
        bring(andon, tmp_path, [70, 82, 70])
        andon.run("assistant", "--once", **mail)
        said = [part.get_content() for one in server.mails[1:] if (part := one.get_body(("plain",))) is not None]
        assert len({str(one["References"]) for one in server.mails}) == 1
        # What came of it is told together where it waited together.
        assert sum("too-hot was seen" in text for text in said) == 1
        assert sum("too-hot is over" in text for text in said) == 1
        before = len(server.mails)
        andon.run("assistant", "--once", **mail)
        assert len(server.mails) == before
