"""Targets of the panoptic network: how near an instance's centre is to each bird's-eye cell, and where it lies.

Cells are (distance, angle), and distances between them in cells; angles go round. The centre of an instance is that of
the Cartesian mean of its points.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIGMA = 5
"""Of the bell around a centre, in cells."""
REACH = 16
"""Cells to each side of a centre that the bell covers."""


class PanopticTargets(NamedTuple):
    """Targets of one scan.

    Attributes:
        labels: (N,) int64 class of each voxel, that of most of its points, the lowest of several.
        instance: (distances, angles) int64 number of the instance from 1, 0 where there is none.
        centres: (I, 2) int64 cell of each instance's centre.
        heat: (1, distances, angles) float32, 1 at a centre.
        offset: (2, distances, angles) float32 from each instance's cells to its centre.
        seen: (1, distances, angles) whether a voxel has a class.
    """

    labels: NDArray[np.int64]
    instance: NDArray[np.int64]
    centres: NDArray[np.int64]
    heat: NDArray[np.float32]
    offset: NDArray[np.float32]
    seen: NDArray[np.bool_]


def panoptic_classes(labels: NDArray[np.int64], classes: int = 17) -> NDArray[np.int64]:
    """Return classes (P,) from 0, with "none" last, of labels where 0 is none."""
    return (labels - 1) % classes


def panoptic_targets(
    points: NDArray[np.float32],
    classes: NDArray[np.int64],
    instances: NDArray[np.int64],
    coordinates: NDArray[np.int32],
    inverse: NDArray[np.int64],
    *,
    grid: tuple[int, int, int] = (480, 360, 32),
    low: tuple[float, float, float] = (0.0, -3.1415926, -3.0),
    high: tuple[float, float, float] = (50.0, 3.1415926, 3.0),
    ignore: int = 16,
) -> PanopticTargets:
    """Return the targets of a scan.

    Args:
        points: (P, 3) in metres.
        classes: (P,) from 0.
        instances: (P,) id of the thing each point is part of, 0 of none.
        coordinates: (N, 3) cells that hold points.
        inverse: (P,) cell of each point.
        grid: cells along distance, angle and height.
        low: the lowest distance in metres, angle in radians and height in metres.
        high: the highest.
        ignore: the class that is none.
    """
    labels = _most(inverse, classes, len(coordinates))
    cells = coordinates[:, :2].astype(np.int64)
    flat = np.ravel_multi_index(tuple(cells.T), grid[:2])
    seen = np.zeros((1, *grid[:2]), dtype=np.bool_)
    seen.reshape(-1)[flat[labels != ignore]] = True
    ids, number = np.unique(instances, return_inverse=True)
    number = number.reshape(-1) + (1 if 0 not in ids else 0)
    things = instances > 0
    instance = np.zeros(grid[0] * grid[1], dtype=np.int64)
    used, place = np.unique(flat[inverse[things]], return_inverse=True)
    if things.any():
        instance[used] = _most(place.reshape(-1), number[things], len(used))
    instance = instance.reshape(grid[:2])
    interval = ((np.array(high) - np.array(low)) / (np.array(grid) - 1))[:2]
    heat, offset = np.zeros((1, *grid[:2]), np.float32), np.zeros((2, *grid[:2]), np.float32)
    centres = []
    for each in range(1, int(number.max(initial=0)) + 1):
        mean = points[number == each].mean(axis=0, dtype=np.float64)
        centre = (np.clip(_polar(mean), low[:2], high[:2]) - low[:2]) / interval
        centres.append(np.floor(centre).astype(np.int64))
        _add_bell(heat[0], centres[-1])
        rows, columns = np.nonzero(instance == each)
        round_trip = (high[1] - low[1]) / interval[1]
        across = (centre[1] - columns + round_trip / 2) % round_trip - round_trip / 2
        offset[:, rows, columns] = centre[0] - rows, across
    return PanopticTargets(labels, instance, np.array(centres, np.int64).reshape(-1, 2), heat, offset, seen)


def _polar(point: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([np.hypot(point[0], point[1]), np.arctan2(point[1], point[0])])


def _most(groups: NDArray[np.int64], values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the value (count,) that most members of each group have, the lowest of several; groups are not empty."""
    span = int(values.max(initial=0)) + 1
    pairs, votes = np.unique(groups * span + values, return_counts=True)
    order = np.lexsort((pairs, -votes, pairs // span))
    first = order[np.r_[True, np.diff(pairs[order] // span) != 0]] if len(order) else order
    found = np.zeros(count, np.int64)
    found[pairs[first] // span] = pairs[first] % span
    return found


def _add_bell(heat: NDArray[np.float32], centre: NDArray[np.int64]) -> None:
    """Raise a heat map (distances, angles) to the bell around a centre; it goes round along the angles."""
    steps = np.arange(-REACH, REACH + 1)
    rows = centre[0] + steps
    inside = (rows >= 0) & (rows < heat.shape[0])
    bell = np.exp(-np.square(steps) / (2 * SIGMA**2))
    columns = (centre[1] + steps) % heat.shape[1]
    place = np.ix_(rows[inside], columns)
    np.maximum.at(heat, place, (bell[inside, None] * bell).astype(np.float32))
