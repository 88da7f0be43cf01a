"""One score that fuses a line's variables: several control charts, each in units of its own threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors import chart_kernels

RESIDUAL, LEVEL, SIZE, RECONSTRUCTION = 0, 1, 2, 3
"""Sources of charts: reading minus forecast, reading minus training mean, size of the first, reading minus
reconstruction."""


@dataclass(frozen=True, slots=True)
class LineScore:
    """Fuses a line's variables (m members) into one score, under several charts.

    Each chart is Hotelling's T squared of the mean of one source over the last ``spans`` rows (Lowry et al., "A
    Multivariate EWMA Control Chart", 1992, with a finite window in place of an infinite one). Residuals over one row
    show a jump, over several a change of the dynamics; levels show a shift that stays, which a forecaster soon follows.
    Distances count in units of each chart's own threshold. The line's score is the largest of the charts over one row,
    or the m-th largest of what the other charts' largest was in the last n rows: it reaches the threshold by one jump,
    or where m of n rows do.
    """

    members: Integers
    """Columns of the monitor's variables that take part, int64 (m,)."""
    centres: Floats
    """What is taken off each source, float64 (sources, m); residuals in their usual size, the others standardised."""
    scales: Floats
    """What each source is divided by after that, float64 (sources, m)."""
    sources: Integers
    """Source of each chart, int64 (charts,)."""
    spans: Integers
    """Rows a chart looks back on, its own included, int64 (charts,)."""
    limits: Floats
    """What one value may count for in a chart, after scaling, float64 (charts, m)."""
    precisions: Floats
    """Inverse covariances of the charts' means, float64 (charts, m, m)."""
    reaches: Floats
    """Threshold of each chart alone, float64 (charts,)."""
    persistence: Integers
    """How many of how many newest rows must be abnormal, int64 (2,)."""
    threshold: float
    """Threshold of the score."""

    @property
    def reach(self) -> int:
        """How many rows before its own a score looks back on."""
        return int(max(self.spans.tolist())) + int(self.persistence[1]) - 2  # of a few numbers NumPy takes longer

    def charts(self, values: Floats, first: int) -> tuple[Floats, Floats]:
        """Return each chart's distance (n, charts) and what each member adds to its square (n, charts, m).

        ``values`` (n, sources, m) are scaled by `scaled`, NaN where nothing was read.
        """
        distances = np.zeros((len(values), len(self.spans)))
        shares = np.zeros((*distances.shape, values.shape[2]))
        chart_kernels.chart_rows(
            np.ascontiguousarray(values), first, self.sources, self.spans, self.limits, self.precisions, distances,
            shares,
        )  # fmt: skip
        return distances, shares

    def scaled(self, *sources: Floats) -> Floats:
        """Return sources (n, v) of all the monitor's variables as charts take them, float64 (n, sources, m)."""
        with np.errstate(over="ignore"):
            return (np.stack([source[:, self.members] for source in sources], axis=1) - self.centres) / self.scales

    def score(self, values: Floats, first: int, start: int = 0) -> tuple[Floats, Floats]:
        """Return the scores (n,) and the members' shares of them (n, m), from row ``first`` on, NaN and 0 before.

        ``values`` are as in `charts`. Shares are those of the row's own largest chart. Only rows from ``start`` on are
        asked for: those between ``first`` and it are not all worked out.
        """
        distances, shares = self.charts(values, max(first, start - int(self.persistence[1]) + 1))
        relative = distances / self.reaches
        blame = np.maximum(shares[np.arange(len(values)), np.argmax(relative, axis=1)], 0.0)
        total = blame.sum(axis=1, keepdims=True)
        return self.fused(relative, first), np.divide(blame, total, out=np.zeros_like(blame), where=total > 0)

    def fused(self, relative: Floats, first: int) -> Floats:
        """Return the line's scores (n,) from distances (n, charts) in units of thresholds, NaN before ``first``."""
        once, lasting = relative[:, self.spans == 1], relative[:, self.spans > 1]
        scores: Floats = once.max(axis=1, initial=0.0)
        scores[:first] = np.nan
        if lasting.shape[1]:
            needed, among = self.persistence.tolist()
            held = chart_kernels.persistent_rows(np.ascontiguousarray(lasting.max(axis=1)), first, needed, among)
            scores = np.maximum(scores, held)
        return scores
