"""Dice, the 95 % Hausdorff distance and the surface Dice of organs, exact and fast, under named protocols.

The surface of an organ is its voxels with one of their 6 neighbours (4 in an image) outside it; what lies beyond the
array is outside. Every surface voxel of one mask has a distance to the surface of the other; HD95 is the 95th
percentile of these distances, both ways together, with linear interpolation. The values are those of the usual
definition by erosions and distance transforms of the whole volume, at a cost that goes with the surface instead.

How an organ counts that one of the two lacks is the protocol's choice, so every number carries its protocol's name:

======= ============================ ============================ ============================ ======
name    neither has it               only the prediction has it   only the reference has it    HD95
======= ============================ ============================ ============================ ======
synapse Dice 0, HD95 0               Dice 1, HD95 0               Dice 0, HD95 0               voxels
sound   both undefined, left out     Dice 0, HD95 undefined       Dice 0, HD95 undefined       mm
======= ============================ ============================ ============================ ======

The first is that of the published Synapse tables, where 0 is the best HD95 and a missed organ earns it.

The surface Dice (normalised surface distance) is the part of both surfaces' voxels that lie within a tolerance of the
other surface. Whatever the protocol, it is undefined where neither has the organ, and 0 where only one does.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from .protocols import by_name, resolve

Labels = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]
Distances = NDArray[np.float64]
Box = tuple[slice, ...]

REACH = 4
"""Distances up to so many mean voxel sides are found by looking around, farther ones by search trees."""


@dataclass(frozen=True)
class Protocol:
    """Scores of an organ that the prediction, the reference or both lack, as (Dice, HD95), and the unit of HD95."""

    name: str
    both_empty: tuple[float, float]
    reference_empty: tuple[float, float]
    prediction_empty: tuple[float, float]
    millimetres: bool


PROTOCOLS = by_name(
    Protocol("synapse", (0.0, 0.0), (1.0, 0.0), (0.0, 0.0), millimetres=False),
    Protocol("sound", (math.nan, math.nan), (0.0, math.nan), (0.0, math.nan), millimetres=True),
)


class Score(NamedTuple):
    """The scores of one organ."""

    dice: float
    """From 0 to 1; NaN where it is undefined."""
    hd95: float
    """In the protocol's unit; NaN where it is undefined."""
    voxels: int
    """Size of the organ in the prediction."""
    reference_voxels: int
    """Size of the organ in the reference."""
    surface_dice: float = math.nan
    """From 0 to 1; NaN where it is undefined, or no tolerance was given."""


def organ_metrics(
    prediction: Labels,
    reference: Labels,
    classes: int,
    protocol: str | Protocol,
    spacing: Sequence[float] | None = None,
    tolerances: Sequence[float] | None = None,
) -> list[Score]:
    """Return the scores of the organs 1 to ``classes``, measured side by side on the machine's processors.

    Args:
        prediction: labels, integers of any shape, usually (D, H, W); 0 and values above ``classes`` are no organ.
        reference: labels of the same shape.
        classes: number C of organs.
        protocol: a name in ``PROTOCOLS``, or a protocol of one's own.
        spacing: voxel sides in mm along each axis; a protocol in voxels does not look at it, and without it HD95 is
            undefined under a protocol in mm.
        tolerances: of the surface Dice, in mm for each organ; without them, or without a spacing, it is undefined.

    Raises:
        InputError: if the shapes differ, the labels are no integers, the protocol is unknown, a spacing is not
            positive and finite, a tolerance is not 0 or more, there is not one for each organ, or SciPy is missing.
    """
    protocol = resolve(protocol, PROTOCOLS, "segmentation")
    _check_pair(prediction, reference, "iu", "labels must be integers")
    measured = spacing is not None or not protocol.millimetres
    sides = spacing if protocol.millimetres else None
    if tolerances is not None and len(tolerances) != classes:
        raise InputError(f"{len(tolerances)} tolerances for {classes} organs; each must have one")
    reaches = [None] * classes if tolerances is None or spacing is None else [*map(_tolerance, tolerances)]
    boxes = zip(_boxes(prediction, classes), _boxes(reference, classes), strict=True)

    def score(organ: int, box: Box | None) -> Score:
        if box is None:
            return Score(*protocol.both_empty, 0, 0)
        found, wanted = prediction[box] == organ, reference[box] == organ
        sizes = int(np.count_nonzero(found)), int(np.count_nonzero(wanted))
        reach = reaches[organ - 1]
        if not all(sizes):
            empty = protocol.reference_empty if sizes[0] else protocol.prediction_empty
            return Score(*empty, *sizes, math.nan if reach is None else 0.0)
        distances = np.concatenate(surface_distances(found, wanted, sides)) if measured else np.empty(0)
        far = float(np.percentile(distances, 95)) if measured else math.nan
        if reach is None:
            near = math.nan
        else:
            near = _within(distances, reach) if protocol.millimetres else surface_dice(found, wanted, reach, spacing)
        return Score(dice(found, wanted), far, *sizes, near)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(score, range(1, classes + 1), [_joint(*pair) for pair in boxes]))


def dice(prediction: Mask, reference: Mask) -> float:
    """Return twice the common voxels over the sum of both, from 0 to 1; NaN if both masks are empty.

    Raises:
        InputError: if the masks differ in shape or are not Boolean.
    """
    _check_pair(prediction, reference, "b", "masks must be Boolean")
    size = np.count_nonzero(prediction) + np.count_nonzero(reference)
    return 2 * np.count_nonzero(prediction & reference) / size if size else math.nan


def hd95(prediction: Mask, reference: Mask, spacing: Sequence[float] | None = None) -> float:
    """Return the 95th percentile of the distances between two surfaces, both ways together; NaN if a mask is empty.

    Arguments and errors as for ``surface_distances``.
    """
    distances = np.concatenate(surface_distances(prediction, reference, spacing))
    return float(np.percentile(distances, 95)) if distances.size else math.nan


def surface_dice(prediction: Mask, reference: Mask, tolerance: float, spacing: Sequence[float] | None = None) -> float:
    """Return the part of both surfaces, voxels together, that lies within a tolerance of the other surface.

    Args:
        prediction: Boolean mask of any shape.
        reference: Boolean mask of the same shape.
        tolerance: the farthest that counts as near, in the unit of the spacing; 0 for surfaces that must meet.
        spacing: voxel sides along each axis; None for a tolerance in voxels.

    Returns:
        From 0 to 1; 0 if one mask is empty, NaN if both are.

    Raises:
        InputError: if the tolerance is below 0 or no number, or as `surface_distances`.
    """
    reach = _tolerance(tolerance)
    distances = np.concatenate(surface_distances(prediction, reference, spacing))
    if not distances.size:
        return 0.0 if prediction.any() or reference.any() else math.nan
    return _within(distances, reach)


def surface_distances(
    prediction: Mask, reference: Mask, spacing: Sequence[float] | None = None
) -> tuple[Distances, Distances]:
    """Return the distance of each surface voxel of one mask to the surface of the other.

    Args:
        prediction: Boolean mask of any shape.
        reference: Boolean mask of the same shape.
        spacing: voxel sides along each axis; None for distances in voxels.

    Returns:
        The distances from the prediction's surface to the reference's, and from the reference's to the prediction's:
        one for each surface voxel, in no particular order. Both empty if one of the masks is.

    Raises:
        InputError: if the masks differ in shape or are not Boolean, a spacing is not positive and finite, or SciPy is
            missing.
    """
    _check_pair(prediction, reference, "b", "masks must be Boolean")
    sides = _sides(spacing, prediction.ndim)
    if not (prediction.any() and reference.any()):
        return np.empty(0), np.empty(0)
    (box,) = _boxes((prediction | reference).view(np.uint8), 1)
    steps, lengths = _steps_around(sides)
    # the margin keeps steps across a border from ending in another row
    margin = [(reach, reach) for reach in np.abs(steps).max(axis=0).tolist()]
    found, wanted = (np.ascontiguousarray(np.pad(surface(mask[box]), margin)) for mask in (prediction, reference))
    jumps = steps @ found.strides
    return _directed(found, wanted, sides, jumps, lengths), _directed(wanted, found, sides, jumps, lengths)


def surface(mask: Mask) -> Mask:
    """Return the voxels of a Boolean mask that have a neighbour along an axis outside it, or outside the array."""
    edges = np.zeros_like(mask)
    for axis in range(mask.ndim):
        inside, edge = np.moveaxis(mask, axis, 0), np.moveaxis(edges, axis, 0)
        change = inside[1:] != inside[:-1]
        edge[1:] |= change
        edge[:-1] |= change
        edge[:1] = True
        edge[-1:] = True
    return mask & edges


def _directed(here: Mask, there: Mask, sides: Distances, jumps: NDArray[np.int64], lengths: Distances) -> Distances:
    """Return the distance from each voxel of the surface ``here`` to the nearest one of the surface ``there``.

    Surfaces of a prediction and its reference run close together, so that a few looks around each voxel settle most
    of them: ``jumps`` are the looks, in flat indices and nearest first, ``lengths`` how far they go.
    """
    flat = there.ravel()
    waiting = np.flatnonzero(here)
    distances = []
    for jump, length in zip(jumps, lengths, strict=True):
        arrived = flat[waiting + jump]
        distances.append(np.full(np.count_nonzero(arrived), length))
        waiting = waiting[~arrived]
        if not waiting.size:
            break
    else:
        spatial = require("scipy.spatial", "segmentation")
        near, far = (
            np.stack(np.unravel_index(places, there.shape), axis=1) * sides
            for places in (np.flatnonzero(flat), waiting)
        )
        # voxels lie so evenly that a balanced, tightened tree costs more to build than its searches gain
        tree = spatial.cKDTree(near, balanced_tree=False, compact_nodes=False)
        distances.append(tree.query(far)[0])
    return np.concatenate(distances)


def _steps_around(sides: Distances) -> tuple[NDArray[np.int64], Distances]:
    """Return the steps (n, axes) from a voxel to all within ``REACH`` mean sides, nearest first; and lengths."""
    # the geometric mean: as many steps for flat voxels as for cubes
    radius = REACH * sides.prod() ** (1 / len(sides))
    reaches = [range(-int(radius / side), int(radius / side) + 1) for side in sides]
    steps = np.array(list(itertools.product(*reaches)), dtype=np.int64)
    lengths = np.sqrt(np.square(steps * sides).sum(axis=1))
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] <= radius]
    return steps[order], lengths[order]


def _boxes(labels: Labels, classes: int) -> list[Box | None]:
    """Return the bounding box of each of the labels 1 to ``classes``, None where it is missing."""
    boxes: list[Box | None] = require("scipy.ndimage", "segmentation").find_objects(labels, max_label=classes)
    return boxes


def _joint(box: Box | None, other: Box | None) -> Box | None:
    if box is None or other is None:
        return box or other
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(box, other, strict=True))


def _within(distances: Distances, reach: float) -> float:
    # a distance that is the tolerance itself, but for rounding, is within it
    return float(np.count_nonzero(distances <= reach * (1 + 1e-9)) / distances.size)


def _tolerance(value: float) -> float:
    if not 0 <= value < math.inf:
        raise InputError(f"tolerance is {value:g}; it must be a length, 0 or more")
    return float(value)


def _check_pair(prediction: NDArray[Any], reference: NDArray[Any], kinds: str, rule: str) -> None:
    if prediction.shape != reference.shape:
        raise InputError(
            f"prediction {prediction.shape} and reference {reference.shape} differ in shape; they must be equal"
        )
    for dtype in (prediction.dtype, reference.dtype):
        if dtype.kind not in kinds:
            raise InputError(f"{rule}, got {dtype}")


def _sides(spacing: Sequence[float] | None, axes: int) -> Distances:
    sides = np.array([1.0] * axes if spacing is None else spacing, dtype=np.float64)
    if sides.shape != (axes,) or not (np.isfinite(sides) & (sides > 0)).all():
        raise InputError(f"spacing is {spacing}; it must be {axes} positive lengths, one for each axis")
    return sides
