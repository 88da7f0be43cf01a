"""How well anomalies were found, where people have labelled them: by row, by event, and over all thresholds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from andon.evaluation.volumes import runs, volume_under_pr
from andon.frames import Booleans, Floats, Integers

_LONGEST_BUFFER = 500


@dataclass(frozen=True, slots=True)
class Detection:
    """Of the rows that were judged and have a label. None: it has no value, as where nothing is anomalous."""

    rows: int
    anomalous: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarm_rate: float | None
    """Share of normal rows that were flagged (FAR)."""
    missed_alarm_rate: float | None
    """Share of anomalous rows that were not (MAR)."""
    events: int
    """Runs of anomalous rows."""
    event_recall: float | None
    """Share of events with a flagged row."""
    delay_seconds: float | None
    """Median time from an event's first row to its first flagged one, of the events that were found."""
    vus_pr: float | None
    """Volume under the range-based precision-recall surface, up to buffers of ``buffer`` rows."""
    buffer: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def measure_detection(times: Integers, labels: Floats, scores: Floats, flags: Booleans) -> Detection:
    """Compare flags and scores with labels, on the rows that have a score and a label.

    Precision, recall and F1 count rows, as FAR and MAR do (the measures of SKAB); nothing is adjusted for events. The
    buffers of VUS-PR go up to the median length of an event, at most 500 rows.

    Parameters
    ----------
    times, labels, scores, flags
        int64 microseconds (n,), rising; 1, 0 or NaN (n,); NaN where a row was not judged (n,); bool (n,).

    Examples
    --------
    >>> labels, flags = np.array([0.0, 0, 1, 1, 1, 0]), np.array([True, False, False, True, True, False])
    >>> found = measure_detection(np.arange(6) * 1_000_000, labels, flags.astype(float), flags)
    >>> found.false_alarm_rate, round(found.missed_alarm_rate, 3), found.event_recall, found.delay_seconds
    (0.3333333333333333, 0.333, 1.0, 1.0)
    """
    known = ~(np.isnan(labels) | np.isnan(scores))
    times, truth, scores, flags = times[known], labels[known] == 1, scores[known], flags[known]
    begins, ends = runs(truth)
    hits = int((truth & flags).sum())
    flagged, anomalous = int(flags.sum()), int(truth.sum())
    delays = [
        int(times[begin + int(np.argmax(flags[begin:end]))] - times[begin])
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        if flags[begin:end].any()
    ]
    buffer = min(_LONGEST_BUFFER, int(np.median(ends - begins))) if len(begins) else 0
    return Detection(
        rows=len(truth),
        anomalous=anomalous,
        precision=_share(hits, flagged),
        recall=_share(hits, anomalous),
        f1=_share(2 * hits, flagged + anomalous),
        false_alarm_rate=_share(flagged - hits, len(truth) - anomalous),
        missed_alarm_rate=_share(anomalous - hits, anomalous),
        events=len(begins),
        event_recall=_share(len(delays), len(begins)),
        delay_seconds=float(np.median(delays)) / 1e6 if delays else None,
        vus_pr=volume_under_pr(truth, scores, buffer) if 0 < anomalous < len(truth) else None,
        buffer=buffer,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
