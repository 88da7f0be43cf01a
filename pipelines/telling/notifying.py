"""Telling people: stores and senders joined, as the assistant and ``andon notify`` do."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from andon.notify.courier import Courier
from andon.notify.log import LogSender
from andon.notify.parcels import Attachment, Parcel, Sender, Undelivered
from andon.notify.relay import read_directory, relay
from andon.notify.rounds import Policy, Round
from andon.notify.smtp import SmtpSender
from andon.notify.webhook import WebhookSender
from andon.outbox import Channel, Message
from andon.ports import Documents, Signals
from andon.records import Recommendation
from configs.notifying import NotifySecrets
from configs.settings import Settings, revealed

log = logging.getLogger(__name__)

RecommendationOf = Callable[[str], Recommendation | None]
"""Finds how an alert, by its id, could have been avoided; None: nobody has looked yet."""


@dataclass(slots=True)
class Notifier:
    """Tells people what the documents store holds for them; one a process, kept from round to round.

    Parameters
    ----------
    documents, signals
        Open stores; readings are for the picture in an e-mail.
    settings
        Mail server, links, archive.
    recommendation
        Asked when an e-mail is made; None: what is stored is taken.
    """

    documents: Documents
    signals: Signals
    settings: Settings
    recommendation: RecommendationOf | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _courier: Courier | None = None
    _policies: dict[str, Policy] = field(default_factory=dict)

    def run(self, stop: Callable[[], bool] = lambda: False) -> Round:
        """Put what happened into the outbox, and deliver what is due; never raises for what people cannot be told.

        Raises
        ------
        StoreError
            If the documents store fails; the next round goes on.
        """
        relay(self.documents, self.clock())
        if self._courier is None:
            owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
            senders = make_senders(self.settings, self.clock)
            self._courier = Courier(self.documents, senders, self.render, self._policy, owner, self.clock)
        self._policies.clear()
        return self._courier.run(stop)

    def render(self, key: str, messages: Sequence[Message]) -> Parcel:
        """Return what goes out with messages under a key."""
        if messages[0].kind == "report":
            return report_parcel(key, messages[0])
        return self._alert_parcel(key, messages)

    def _alert_parcel(self, key: str, messages: Sequence[Message]) -> Parcel:
        from andon.reports.alert_mail import alert_html, alert_text
        from andon.reports.alert_words import gravest, say_event, subject_of

        first, bodies = messages[0], [one.body for one in messages]
        mailed, alone = first.channel == "email", len(messages) == 1
        link = self.settings.alert_link
        advice = [self._advice(body) if mailed and alone else None for body in bodies]
        words = [say_event(body, one, link) for body, one in zip(bodies, advice, strict=True)]
        pictures = self._pictures(bodies[0], advice[0]) if mailed and alone else {}
        return Parcel(
            key=key,
            address=first.address,
            subject=subject_of(bodies),
            text=alert_text(words),
            data=bodies[0] if alone else {"events": bodies},
            type=f"alert.{bodies[0]['event']['state']}" if alone else "alerts",
            severity=gravest([one.severity for one in messages]),  # type: ignore[arg-type]
            time=messages[-1].time,
            html=alert_html(words, pictures) if mailed else "",
            images=pictures,
            thread=first.thread if len({one.thread for one in messages}) == 1 else "",
        )

    def _advice(self, body: dict[str, Any]) -> Recommendation | None:
        if body["event"]["state"] != "firing" or body["definition"]["type"] != "classifier":
            return None  # There is no risk to bring down.
        alert = str(body["alert"]["id"])
        try:
            if self.recommendation is None:
                from andon.services.recommended import stored_recommendation

                return stored_recommendation(alert, self.documents)
            return self.recommendation(alert)
        except Exception as error:
            log.warning("no recommendation with alert %s: %s", alert, error)
            return None

    def _pictures(self, body: dict[str, Any], advice: Recommendation | None) -> dict[str, bytes]:
        """Return the pictures that can be drawn: an e-mail without one is better than none."""
        from andon.explain.waterfall import waterfall
        from andon.reports.alert_mail import BLAME, CHART
        from pipelines.telling.alert_pictures import alert_picture

        def of_risk() -> bytes | None:
            if advice is None or not advice.blame:
                return None
            return waterfall(advice.blame, advice.before, advice.threshold)

        pictures = {}
        for name, draw in ((CHART, lambda: alert_picture(body, self.signals)), (BLAME, of_risk)):
            try:
                picture = draw()
            except Exception as error:
                log.warning("no picture %s with alert %s: %s", name, body["alert"]["id"], error)
                continue
            if picture is not None:
                pictures[name] = picture
        return pictures

    def _policy(self, route: str) -> Policy:
        if not self._policies:
            routes = read_directory(self.documents).routes
            self._policies = {name: Policy(one.limit, one.digest) for name, one in routes.items()}
        return self._policies.get(route, Policy())


def make_senders(settings: Settings, clock: Callable[[], datetime]) -> dict[Channel, Sender]:
    """Return the senders that the settings allow for; secrets are read here, in the process that needs them."""
    known = NotifySecrets()
    senders: dict[Channel, Sender] = {
        "webhook": WebhookSender(revealed(known.webhook_secret), clock),
        "log": LogSender(),
    }
    if settings.smtp is not None:
        senders["email"] = SmtpSender(settings.smtp, revealed(known.smtp_password), clock)
    return senders


def report_parcel(key: str, message: Message) -> Parcel:
    """Return what goes out with a report that is in the archive.

    Raises
    ------
    Undelivered
        If the archive does not have it, as on another machine.
    """
    from andon.reports.report_mail import report_html, report_text

    body = message.body
    files = []
    for name in body["files"] if message.channel == "email" else ():
        path = Path(name)
        try:
            files.append(Attachment(path.name, path.read_bytes(), _TYPES[path.suffix]))
        except OSError as error:
            reason = f"report {path} cannot be read: {error.strerror}; share the archive's folder (setting reports)"
            raise Undelivered("deferred", reason) from None
    return Parcel(
        key=key,
        address=message.address,
        subject=body["title"],
        text=report_text(body),
        data={name: value for name, value in body.items() if name != "files"},
        type=f"report.{body['report']}",
        severity=message.severity,
        time=message.time,
        html=report_html(body) if message.channel == "email" else "",
        attachments=tuple(files),
    )


_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".html": "text/html",
}
