"""E-mail against a real SMTP server: what is delivered once, and what is said where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from andon.notify.parcels import Attachment, Parcel, Undelivered
from andon.notify.smtp import SmtpSender
from configs.notifying import SmtpSettings
from tests.servers.mail import MailServer, answering, mail_server, make_certificate
from tests.servers.waiting import free_port

AT = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
PARCEL = Parcel(
    key="0af3",
    address="lead@plant.example",
    subject="[high] Ofen 3: überhitzt\r\nBcc: everybody@plant.example",
    text="Zu heiß 🛠 \ud83d\n.\nfin",
    data={},
    type="alert.firing",
    severity="high",
    time=AT,
    html='<p>Zu heiß</p><img src="cid:chart">',
    images={"chart": b"\x89PNG pixels"},
    attachments=(Attachment("bericht ü.xlsx", b"PK cells", "application/vnd.ms-excel"),),
    thread="7e11",
)


def sender(port: int, password: str | None = None, **more) -> SmtpSender:
    given = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "andon@plant.example", "timeout": "5s"}
    return SmtpSender(SmtpSettings.model_validate(given | more), password, lambda: AT)


def failure(made: SmtpSender, parcel: Parcel = PARCEL) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        made.send(parcel)
    made.close()
    return caught.value


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_a_mail_has_words_page_picture_and_file(server: MailServer) -> None:
    made = sender(server.port)
    made.send(PARCEL)
    made.close()
    (mail,) = server.mails
    assert server.recipients == ["lead@plant.example"]
    assert mail["Subject"] == "[high] Ofen 3: überhitzt Bcc: everybody@plant.example"
    assert mail["Bcc"] is None
    assert (mail["Message-ID"], mail["References"]) == ("<0af3@plant.example>", "<7e11@plant.example>")
    assert (mail["From"], mail["To"]) == ("Andon <andon@plant.example>", "lead@plant.example")
    assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", "high")
    assert mail["Date"].datetime == AT
    kinds = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "image/png", "application/vnd.ms-excel"]
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert plain.get_content().splitlines() == ["Zu heiß 🛠 ?", ".", "fin"]
    assert "Zu heiß" in page.get_content()
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("bericht ü.xlsx", b"PK cells")


def test_one_connection_carries_many_mails(server: MailServer) -> None:
    made = sender(server.port)
    for number in range(3):
        made.send(replace(PARCEL, key=f"k{number}"))
    made.close()
    assert server.ids == ["<k0@plant.example>", "<k1@plant.example>", "<k2@plant.example>"]
    assert server.connections == 1


@pytest.mark.parametrize(("security", "code"), [("starttls", 587), ("ssl", 465)])
def test_over_tls_with_a_password(certificate: Path, security: str, code: int) -> None:
    assert SmtpSettings(host="mail", sender="a@b.c", security=security).number == code
    with mail_server(login=("andon", "s3cret"), certificate=certificate, security=security) as server:
        given = {"security": security, "user": "andon", "certificates": certificate}
        made = sender(server.port, "s3cret", **given)
        made.send(PARCEL)
        made.close()
        assert len(server.mails) == 1
        wrong = failure(sender(server.port, "wr0ng", **given))
        assert wrong.how == "unreachable"
        assert "ANDON_SMTP_PASSWORD" in wrong.reason
        assert "wr0ng" not in wrong.reason
        untrusted = failure(sender(server.port, "s3cret", security=security, user="andon"))
        assert untrusted.how == "unreachable"
        assert "smtp.certificates" in untrusted.reason
        assert len(server.mails) == 1


def test_a_server_that_asks_for_a_password_and_gets_none(certificate: Path) -> None:
    with mail_server(login=("andon", "s3cret"), certificate=certificate) as server:
        refused = failure(sender(server.port, security="starttls", certificates=certificate))
    assert refused.how == "unreachable"
    assert "530" in refused.reason


def test_a_server_without_the_encryption_that_is_asked_for(server: MailServer) -> None:
    refused = failure(sender(server.port, security="starttls"))
    assert refused.how == "unreachable"
    assert "smtp.security" in refused.reason


def test_a_password_in_the_clear_is_refused_in_the_settings() -> None:
    with pytest.raises(ValueError, match="in the clear"):
        SmtpSettings(host="mail", sender="a@b.c", security="none", user="andon")


def test_nobody_listens() -> None:
    assert failure(sender(free_port())).how == "unreachable"


@pytest.mark.parametrize(("answer", "how"), [("550 nobody here", "refused"), ("450 greylisted", "deferred")])
def test_a_recipient_that_is_refused(server: MailServer, answer: str, how: str) -> None:
    server.on_recipient = answering(answer)
    made = sender(server.port)
    with pytest.raises(Undelivered, match=answer) as caught:
        made.send(PARCEL)
    assert caught.value.how == how
    made.send(PARCEL)
    made.close()
    assert len(server.mails) == 1
    assert server.connections == 1, "another recipient's mail goes on over the same connection"


@pytest.mark.parametrize(("answer", "how"), [("554 spam", "refused"), ("451 try later", "deferred")])
def test_a_mail_that_is_refused(server: MailServer, answer: str, how: str) -> None:
    server.on_mail = answering(answer)
    made = sender(server.port)
    with pytest.raises(Undelivered, match=answer) as caught:
        made.send(PARCEL)
    assert caught.value.how == how
    made.send(PARCEL)
    made.close()
    assert len(server.mails) == 1


@pytest.mark.parametrize("where", ["on_recipient", "on_mail"])
def test_a_connection_that_is_dropped(server: MailServer, where: str) -> None:
    setattr(server, where, answering("drop"))
    made = sender(server.port)
    with pytest.raises(Undelivered) as caught:
        made.send(PARCEL)
    assert caught.value.how == "deferred"
    made.send(PARCEL)
    made.close()
    assert len(server.mails) == 1


def test_an_answer_that_is_lost_gives_the_same_id_again(server: MailServer) -> None:
    server.on_mail, server.keeps_dropped = answering("drop"), True
    made = sender(server.port)
    with pytest.raises(Undelivered):
        made.send(PARCEL)
    made.send(PARCEL)
    made.close()
    assert server.ids == ["<0af3@plant.example>"] * 2


def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    port = free_port()
    with mail_server(port=port) as server:
        made = sender(port)
        made.send(PARCEL)
    with mail_server(port=port) as server:
        made.send(PARCEL)
        made.close()
        assert len(server.mails) == 1
