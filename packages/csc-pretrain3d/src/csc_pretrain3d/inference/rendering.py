"""Images of point clouds: every point a disc, the nearest in front, edges in depth darkened (eye-dome lighting)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .colours import Colours

Points = NDArray[np.floating[Any]]

BACKGROUND = 13, 17, 23
"""RGB of where there is no point."""
_SHADE = 9.0
"""How dark an edge in depth is."""


@dataclass(frozen=True)
class View:
    """Where points are in an image.

    Attributes:
        column: (P,) continuous, from 0 at the left edge.
        row: (P,) continuous, from 0 at the upper edge.
        depth: (P,) distance from the eye, positive in front of it.
        radius: (P,) of the discs, in pixels.
    """

    column: NDArray[np.float64]
    row: NDArray[np.float64]
    depth: NDArray[np.float64]
    radius: NDArray[np.float64]


def seen_from_above(points: Points, reach: float, side: int, size: float = 0.14) -> View:
    """Return the view from straight above, x to the top and y to the left, as cars are drawn.

    Args:
        points: (P, 3) in metres.
        reach: metres from the centre, the sensor, to each edge.
        side: of the square image, in pixels.
        size: radius of points, in metres.
    """
    scale = side / (2 * reach)
    x, y, z = points.T.astype(np.float64)
    radius = np.full(len(points), max(size * scale, 0.8))
    # far enough away for differences in height to be small beside it
    return View((reach - y) * scale, (reach - x) * scale, z.max(initial=0) + 40 - z, radius)


def seen_from_behind(
    points: Points, height: int, width: int, back: float = 17, up: float = 9, size: float = 0.07
) -> View:
    """Return the view of somebody behind and above the sensor who looks forwards, along x.

    Args:
        points: (P, 3) in metres.
        height: of the image, in pixels.
        width: of the image, in pixels.
        back: metres behind the sensor.
        up: metres above it.
        size: radius of points, in metres.
    """
    tilt, focal = np.arctan2(up, back + 6), 0.9 * width / 2
    x, y, z = points.T.astype(np.float64)
    ahead, below = x + back, z - up
    depth = ahead * np.cos(tilt) - below * np.sin(tilt)
    raised = ahead * np.sin(tilt) + below * np.cos(tilt)
    safe = np.maximum(depth, 1e-6)
    column, row = width / 2 - focal * y / safe, height / 2 - focal * raised / safe
    return View(column, row, depth, np.clip(size * focal / safe, 0.8, 6))


def render(view: View, colours: Colours, height: int, width: int) -> NDArray[np.uint8]:
    """Draw points.

    Args:
        view: where they are.
        colours: of the same points (P, 3).
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        RGB (height, width, 3).
    """
    inside = (view.depth > 0.5) & (view.column >= -8) & (view.column < width + 8)
    inside &= (view.row >= -8) & (view.row < height + 8)
    order = np.flatnonzero(inside)
    order = order[np.argsort(-view.depth[order], kind="stable")]  # what is written last is in front
    depth = np.full(height * width, np.inf)
    image = np.full((height * width, 3), BACKGROUND, dtype=np.float64)
    columns, rows = np.floor(view.column[order]).astype(np.int64), np.floor(view.row[order]).astype(np.int64)
    cells, who = [], []
    most = int(np.ceil(view.radius[order].max(initial=0)))
    for down in range(-most, most + 1):
        for right in range(-most, most + 1):
            column, row = columns + right, rows + down
            there = (view.radius[order] ** 2 >= down**2 + right**2 - 0.25) & (column >= 0) & (column < width)
            there &= (row >= 0) & (row < height)
            cells.append((row * width + column)[there])
            who.append(np.flatnonzero(there))
    cell, index = np.concatenate(cells), np.concatenate(who)
    sequence = np.argsort(index, kind="stable")
    cell, index = cell[sequence], order[index[sequence]]
    depth[cell], image[cell] = view.depth[index], colours[index]
    image *= _edges(depth.reshape(height, width)).reshape(-1, 1)
    return np.round(image).astype(np.uint8).reshape(height, width, 3)


def _edges(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each pixel is darkened for lying behind its neighbours, 1 for not at all."""
    log = np.log2(np.where(np.isfinite(depth), depth, 1e9))
    padded = np.pad(log, 1, mode="edge")
    height, width = depth.shape
    behind = np.zeros_like(log)
    for down, right in ((0, 1), (1, 0), (1, 2), (2, 1)):
        behind += np.clip(log - padded[down : down + height, right : right + width], 0, 1)
    return np.where(np.isfinite(depth), np.exp(-_SHADE / 4 * behind), 1.0)
