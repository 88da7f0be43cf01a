"""Webhooks against a real HTTP server: signed by the standard, and what is said where they are not taken."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from andon.notify.parcels import Parcel, Undelivered
from andon.notify.webhook import WebhookSender
from tests.servers.hooks import hook_server
from tests.servers.waiting import free_port

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
NOW = AT + timedelta(minutes=1)


def parcel(url: str) -> Parcel:
    data = {"alert": {"id": "7e11", "line": "Ofen ü \ud83d"}}
    return Parcel("0af3", url, "Too hot", "Too hot", data, "alert.firing", "high", AT)


def test_what_is_posted_can_be_verified_by_the_standard():
    secrets = [
        base64.b64encode(b"the old key of 24 bytes!").decode(),
        base64.b64encode(b"the new one of 24 bytes!").decode(),
    ]
    with hook_server() as hooks:
        sender = WebhookSender(f"whsec_{secrets[0]} whsec_{secrets[1]}", lambda: NOW)
        sender.send(parcel(hooks.url))
        sender.close()
    ((headers, body),) = hooks.posts
    assert headers["webhook-id"] == "0af3"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["content-type"] == "application/json"
    signed = f"0af3.{int(NOW.timestamp())}.".encode() + body
    for secret, given in zip(secrets, headers["webhook-signature"].split(), strict=True):
        digest = hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()
        assert given == f"v1,{base64.b64encode(digest).decode()}"
    said = json.loads(body)
    assert (said["type"], said["timestamp"]) == ("alert.firing", "2026-03-01T06:30:00Z")
    assert said["data"] == parcel("").data


@pytest.mark.parametrize(
    ("status", "how"),
    [(400, "refused"), (410, "refused"), (301, "deferred"), (404, "deferred"), (429, "deferred"), (503, "deferred")],
)
def test_an_answer_that_is_no(status, how):
    with hook_server() as hooks:
        hooks.answers = [(status, {"location": "http://127.0.0.1:1/", "retry-after": "90"})]
        sender = WebhookSender("any text", lambda: NOW)
        with pytest.raises(Undelivered, match=str(status)) as caught:
            sender.send(parcel(hooks.url))
        assert caught.value.how == how
        assert caught.value.after == timedelta(seconds=90)
        assert "s3cret" not in caught.value.reason
        sender.send(parcel(hooks.url))
        sender.close()
    assert len(hooks.posts) == 2


def test_retry_after_a_date():
    with hook_server() as hooks:
        hooks.answers = [(503, {"retry-after": "Sun, 01 Mar 2026 06:33:00 GMT"}), (503, {"retry-after": "soon"})]
        sender = WebhookSender("any text", lambda: NOW)
        for after in (timedelta(minutes=2), None):
            with pytest.raises(Undelivered) as caught:
                sender.send(parcel(hooks.url))
            assert caught.value.after == after
        sender.close()


def test_nobody_listens():
    sender = WebhookSender("any text", lambda: NOW)
    with pytest.raises(Undelivered) as caught:
        sender.send(parcel(f"http://127.0.0.1:{free_port()}/s3cret"))
    sender.close()
    assert caught.value.how == "deferred"
    assert "s3cret" not in caught.value.reason


def test_what_is_no_number_is_null():
    with hook_server() as hooks:
        sender = WebhookSender("any text", lambda: NOW)
        sender.send(replace(parcel(hooks.url), data={"score": float("nan"), "n": [float("inf"), 1.5]}))
        sender.close()
    assert json.loads(hooks.posts[0][1], parse_constant=pytest.fail)["data"] == {"score": None, "n": [None, 1.5]}


def test_nothing_is_sent_without_a_secret():
    with hook_server() as hooks, pytest.raises(Undelivered, match="ANDON_WEBHOOK_SECRET") as caught:
        WebhookSender(None, lambda: NOW).send(parcel(hooks.url))
    assert caught.value.how == "unreachable"
    assert hooks.posts == []
