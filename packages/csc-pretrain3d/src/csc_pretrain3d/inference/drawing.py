"""A figure of a scan: from above with distances in metres, from behind the sensor, and which colour is which class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.report import new_figure, save_figure

from ..data.frame import Scan
from .colours import Colours, number_colours
from .rendering import BACKGROUND, render, seen_from_above, seen_from_behind
from .shown import Shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE, _WIDTH, _HEIGHT = 900, 1400, 900
_LEFT, _BELOW, _TALL = 0.65, 1.05, 4.6
"""Inches left of the axes and below them, and how tall they are."""
_FARTHEST = 50
"""Metres from the sensor that a figure shows at most; farther out points are sparse."""
_SENSOR_HEIGHT = 1.8
_BACKGROUND = "#{:02x}{:02x}{:02x}".format(*BACKGROUND)
_CLASSES = 21
"""Classes that are named below a figure, those with the most points."""


def draw_scan(scan: Scan, shown: Shown, path: str | Path | None = None) -> Figure:
    """Draw a scan from above and from behind the sensor, and return the figure.

    Points have the colours of their classes; without classes, of their features; without either, of their height.

    Args:
        scan: its points; where the sensor is not among them, their middle takes its place.
        shown: what is known of them.
        path: a file that the figure is written to as well.

    Raises:
        InputError: if matplotlib is missing or the file cannot be written.
    """
    points, colours = _around_sensor(scan.points), point_colours(scan, shown)
    reach = reach_of(points)
    figure = new_figure(_LEFT + _TALL * (1 + _WIDTH / _HEIGHT) + 0.25, _BELOW + _TALL + 0.3)
    above, behind = _axes(figure, _LEFT, _TALL), _axes(figure, _LEFT + _TALL + 0.15, _TALL * _WIDTH / _HEIGHT)
    image = render(seen_from_above(points, reach, _SIDE), colours, _SIDE, _SIDE)
    above.imshow(image, extent=(reach, -reach, -reach, reach), interpolation="antialiased")
    above.set(xlabel="y in metres (left is positive)", ylabel="x in metres", title="from above")
    behind.imshow(render(seen_from_behind(points, _HEIGHT, _WIDTH), colours, _HEIGHT, _WIDTH))
    behind.set(xticks=[], yticks=[], title="from behind the sensor, along x")
    for axis in (above, behind):
        axis.set_facecolor(_BACKGROUND)
    if shown.labels is not None:
        _name_classes(figure, shown)
    save_figure(figure, path)
    return figure


def point_colours(scan: Scan, shown: Shown) -> Colours:
    """Return the colours of points (P, 3): of classes, features or heights."""
    if shown.labels is not None:
        assert shown.colours is not None
        return shown.colours[shown.labels]
    return number_colours(scan.points[:, 2], "height") if shown.features is None else shown.features


def reach_of(points: NDArray[np.floating[Any]]) -> float:
    """Return how many metres around the sensor hold nearly all points, a multiple of 5."""
    farthest = float(np.percentile(np.abs(points[:, :2]).max(axis=1), 99))
    return float(min(_FARTHEST, max(5, 5 * np.ceil(farthest / 5))))


def _around_sensor(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return points with the sensor at the origin: as they are, or moved where it is not among them."""
    low, high = points.min(axis=0)[:2], points.max(axis=0)[:2]
    if ((low <= 0) & (high >= 0)).all():
        return points
    middle = np.append((low + high) / 2, np.percentile(points[:, 2], 5) + _SENSOR_HEIGHT)
    return (points - middle).astype(np.float32)


def _axes(figure: Figure, left: float, width: float) -> Axes:
    """Return axes of a height of `_TALL`; all in inches."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, _BELOW / up, width / across, _TALL / up))


def _name_classes(figure: Figure, shown: Shown) -> None:
    from matplotlib.patches import Patch

    assert shown.labels is not None
    assert shown.colours is not None
    counts = np.bincount(shown.labels, minlength=len(shown.names))
    order = [int(place) for place in np.argsort(-counts, kind="stable")[:_CLASSES] if counts[place]]
    patches = [Patch(color=shown.colours[place] / 255, label=shown.names[place].replace("_", " ")) for place in order]
    figure.legend(handles=patches, loc="lower center", ncols=7, fontsize=8, frameon=False, handlelength=1)
