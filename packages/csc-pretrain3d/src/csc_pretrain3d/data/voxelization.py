"""Points -> the voxels of each network, as the method was published.

The three networks cut space in three ways: cells of a cylinder without a border, boxes inside a range, and a polar
grid whose border cells take what is outside.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Points = NDArray[np.float32]
Triple = tuple[float, float, float]


class Voxels(NamedTuple):
    """Cells that hold points.

    Attributes:
        coordinates: (N, 3) int32, each row once.
        features: (N, C) float32 of the voxels; for Cylinder3D, whose network pools them itself, (P, 4) of the points.
        inverse: (P,) int64 voxel of each point, -1 for a point outside.
        first: (N,) int64 first point of each voxel, which gives MinkUNet its label.
    """

    coordinates: NDArray[np.int32]
    features: NDArray[np.float32]
    inverse: NDArray[np.int64]
    first: NDArray[np.int64]


def voxelize_minkunet(
    points: Points,
    intensity: Points,
    *,
    voxel_size: float = 0.1,
    cylindrical: bool = True,
    intensity_offset: float = 0.0,
) -> Voxels:
    """Return the voxels of MinkUNet in the order of their first points, which give them their features.

    Args:
        points: (P, 3) in metres.
        intensity: (P,), the only feature.
        voxel_size: in metres, of distance and height, or of all three axes.
        cylindrical: coordinates are (distance from the axis, angle in degrees, height) with cells of one degree,
            without a wrap at 180 degrees; else (x, y, z).
        intensity_offset: added to the intensity; the published SemanticKITTI set-up adds 1, that of nuScenes nothing.

    Returns:
        Voxels with features (N, 1); coordinates may be negative.
    """
    if cylindrical:
        x, y, z = points.T
        cells = np.stack([np.sqrt(x**2 + y**2) / voxel_size, np.arctan2(y, x) * 180 / np.pi, z / voxel_size], axis=1)
    else:
        cells = points / voxel_size
    coordinates, first, inverse = _in_order_of_points(np.floor(cells))
    features = intensity[first, None] + np.float32(intensity_offset)
    return Voxels(coordinates, features, inverse, first)


def voxelize_voxelnet(
    points: Points,
    intensity: Points,
    *,
    voxel_size: Triple = (0.1, 0.1, 0.2),
    low: Triple = (-51.2, -51.2, -5.0),
    high: Triple = (51.2, 51.2, 3.0),
    most_points: int = 10,
    most_voxels: int = 60_000,
) -> Voxels:
    """Return the voxels of VoxelNet in the order of their first points.

    Args:
        points: (P, 3) in metres.
        intensity: (P,).
        voxel_size: along x, y and z in metres.
        low: the lowest x, y and z of the range, inside.
        high: the highest, outside.
        most_points: of a voxel that count for its features, the first ones.
        most_voxels: of a scan, the first ones; points of others are outside.

    Returns:
        Voxels with coordinates (z, y, x) and as features (N, 4) the mean x, y, z and intensity.

    Raises:
        InputError: if every point is outside the range.
    """
    size, lowest = np.array(voxel_size, np.float32), np.array(low, np.float32)
    grid = np.round(np.subtract(high, low) / voxel_size)
    cells = np.floor((points - lowest) / size)
    inside = np.flatnonzero(((cells >= 0) & (cells < grid)).all(axis=1))
    if not len(inside):
        raise InputError(
            f"all {len(points)} points are outside the range {low} to {high} in metres; check the unit and the axes"
        )
    coordinates, first, voxel = _in_order_of_points(cells[inside][:, ::-1])
    inverse = np.full(len(points), -1, np.int64)
    inverse[inside] = np.where(voxel < most_voxels, voxel, -1)
    coordinates, first = coordinates[:most_voxels], inside[first][:most_voxels]
    values = np.column_stack([points, intensity]).astype(np.float32)
    kept = np.flatnonzero(inverse >= 0)
    kept = kept[_rank_in_group(inverse[kept]) < most_points]
    count = np.bincount(inverse[kept], minlength=len(first))
    sums = [np.bincount(inverse[kept], values[kept, column], len(first)) for column in range(4)]
    return Voxels(coordinates, (np.stack(sums, axis=1) / count[:, None]).astype(np.float32), inverse, first)


def voxelize_cylinder3d(
    points: Points,
    intensity: Points,
    *,
    grid: tuple[int, int, int] = (480, 360, 32),
    low: Triple = (0.0, -3.1415926, -3.0),
    high: Triple = (50.0, 3.1415926, 3.0),
) -> Voxels:
    """Return the voxels of Cylinder3D in lexicographic order.

    Cells have the size range / (grid - 1), a little more than fits, and points outside fall into those at the border.

    Args:
        points: (P, 3) in metres.
        intensity: (P,).
        grid: cells along distance, angle and height.
        low: the lowest distance in metres, angle in radians and height in metres.
        high: the highest.

    Returns:
        Voxels with the features (P, 4) of points: distance, angle, height and intensity.
    """
    polar = polar_points(points)
    clipped = np.clip(polar, np.array(low, np.float32), np.array(high, np.float32))
    interval = np.subtract(high, low) / (np.array(grid) - 1)
    cells = np.floor((clipped - np.array(low)) / interval).astype(np.int64)
    keys = np.ravel_multi_index(tuple(cells.T), grid)
    unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    coordinates = np.stack(np.unravel_index(unique, grid), axis=1).astype(np.int32)
    features = np.column_stack([polar, intensity]).astype(np.float32)
    return Voxels(coordinates, features, inverse.reshape(-1), first)


def polar_points(points: Points) -> Points:
    """Return points (P, 3) as distance from the z axis in metres, angle in radians in (-pi, pi], and height."""
    x, y, z = points.T
    return np.stack([np.sqrt(x**2 + y**2), np.arctan2(y, x), z], axis=1).astype(np.float32)


def inside_range(points: Points, *, distance: float = 51.2, low: float = -5.0, high: float = 3.0) -> NDArray[np.bool_]:
    """Return which points (P,) pre-training of VoxelNet and Cylinder3D keeps.

    Args:
        points: (P, 3) in metres.
        distance: from the z axis at most.
        low: the lowest height.
        high: the highest height.
    """
    x, y, z = points.T
    return (x**2 + y**2 <= np.float32(distance**2)) & (z >= low) & (z <= high)


def _in_order_of_points(
    cells: NDArray[np.floating],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct cells (N, 3) in the order in which they come first, where that is (N,), and each row's (P,)."""
    if np.abs(cells).max() >= 2**31:
        raise InputError("points lie more than 2^31 voxels away; check the unit: coordinates are in metres")
    whole = cells.astype(np.int64)
    low = whole.min(axis=0)
    extent = whole.max(axis=0) - low + 1
    if np.prod(extent.astype(np.float64)) < 2**62:
        shifted = whole - low
        keys = (shifted[:, 0] * extent[1] + shifted[:, 1]) * extent[2] + shifted[:, 2]
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    else:
        _, first, inverse = np.unique(whole, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return whole[first[order]].astype(np.int32), first[order], rank[inverse.reshape(-1)]


def _rank_in_group(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many earlier entries (P,) have the same group."""
    order = np.argsort(groups, kind="stable")
    placed = groups[order]
    starts = np.flatnonzero(np.r_[True, placed[1:] != placed[:-1]])
    rank = np.empty_like(groups)
    rank[order] = np.arange(len(groups)) - np.repeat(starts, np.diff(np.r_[starts, len(groups)]))
    return rank
