"""Telling a log: for collectors that turn lines into whatever a plant uses."""

from __future__ import annotations

import json
import logging

from andon.notify.parcels import Parcel

_LEVELS = {"low": logging.INFO, "medium": logging.WARNING, "high": logging.ERROR, "critical": logging.CRITICAL}


class LogSender:
    """Writes one line a parcel to the logger that its address names."""

    def send(self, parcel: Parcel) -> None:
        """See `andon.notify.parcels.Sender`."""
        body = json.dumps({"id": parcel.key, "type": parcel.type, **parcel.data})
        logging.getLogger(parcel.address).log(_LEVELS[parcel.severity], "%s %s", parcel.subject, body)

    def close(self) -> None:
        """See `andon.notify.parcels.Sender`."""
