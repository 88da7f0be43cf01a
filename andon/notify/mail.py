"""A parcel as an e-mail: plain text and HTML, pictures inside, files beside, and a Message-ID that is its key."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from andon.notify.parcels import Parcel

_SUBJECT = 200


def to_email(parcel: Parcel, sender: str, at: datetime, name: str = "Andon") -> EmailMessage:
    """Return the e-mail of a parcel.

    Mails of one thread refer to one id (RFC 5322, 3.6.4), and say that no person wrote them (RFC 3834).

    Examples
    --------
    >>> from datetime import UTC
    >>> time = datetime(2026, 1, 1, tzinfo=UTC)
    >>> parcel = Parcel("0af3", "lead@plant.example", "Jam soon", "It jams.", {}, "alert.firing", "high", time)
    >>> to_email(parcel, "andon@plant.example", time)["Message-ID"]
    '<0af3@plant.example>'
    """
    domain = sender.partition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(name, addr_spec=sender)
    mail["To"] = Address(addr_spec=parcel.address)
    mail["Subject"] = one_line(parcel.subject)[:_SUBJECT]
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{parcel.key}@{domain}>"
    if parcel.thread:
        mail["References"] = f"<{parcel.thread}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    if parcel.severity in ("high", "critical"):
        mail["Importance"] = "high"
    mail.set_content(_valid(parcel.text), charset="utf-8", cte="quoted-printable")
    if parcel.html:
        mail.add_alternative(_valid(parcel.html), subtype="html", charset="utf-8", cte="quoted-printable")
        page = mail.get_body(("html",))
        for cid, png in parcel.images.items():
            if isinstance(page, EmailMessage):
                page.add_related(png, "image", "png", cid=f"<{cid}>", disposition="inline", filename=f"{cid}.png")
    for file in parcel.attachments:
        main, _, sub = file.type.partition("/")
        mail.add_attachment(file.content, main, sub, filename=one_line(file.name))
    return mail


def one_line(text: str) -> str:
    r"""Return text that can stand in a header: of one line, and valid.

    Examples
    --------
    >>> one_line("Jam\r\nBcc: all")
    'Jam Bcc: all'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in _valid(text)).split())


def _valid(text: str) -> str:
    """Half of a character, cut off somewhere, is none."""
    return text.encode("utf-8", "replace").decode("utf-8")
