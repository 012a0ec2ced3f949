"""Figures: images side by side under their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import atomic_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def figure_grid(
    panels: Sequence[tuple[str, NDArray[Any]]],
    path: str | Path,
    columns: int | None = None,
    title: str | None = None,
) -> None:
    """Write images side by side, each under its label, as one figure.

    Args:
        panels: (label, image) pairs; an image is (H, W) or (H, W, 3), integers over their full range or floats in
            [0, 1] (what lies outside is clipped).
        path: the file; its suffix (png, jpg, pdf, svg, webp) decides the format.
        columns: panels in a row; by default all up to four.
        title: a line above all panels.

    Raises:
        InputError: if there are no panels, matplotlib is missing, or the file cannot be written.
    """
    if not panels:
        raise InputError(f"{path}: no image to show in this figure")
    figure_class = _figure_class()
    columns = columns or min(len(panels), 4)
    rows = math.ceil(len(panels) / columns)
    # The widest shape decides the height of a row, so that no panel gets smaller than its neighbours' width.
    height = max(image.shape[0] / image.shape[1] for _, image in panels)
    width = 3.6
    figure = figure_class(figsize=(columns * width, rows * (width * height + 0.35) + (0.4 if title else 0)), dpi=150)
    figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis in axes:
        axis.axis("off")
    for axis, (label, image) in zip(figure.axes, panels, strict=False):
        axis.imshow(_displayable(image), cmap="gray", vmin=0, vmax=1)
        axis.set_title(label, fontsize=10)
    if title:
        figure.suptitle(title, fontsize=12)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def _figure_class() -> Any:
    # pyplot is avoided: it would choose a window system and keep every figure alive.
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("figures need matplotlib; pip install 'visioncore[images]' brings it") from error
    return Figure


def _displayable(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return an image as floats in [0, 1]."""
    import numpy as np

    scale = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1
    return np.clip(image.astype(np.float64) / scale, 0, 1)
