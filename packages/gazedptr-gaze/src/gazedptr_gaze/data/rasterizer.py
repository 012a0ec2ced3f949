"""Triangles -> which of them each pixel shows: a z-buffer in NumPy, made for meshes of many small triangles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Visible", "rasterize"]

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

MOST_FRAGMENTS = 2_000_000
"""Pixels that are tested at a time."""


class Visible(NamedTuple):
    """Triangles and depths that the pixels show."""

    triangle: Ints
    """(H, W): index of the triangle, -1 where there is none."""
    weights: Floats
    """(H, W, 3): of its three vertices, corrected for perspective; 0 where there is none."""
    depth: Floats
    """(H, W): distance along the optical axis in the unit of the vertices, infinite where there is none."""

    def interpolate(self, values: Floats, triangles: Ints) -> Floats:
        """Return values of vertices at the pixels, 0 where there is no triangle.

        Args:
            values: (V, C).
            triangles: (T, 3), as they were rasterised.

        Returns:
            (H, W, C).
        """
        shown = self.triangle >= 0
        result = np.zeros((*self.triangle.shape, values.shape[1]))
        corners = values[triangles[self.triangle[shown]]]
        result[shown] = np.einsum("nk,nkc->nc", self.weights[shown], corners)
        return result


def rasterize(points: Floats, triangles: Ints, camera: Floats, size: tuple[int, int]) -> Visible:
    """Return the nearest triangle at every pixel.

    A pixel is sampled at its centre, which has whole coordinates, as OpenCV has it. Triangles whose vertices run
    clockwise as seen from the camera (x right, y down) are seen from behind and left out, and so are those with a
    vertex nearer than a millionth of the farthest.

    Args:
        points: (V, 3), in the camera's frame: x right, y down, z forward.
        triangles: (T, 3), indices of vertices.
        camera: (3, 3), the camera matrix.
        size: width and height in pixels.
    """
    width, height = size
    z = points[:, 2]
    front = z > max(float(z.max(initial=0)), 0) * 1e-6
    projected = points @ camera.T
    pixels = projected[:, :2] / np.where(front, z, 1)[:, None]
    fragments = [*_fragments(pixels, 1 / np.where(front, z, 1), triangles, front, width, height)]
    place, triangle, weights, nearness = (np.concatenate(parts) for parts in zip(*fragments, strict=True))
    # the last of several writes to one place stays: the nearest one
    order = np.argsort(nearness, kind="stable")
    nearest = np.full(width * height, -1)
    nearest[place[order]] = order
    shown = nearest >= 0
    chosen = nearest[shown]
    result = Visible(np.full(width * height, -1), np.zeros((width * height, 3)), np.full(width * height, np.inf))
    result.triangle[shown] = triangle[chosen]
    result.weights[shown] = weights[chosen]
    result.depth[shown] = 1 / nearness[chosen]
    return Visible(
        result.triangle.reshape(height, width),
        result.weights.reshape(height, width, 3),
        result.depth.reshape(height, width),
    )


def _fragments(
    pixels: Floats, nearness: Floats, triangles: Ints, front: NDArray[np.bool_], width: int, height: int
) -> Iterator[tuple[Ints, Ints, Floats, Floats]]:
    """Yield (place, triangle, weights, nearness) of all pixels that lie in a triangle, in a few pieces."""
    yield np.empty(0, int), np.empty(0, int), np.empty((0, 3)), np.empty(0)
    a, b, c = (pixels[triangles[:, corner]] for corner in range(3))
    area = _cross(b - a, c - a)
    low = np.ceil(np.minimum(np.minimum(a, b), c)).clip(0)
    high = np.floor(np.maximum(np.maximum(a, b), c)).clip(max=(width - 1, height - 1))
    across, down = (high - low).T
    whole = front[triangles[:, 0]] & front[triangles[:, 1]] & front[triangles[:, 2]]
    candidates = np.flatnonzero((area < 0) & whole & (across >= 0) & (down >= 0))
    corners, edges = (a, b, c), (b - a, c - b, a - c)
    extent = np.maximum(across, down)[candidates].astype(int) + 1
    # triangles of like size together, so that the grid around each holds few pixels in vain
    classes = np.ceil(np.log2(extent)).astype(int)
    for each in np.unique(classes):
        side = 2 ** int(each)
        members = candidates[classes == each]
        step = max(1, MOST_FRAGMENTS // side**2)
        grid = [axis.reshape(1, -1) for axis in np.meshgrid(np.arange(side), np.arange(side))]
        for start in range(0, len(members), step):
            some = members[start : start + step, None]
            x, y = low[some, 0] + grid[0], low[some, 1] + grid[1]
            # twice the area of the triangle between the pixel and each edge
            parts = [
                edge[some, 0] * (y - corner[some, 1]) - edge[some, 1] * (x - corner[some, 0])
                for corner, edge in zip(corners, edges, strict=True)
            ]
            inside = (x <= high[some, 0]) & (y <= high[some, 1])
            for part in parts:
                inside &= part <= 0
            index = np.broadcast_to(some, inside.shape)[inside]
            flat = np.stack([parts[k][inside] for k in (1, 2, 0)], axis=1) / area[index, None]
            weights = flat * nearness[triangles[index]]
            total = weights.sum(axis=1)
            x, y = x[inside], y[inside]
            yield (y * width + x).astype(int), index, weights / total[:, None], total


def _cross(a: Floats, b: Floats) -> Floats:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
