"""Webhooks, signed as standardwebhooks.com specifies: an id, a time, and an HMAC-SHA256 over both and the body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from andon.notify.parcels import Failure, Parcel, Undelivered
from configs.periods import format_time

_NEVER = (400, 410, 413, 415, 422)
"""Answers after which the same body will not be taken at another time either."""


class WebhookSender:
    """Posts JSON.

    Parameters
    ----------
    secret
        What bodies are signed with: ``whsec_`` and base64, or any text. Two, parted by a blank, while one takes the
        other's place. None: nothing is sent.
    clock
        Tells the time, in UTC, for the signature.
    """

    def __init__(
        self, secret: str | None, clock: Callable[[], datetime], timeout: timedelta = timedelta(seconds=10)
    ) -> None:
        self._secrets = (secret or "").split()
        self._clock = clock
        self._timeout = timeout.total_seconds()
        self._client: httpx.Client | None = None

    def send(self, parcel: Parcel) -> None:
        """See `andon.notify.parcels.Sender`; it is delivered once the other side answers 2xx."""
        if not self._secrets:
            raise Undelivered("unreachable", "webhooks are signed, and there is no secret; set ANDON_WEBHOOK_SECRET")
        # JSON has no NaN; what is none of its numbers is null.
        data = json.loads(json.dumps(parcel.data), parse_constant=lambda name: None)
        said = {"type": parcel.type, "timestamp": format_time(parcel.time), "subject": parcel.subject, "data": data}
        body = json.dumps(said, allow_nan=False).encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "andon",
            **signed(parcel.key, self._clock(), body, self._secrets),
        }
        host = urlsplit(parcel.address).hostname
        try:
            answer = self._opened().post(parcel.address, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The address may hold a secret, and so may what the client says about it.
            raise Undelivered("deferred", f"webhook at {host}: {type(error).__name__}") from None
        if not answer.is_success:
            how: Failure = "refused" if answer.status_code in _NEVER else "deferred"
            after = _retry_after(answer.headers.get("retry-after"), self._clock())
            raise Undelivered(how, f"webhook at {host} answered {answer.status_code}", after)

    def close(self) -> None:
        """See `andon.notify.parcels.Sender`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _opened(self) -> httpx.Client:
        if self._client is None:
            self._client = httpx.Client(timeout=self._timeout, follow_redirects=False)
        return self._client


def signed(key: str, at: datetime, body: bytes, secrets: list[str]) -> dict[str, str]:
    """Return the headers that sign a body.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime.fromtimestamp(1614265330, UTC)
    >>> secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    >>> signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    stamp = str(int(at.timestamp()))
    content = f"{key}.{stamp}.".encode() + body
    marks = [base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest()).decode() for secret in secrets]
    return {
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _retry_after(given: Any, now: datetime) -> timedelta | None:
    """Read RFC 9110, 10.2.3: seconds, or a date."""
    if given is None:
        return None
    try:
        after = timedelta(seconds=int(given)) if str(given).isdigit() else parsedate_to_datetime(str(given)) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(0), min(after, timedelta(days=1)))
