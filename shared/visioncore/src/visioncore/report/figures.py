"""Figures: images side by side under their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..extras import require
from .figure_output import save_figure

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

DPI = 150
"""Dots per inch of figures in files."""


def figure_grid(
    panels: Sequence[tuple[str, NDArray[Any]]],
    path: str | Path | None = None,
    columns: int | None = None,
    title: str | None = None,
) -> Figure:
    """Draw images side by side, each under its label, and return the figure.

    Args:
        panels: (label, image) pairs; an image is (H, W) or (H, W, 3), integers over their full range or floats in
            [0, 1] (what lies outside is clipped).
        path: a file that the figure is written to as well, see `save_figure`.
        columns: panels in a row; by default all up to four.
        title: a line above all panels.

    Raises:
        InputError: if there are no panels, matplotlib is missing, or the file cannot be written.
    """
    if not panels:
        raise InputError(f"{path or 'a figure'}: no image to show in this figure")
    columns = columns or min(len(panels), 4)
    rows = math.ceil(len(panels) / columns)
    # The widest shape decides the height of a row, so that no panel gets smaller than its neighbours' width.
    height = max(image.shape[0] / image.shape[1] for _, image in panels)
    width = 3.6
    figure = new_figure(columns * width, rows * (width * height + 0.35) + (0.4 if title else 0))
    figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis in axes:
        axis.axis("off")
    for axis, (label, image) in zip(figure.axes, panels, strict=False):
        axis.imshow(_displayable(image), cmap="gray", vmin=0, vmax=1)
        axis.set_title(label, fontsize=10)
    if title:
        figure.suptitle(title, fontsize=12)
    save_figure(figure, path)
    return figure


def new_figure(width: float, height: float, background: str = "white") -> Figure:
    """Return an empty figure, which a notebook shows by itself and pyplot does not know.

    Args:
        width: inches.
        height: inches.
        background: its colour.

    Raises:
        InputError: if matplotlib is missing.
    """
    require("matplotlib", "images")
    from .notebook_figure import NotebookFigure

    return NotebookFigure(figsize=(width, height), dpi=DPI, facecolor=background)


def _displayable(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return an image as floats in [0, 1]."""
    import numpy as np

    scale = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1
    return np.clip(image.astype(np.float64) / scale, 0, 1)
