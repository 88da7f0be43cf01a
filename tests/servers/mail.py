"""A real SMTP server of a test's own, whose answers a test can choose."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Answer = str
"""For example ``250 OK``; or ``drop``: the connection ends instead of an answer."""


@dataclass
class MailServer:
    """What the server took on, and how it answers."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    """Of each mail."""
    on_recipient: Callable[[str], Answer] = lambda address: "250 OK"
    on_mail: Callable[[str], Answer] = lambda address: "250 OK"
    """Asked with the recipient once a mail is there; it is taken on where the answer begins with 250."""
    keeps_dropped: bool = False
    """Whether a mail is taken on though the connection is dropped."""
    connections: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def ids(self) -> list[str]:
        """Message-IDs of the mails."""
        with self._guard:
            return [str(one["Message-ID"]) for one in self.mails]

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.on_recipient(address)
        if answer == "drop":
            return self._drop(server)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.on_mail(envelope.rcpt_tos[0])
        if answer.startswith("250") or (answer == "drop" and self.keeps_dropped):
            mail = message_from_bytes(envelope.content or b"", policy=default)
            assert isinstance(mail, EmailMessage)
            with self._guard:
                self.mails.append(mail)
                self.recipients.append(envelope.rcpt_tos[0])
        return self._drop(server) if answer == "drop" else answer

    def _drop(self, server: SMTP) -> str:
        assert server.transport is not None
        server.transport.abort()
        return "421 gone"


def answering(*answers: Answer) -> Callable[[str], Answer]:
    """Return a script: these answers one after the other, then ``250 OK``."""
    rest = list(answers)
    return lambda address: rest.pop(0) if rest else "250 OK"


@contextlib.contextmanager
def mail_server(
    *, login: tuple[str, str] | None = None, certificate: Path | None = None, port: int = 0, security: str = "starttls"
) -> Iterator[MailServer]:
    """Run a server until the block ends.

    Parameters
    ----------
    login
        User and password without which it takes no mail.
    certificate
        PEM file with key and certificate: it then insists on TLS.
    """
    handler = MailServer()
    options: dict[str, Any] = {}
    if login is not None:

        def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
            right = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == login
            return AuthResult(success=right, handled=False)

        options |= {
            "authenticator": check,
            "auth_required": True,
            "auth_require_tls": certificate is not None and security == "starttls",
        }
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        options |= {"ssl_context": context} if security == "ssl" else {"tls_context": context, "require_starttls": True}
    controller = Controller(handler, hostname="127.0.0.1", port=port or _free(), ready_timeout=30, **options)
    controller.start()
    handler.port = controller.port
    try:
        yield handler
    finally:
        controller.stop()


def make_certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "mail.pem"
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


def _free() -> int:
    from tests.servers.waiting import free_port

    return free_port()
