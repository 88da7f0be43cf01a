"""What a sender is handed, and how it says that it could not deliver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from configs.definitions import Severity

Failure = Literal["refused", "deferred", "unreachable"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with an e-mail."""

    name: str
    content: bytes
    type: str
    """Media type, as in RFC 2046."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message as it goes out: words for people, and the same as data for machines."""

    key: str
    """The same at every try, so that whoever gets it twice can tell."""
    address: str
    subject: str
    text: str
    data: Mapping[str, Any]
    """JSON values."""
    type: str
    """What ``data`` is about, for example ``alert.firing``."""
    severity: Severity
    time: datetime
    html: str = ""
    images: Mapping[str, bytes] = field(default_factory=dict)
    """Content id -> PNG, shown in ``html`` as ``<img src="cid:...">``."""
    attachments: tuple[Attachment, ...] = ()
    thread: str = ""
    """What it belongs to: e-mails of one thread are shown together."""


class Undelivered(Exception):
    """A parcel was not delivered.

    Parameters
    ----------
    how
        ``refused``: it never will be, as it is; ``deferred``: it may be later; ``unreachable``: nothing can be sent by
        this sender at present.
    reason
        What happened and what to do; never a secret.
    after
        How long the other side asked to be left alone.
    """

    def __init__(self, how: Failure, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.how = how
        self.reason = reason
        self.after = after


class Sender(Protocol):
    """A way to people."""

    def send(self, parcel: Parcel) -> None:
        """Deliver a parcel: once this returns, the other side has it.

        Raises
        ------
        Undelivered
            If it has not, or has not said so.
        """
        ...

    def close(self) -> None:
        """Release what is open; the sender can be used again afterwards."""
        ...
