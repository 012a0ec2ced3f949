"""Flat surfaces in a cabin, and where rays meet them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError

Array = NDArray[np.float64]

FLATNESS_MM = 10.0
"""How far a corner of a polygon may lie from the plane through all of them."""
SQUARENESS = 0.02
"""Largest cosine between two sides of a rectangle, 1.1 degrees from a right angle."""


@dataclass(frozen=True)
class Surface:
    """A plane, or the part of it inside a polygon.

    Attributes:
        point: (3,) on the plane, mm.
        normal: (3,) unit vector across it, to either side.
        corners: (K, 3) of the polygon in their order round it, mm; None for the whole plane.
    """

    point: Array
    normal: Array
    corners: Array | None = None

    @classmethod
    def plane(cls, point: ArrayLike, normal: ArrayLike) -> Surface:
        """Return the plane through a point.

        Raises:
            InputError: if the normal has length zero.
        """
        across = np.asarray(normal, dtype=np.float64)
        if not (length := np.linalg.norm(across)):
            raise InputError("the normal has length zero; it must point away from the plane")
        return cls(np.asarray(point, dtype=np.float64), across / length)

    @classmethod
    def polygon(cls, corners: ArrayLike) -> Surface:
        """Return a polygon, convex or not.

        Args:
            corners: (K, 3), in their order round it, each once.

        Raises:
            InputError: if there are fewer than three, they lie on a line or not in a plane (`FLATNESS_MM`), one is
                there twice, or edges cross each other.
        """
        points = np.asarray(corners, dtype=np.float64).reshape(-1, 3)
        if len(points) < 3:
            raise InputError(f"{len(points)} corners; a polygon has at least 3")
        for i in range(len(points)):
            if (same := np.flatnonzero((points[:i] == points[i]).all(axis=1))).size:
                raise InputError(f"corner {i + 1} equals corner {same[0] + 1}; each is named once, in their order")
        middle = points.mean(axis=0)
        _, sizes, axes = np.linalg.svd(points - middle)
        if sizes[1] <= 1e-6 * sizes[0]:
            raise InputError("all corners lie on one line; a polygon has an area")
        off = np.abs((points - middle) @ axes[2])
        if (worst := int(off.argmax())) >= 0 and off[worst] > FLATNESS_MM:
            told = f"corner {worst + 1} is {off[worst]:.1f} mm off the plane through the corners"
            raise InputError(f"{told}; at most {FLATNESS_MM:g} mm are allowed: make two zones of it")
        surface = cls(middle, axes[2], points)
        if crossing := _crossing(surface.flat(points)):
            first, second = (f"{i + 1} to {(i + 1) % len(points) + 1}" for i in crossing)
            raise InputError(f"the edges {first} and {second} cross; corners are named in their order round the border")
        return surface

    @classmethod
    def rectangle(cls, corners: ArrayLike) -> Surface:
        """Return a rectangle.

        Args:
            corners: (3, 3), three corners, the second between the two others; the fourth follows.

        Raises:
            InputError: if there are not three, or the sides at the second are not at a right angle (`SQUARENESS`).
        """
        points = np.asarray(corners, dtype=np.float64).reshape(-1, 3)
        if len(points) != 3:
            raise InputError(f"{len(points)} corners; a rectangle is given by 3, and the fourth follows from them")
        first, second = points[0] - points[1], points[2] - points[1]
        lengths = np.linalg.norm(first) * np.linalg.norm(second)
        if lengths and abs(first @ second) > SQUARENESS * lengths:
            angle = np.degrees(np.arccos(first @ second / lengths))
            raise InputError(f"the angle at the second corner is {angle:.1f} degrees; that of a rectangle is 90")
        return cls.polygon([*points, points[0] + points[2] - points[1]])

    def distances(self, vectors: Array, origins: Array) -> Array:
        """Return how far along each ray the surface lies, (N,); infinite where the ray misses it.

        Args:
            vectors: (N, 3) unit vectors of the rays; what lies against their direction is not met.
            origins: (N, 3) points they start from, mm.
        """
        towards = vectors @ self.normal
        with np.errstate(divide="ignore", invalid="ignore"):
            along = ((self.point - origins) @ self.normal) / towards
        met = np.isfinite(along) & (along > 0)
        if self.corners is not None:
            points = origins[met] + vectors[met] * along[met, None]
            met[met] = _inside(self.flat(points), self.flat(self.corners))
        return np.where(met, along, np.inf)

    def flat(self, points: Array) -> Array:
        """Return points as (N, 2) coordinates in the plane, mm."""
        # any two axes across the normal will do; the one that it has least of is never along it
        first = np.cross(self.normal, np.eye(3)[np.abs(self.normal).argmin()])
        first /= np.linalg.norm(first)
        return (points - self.point) @ np.stack([first, np.cross(self.normal, first)], axis=1)

    def area(self) -> float:
        """Return the area in mm2, infinite for a plane."""
        if self.corners is None:
            return float("inf")
        x, y = self.flat(self.corners).T
        return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _inside(points: Array, corners: Array) -> NDArray[np.bool_]:
    """Return which points (N, 2) lie inside a polygon (K, 2): those with an odd number of edges to their right."""
    inside = np.zeros(len(points), dtype=bool)
    x, y = points.T
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            beside = x < x0 + (y - y0) * (x1 - x0) / (y1 - y0)
            inside ^= ((y0 > y) != (y1 > y)) & beside
    return inside


def _crossing(corners: Array) -> tuple[int, int] | None:
    """Return the first two edges of a polygon (K, 2) that cross each other, by their first corners; None if none do."""
    ends = np.roll(corners, -1, axis=0)

    def side(i: int, point: Array) -> float:
        along, to = ends[i] - corners[i], point - corners[i]
        return float(np.sign(along[0] * to[1] - along[1] * to[0]))

    for i in range(len(corners)):
        for j in range(i + 2, len(corners)):
            apart = side(i, corners[j]) * side(i, ends[j]) < 0 and side(j, corners[i]) * side(j, ends[i]) < 0
            if apart:
                return i, j
    return None
