"""What a tick sees of a line, and what it decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from andon.alerts.line_state import LineState
from andon.frames import SignalFrame
from andon.records import NO_DATA_ALERT, AlertEvent, AlertRecord, Anomaly, Forecast, Silence, Skip
from andon.scoring.verdicts import Watch

NO_DATA, LATE, FUTURE = NO_DATA_ALERT, "(late)", "(future)"
"""Names of skips that concern a line itself; no definition can be called so."""
_SILENT = 5
_LEAST_SILENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LineView:
    """What a tick sees of a line: new rows, those before them that models look back on, and what watches the line."""

    frame: SignalFrame
    watches: tuple[Watch, ...]
    silences: tuple[Silence, ...] = ()
    """Those that may cover a row of the frame, or the clock."""

    @property
    def line(self) -> str:
        """Its name."""
        return self.frame.line


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a tick decided. ``events`` are those of alerts opened before, or in this tick, by the alert's id."""

    line: str
    rows: int
    state: LineState
    forecasts: tuple[Forecast, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    opened: tuple[AlertRecord, ...] = ()
    events: tuple[tuple[str, AlertEvent], ...] = ()
    skips: tuple[Skip, ...] = ()


def silence(sampling: timedelta) -> timedelta:
    """Return how long a line may say nothing before that is a state of its own.

    Examples
    --------
    >>> silence(timedelta(minutes=1))
    datetime.timedelta(seconds=300)
    """
    return max(_SILENT * sampling, _LEAST_SILENCE)
