"""What is normal of one variable: sizes of residuals, thresholds at a false-alarm rate, severity."""

from __future__ import annotations

import math

import numpy as np

from andon.frames import Floats
from configs.definitions import Severity

_SEVERITIES: tuple[tuple[float, Severity], ...] = ((4.0, "critical"), (2.5, "high"), (1.5, "medium"), (1.0, "low"))


def resolution(values: Floats) -> float:
    """Return the smallest step between different readings, a bound of the sensor's resolution; 0 where none is seen.

    Examples
    --------
    >>> resolution(np.array([32.0, 32.5, 31.0, np.nan, 32.0]))
    0.5
    """
    with np.errstate(over="ignore"):
        steps = np.diff(np.unique(values[~np.isnan(values)]))
    return float(steps.min()) if len(steps) else 0.0


def smallest_scale(values: Floats) -> float:
    """Return the least size of a residual that can mean anything: quantisation noise, and rounding at least.

    A step of q leaves an error of q / sqrt(12) (Bennett, "Spectra of Quantized Signals", 1948).
    """
    read = values[~np.isnan(values)]
    largest = float(np.abs(read).max()) if len(read) else 0.0
    return max(min(resolution(values), largest) / math.sqrt(12), 1e-9 * largest, 1e-300)


def robust_scale(residuals: Floats, least: float) -> float:
    """Return the usual size of residuals: 1.4826 times the median of their absolute values, never below ``least``.

    Where more than half are exactly as expected, the root of their mean square.

    Examples
    --------
    >>> round(robust_scale(np.array([-1.0, 1.0, 2.0, -2.0, 1.0, 100.0]), 0.0), 4)
    2.2239
    """
    known = residuals[~np.isnan(residuals)]
    if not len(known):
        return max(least, 1e-12)
    size = 1.4826 * float(np.median(np.abs(known)))
    if size <= least:
        size = float(np.sqrt(np.mean(np.square(known))))
    return max(size, least)


def conformal_threshold(scores: Floats, rate: float) -> float:
    """Return the threshold that a new normal score reaches with a probability of at most ``rate``.

    Split conformal: the ceil((n + 1)(1 - rate))-th smallest of n held-out scores (Papadopoulos et al., "Inductive
    Confidence Machines for Regression", 2002; Laxhammar, "Conformal Anomaly Detection", 2014). Fewer than 1 / rate - 1
    scores have no such quantile: then the largest is extended by the exponential tail of the highest tenth (Pickands
    1975, shape 0). A score equal to that quantile stays below the threshold.

    Examples
    --------
    >>> round(conformal_threshold(np.arange(1.0, 100.0), 0.05), 6)
    95.0
    """
    known = np.sort(scores[~np.isnan(scores)])
    if not len(known):
        return 1.0
    rank = math.ceil((len(known) + 1) * (1 - rate) - 1e-9)
    if rank <= len(known):
        quantile = float(known[rank - 1])
    else:
        tail = known[-max(2, len(known) // 10) :]
        quantile = float(known[-1]) + float(np.mean(tail - tail[0])) * math.log(1 / (rate * (len(known) + 1)))
    return float(np.nextafter(max(quantile, 1e-9), np.inf))


def severity_of(score: float, threshold: float) -> Severity:
    """Return how far beyond the threshold: from 1 time on low, 1.5 medium, 2.5 high, 4 critical.

    Examples
    --------
    >>> severity_of(6.0, 3.0)
    'medium'
    """
    return next((severity for least, severity in _SEVERITIES if score >= least * threshold), "low")
