"""E-mail by SMTP: one connection for many mails, and of every failure whether it will pass."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime

from andon.notify.mail import to_email
from andon.notify.parcels import Failure, Parcel, Undelivered
from configs.notifying import SmtpSettings


class SmtpSender:
    """Sends to one mail server.

    Parameters
    ----------
    settings
        Where it is, and who sends.
    password
        Of the settings' user; None where nobody logs in.
    clock
        Tells the time, in UTC, for the date of a mail.
    """

    def __init__(self, settings: SmtpSettings, password: str | None, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._password = password
        self._clock = clock
        self._server: smtplib.SMTP | None = None

    def send(self, parcel: Parcel) -> None:
        """See `andon.notify.parcels.Sender`; it is delivered once the server has taken the mail on.

        A server that falls silent after the last line of a mail may have it all the same: it gets it again, with the
        same Message-ID.
        """
        mail = to_email(parcel, self._settings.sender, self._clock(), self._settings.name)
        server = self._connected()
        try:
            server.send_message(mail, self._settings.sender, [parcel.address])
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise Undelivered(_how(code), f"{parcel.address}: {_said(code, answer)}") from None
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code == 552:  # RFC 1870: this mail is too large, and others may not be
                raise Undelivered("refused", _said(error.smtp_code, error.smtp_error)) from None
            # The sender is the same for all: the address is wrong in the settings, or the server will have none of us.
            self.close()
            raise self._unreachable(_said(error.smtp_code, error.smtp_error), "see smtp.sender") from None
        except smtplib.SMTPDataError as error:
            raise Undelivered(_how(error.smtp_code), _said(error.smtp_code, error.smtp_error)) from None
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            self.close()
            raise Undelivered("deferred", f"the connection broke: {error}") from None
        except smtplib.SMTPException as error:
            self.close()
            raise Undelivered("deferred", str(error)) from None

    def close(self) -> None:
        """See `andon.notify.parcels.Sender`."""
        server, self._server = self._server, None
        if server is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                server.quit()
            server.close()

    def _connected(self) -> smtplib.SMTP:
        """Return a connection that answers: the one that is open, or else a new one."""
        if self._server is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                if self._server.noop()[0] == 250:
                    return self._server
            self.close()
        try:
            self._server = self._opened()
        except smtplib.SMTPAuthenticationError as error:
            said = _said(error.smtp_code, error.smtp_error)
            raise self._unreachable(said, "set smtp.user and ANDON_SMTP_PASSWORD right") from None
        except smtplib.SMTPNotSupportedError as error:
            raise self._unreachable(str(error), "set smtp.security to what the server speaks") from None
        except smtplib.SMTPResponseException as error:
            raise self._unreachable(_said(error.smtp_code, error.smtp_error), "try later") from None
        except ssl.SSLError as error:
            text = error.reason or str(error)
            raise self._unreachable(text, "set smtp.certificates or smtp.security right") from None
        except (smtplib.SMTPException, OSError) as error:
            raise self._unreachable(str(error) or type(error).__name__, "see whether it runs and is in reach") from None
        return self._server

    def _opened(self) -> smtplib.SMTP:
        at, seconds = self._settings, self._settings.timeout.total_seconds()
        context = ssl.create_default_context(cafile=None if at.certificates is None else str(at.certificates))
        server: smtplib.SMTP
        if at.security == "ssl":
            server = smtplib.SMTP_SSL(at.host, at.number, timeout=seconds, context=context)
        else:
            server = smtplib.SMTP(at.host, at.number, timeout=seconds)
        try:
            if at.security == "starttls":
                server.starttls(context=context)
            if at.user is not None:
                server.login(at.user, self._password or "")
            return server
        except BaseException:
            server.close()
            raise

    def _unreachable(self, problem: str, remedy: str) -> Undelivered:
        return Undelivered(
            "unreachable", f"mail server {self._settings.host}:{self._settings.number}: {problem}; {remedy}"
        )


def _how(code: int) -> Failure:
    """RFC 5321, 4.2.1: 4yz is worth another try, 5yz is not."""
    return "refused" if 500 <= code < 600 else "deferred"


def _said(code: int, answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return f"{code} {' '.join(text.split())}"[:300]
