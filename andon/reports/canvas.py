"""Figures for pages that are read by people: one look, names as they are, PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

_LONG = 34


def logarithmic(axis: Any) -> None:
    """Give the upright axis a log scale with plain numbers."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def shortened(name: str) -> str:
    """Return a name that fits beside an axis: a long one loses its middle.

    Examples
    --------
    >>> shortened("DB40.Zone_3.Heater.Element_17.ActualTemperature")
    'DB40.Zone_3.Heater.Ele…Temperature'
    """
    return name if len(name) <= _LONG else f"{name[: _LONG - 12]}…{name[-11:]}"


def legend(axis: Any) -> None:
    """Put the legend above the axis, in one row."""
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), fontsize=8, frameon=False, ncols=6, borderaxespad=0.1)


def figure(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    ratios: Sequence[float] = (),
    widths: Sequence[float] = (),
    fixed: bool = False,
) -> tuple[Any, Any]:
    """Return a figure, in inches, and its axes; the leftmost have time along them where there are several.

    ``fixed``: margins that stand, for many figures of one shape; otherwise every text is measured first.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, max(1.2, height)), layout=None if fixed else "constrained")
    if fixed:
        drawn.subplots_adjust(left=0.066, right=0.992, bottom=0.2, top=0.88, wspace=0.16)
    FigureCanvasAgg(drawn)
    axes = drawn.subplots(
        rows, columns, squeeze=False, sharex="col" if rows > 1 else "none",
        height_ratios=ratios or None, width_ratios=widths or None,
    ).ravel()  # fmt: skip
    for number, axis in enumerate(axes):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.margins(x=0.01)
        axis.xaxis.label.set_fontsize(8.5)
        axis.yaxis.label.set_fontsize(8.5)
        if (rows > 1 or columns > 1) and number % columns == 0:
            locator = AutoDateLocator()
            axis.xaxis.set_major_locator(locator)
            axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    return drawn, axes[0] if len(axes) == 1 else axes


def png(figure: Any) -> bytes:
    """Return a figure as PNG."""
    import matplotlib
    from matplotlib.text import Text

    written = io.BytesIO()
    # Names are shown as they are: a dollar sign begins no formula, on texts that there are or that drawing makes.
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with matplotlib.rc_context({"text.parse_math": False}):
        figure.savefig(written, format="png", dpi=110, metadata={"Software": None})
    return written.getvalue()
