"""The newest rows of one line, read once for all the models that look at them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from andon.errors import DataError
from andon.frames import Floats, SignalFrame, from_microseconds
from andon.models.monitors.bundle import MonitorBundle
from andon.scoring.monitors import MonitorScores, forecast_row, score_rows


class NewestRows:
    """A frame, and its numbers as one array: to cut and convert a frame a model costs more than to score it.

    What is found equals, to the last bit, what `score_monitor` and `forecast_next` find of the frame's last row.
    """

    def __init__(self, frame: SignalFrame) -> None:
        self.frame = frame
        self.times = frame.times
        numbers = [name for name, kind in frame.types.items() if kind != "category"]
        self._columns = {name: column for column, name in enumerate(numbers)}
        self._values: Floats = np.ascontiguousarray(frame.data.select(numbers).to_numpy(), np.float64)
        self._judged: dict[int, tuple[MonitorBundle, MonitorScores]] = {}
        """By identity of the bundle, which is kept with it so that no other takes that identity."""

    def __len__(self) -> int:
        return len(self.times)

    @property
    def time(self) -> datetime:
        """Of the newest row."""
        return from_microseconds(int(self.times[-1]))

    def judge(self, bundle: MonitorBundle) -> MonitorScores:
        """Return a monitor's verdict on the newest row; asked again, the same.

        Raises
        ------
        DataError
            If the line has none of the monitor's variables.
        """
        known = self._judged.get(id(bundle))
        if known is not None:
            return known[1]
        if not set(bundle.variables) & set(self.frame.types):
            raise DataError(
                f"line {self.frame.line}",
                f"has none of the variables of monitor {bundle.key.definition}",
                f"give {', '.join(bundle.variables[:5])}",
            )
        rows = min(len(self), bundle.rows_needed + 1)
        found = score_rows(bundle, self.times[-rows:], self._read(bundle, rows), rows - 1)
        self._judged[id(bundle)] = bundle, found
        return found

    def forecast(self, bundle: MonitorBundle) -> tuple[datetime, Floats, Floats, Floats]:
        """Return the time of the row to come, what a monitor expects of it, and the bounds of what counts as normal."""
        return self.time + bundle.sampling, *forecast_row(bundle, self._read(bundle, bundle.window))

    def _read(self, bundle: MonitorBundle, rows: int) -> Floats:
        """Return the newest rows of a monitor's variables, float64 (rows, v)."""
        places = [self._columns.get(name, -1) for name in bundle.variables]
        if min(places) >= 0:
            return np.ascontiguousarray(self._values[-rows:, places])
        values = np.full((rows, len(places)), np.nan)
        present = [column for column, place in enumerate(places) if place >= 0]
        values[:, present] = self._values[-rows:, [places[column] for column in present]]
        return values
