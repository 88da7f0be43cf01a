"""A trained autoencoder of a whole line: reads the newest rows, and writes the newest one anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from andon.frames import Floats, Integers
from andon.models.monitors import kernels


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """A bottleneck network over all variables of a line (v of them, in name order), scored without TensorFlow.

    It is trained to reconstruct the newest ``lags`` rows through fewer numbers than went in; what is kept of it writes
    the newest row only. `errors` is all that a line score needs of it; what a variable is expected to read never comes
    from it, since it sees the row that it judges.
    """

    lags: int
    """Newest rows that it sees, the judged one included; at most the monitor's window."""
    activation: int
    """Of hidden layers: a code of `kernels`."""
    limit: float
    """It sees readings within so many standard deviations of the mean."""
    sizes: Integers
    """Width of each layer, int64 (layers + 1,): ``lags * v`` first, v last."""
    weights: Floats
    """Layer after layer its matrix (in, out) and its bias (out,), float64 (n_weights,)."""

    def errors(self, series: Floats, window: int, first: int, end: int) -> Floats:
        """Return reading minus reconstruction at rows ``[first, end)``, float64 (end - first, v).

        Parameters
        ----------
        series
            Standardised readings, float64 (n_rows, v), NaN where nothing was read; left as it is.
        window
            The monitor's. A row's errors depend on the ``window`` rows that end at it and on nothing else, to the last
            bit, whichever rows are asked for beside it. A gap is filled by the reading before it in these rows, by the
            mean (0) before the first.
        first, end
            ``first`` is at least ``window - 1``; ``end`` at most the number of rows.

        Returns
        -------
        Floats
            In standard deviations of each variable's training readings (the unit of ``series``), signed; NaN where the
            row itself has no reading of the variable. How large an error usually is must be measured on rows that it
            was not trained on.
        """
        return series[first:end] - self._rebuilt(series, window, first, end, blind=False)

    def unseen_errors(self, series: Floats, window: int, first: int, end: int) -> Floats:
        """Return reading minus reconstruction as `errors` does, but with the newest row taken for a gap.

        So a wide bottleneck that lets everything through gains nothing; configurations are compared by this, on the
        scale of forecasters.
        """
        return series[first:end] - self._rebuilt(series, window, first, end, blind=True)

    def _rebuilt(self, series: Floats, window: int, first: int, end: int, blind: bool) -> Floats:
        return kernels.reconstructed_rows(
            np.ascontiguousarray(series), first, end, window, blind, self.lags, self.activation, self.limit,
            self.sizes, self.weights,
        )  # fmt: skip
