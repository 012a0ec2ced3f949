"""Scanpaths drawn over an image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.report import save_figure
from visioncore.report.figures import new_figure

from ..network.scanpaths import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    *("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4"),
    *("#42d4f4", "#f032e6", "#bfef45", "#fabed4", "#469990"),
)
"""Of observers, one after the other, and then from the beginning."""
_RADIUS, _LONGEST = 0.045, 4.0

Panels = Mapping[str, Mapping[str, Floats]]
"""Title -> observer -> scanpath (n, 3) in pixels and seconds."""


def radius_of(seconds: float, side: int) -> float:
    """Return the radius in pixels of a fixation on an image with a longer side; its area grows with the duration."""
    return float(_RADIUS * side * np.sqrt(min(seconds, _LONGEST)))


def colours_of(panels: Panels) -> dict[str, str]:
    """Return the colour of each observer, the same in all panels."""
    names = dict.fromkeys(name for scanpaths in panels.values() for name in scanpaths)
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def draw_scanpaths(pixels: NDArray[Any], panels: Panels, path: str | Path | None = None) -> Figure:
    """Draw panels of scanpaths side by side over an image, write them to a file if one is given, return the figure.

    Args:
        pixels: the image (H, W) or (H, W, 3 or 4), of 8 or 16 bit.
        panels: what is drawn.
        path: the file.
    """
    height, width = pixels.shape[:2]
    figure = new_figure(6 * len(panels), 6 * height / width + 0.4)
    figure.set_layout_engine("constrained")
    colours = colours_of(panels)
    shown = pixels[..., :3] if pixels.ndim == 3 else pixels
    for place, (title, scanpaths) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        axes.imshow(shown / np.iinfo(pixels.dtype).max, cmap="gray", vmin=0, vmax=1, alpha=0.8)
        for name, scanpath in scanpaths.items():
            _draw(axes, scanpath, name, colours[name], max(height, width))
        axes.set(title=title, xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        axes.axis("off")
        if len(scanpaths) > 1:
            axes.legend(loc="lower right", fontsize=7)
    save_figure(figure, path)
    return figure


def _draw(axes: Axes, scanpath: Floats, name: str, colour: str, side: int) -> None:
    from matplotlib.patches import Circle

    axes.plot(scanpath[:, 0], scanpath[:, 1], color=colour, linewidth=1.5, label=name)
    for number, (x, y, seconds) in enumerate(scanpath, start=1):
        radius = radius_of(seconds, side)
        axes.add_patch(Circle((x, y), radius, facecolor=colour, edgecolor="white", alpha=0.7, zorder=3))
        axes.annotate(str(number), (x, y), color="white", ha="center", va="center", fontsize=7, zorder=4)
