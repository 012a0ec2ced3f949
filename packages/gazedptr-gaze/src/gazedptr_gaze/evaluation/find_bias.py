"""The bias of a person's gazes from a few points that were looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from ..data.conventions import official_angles
from ..inference.bias import GazeBias
from ..inference.labelled_frames import LabelledFrame
from .angular import angular_error

Array = NDArray[np.float64]

FEWEST = 5
"""Points that a calibration needs."""
TYPICAL = np.radians(1.0)
"""Spread of offsets in radians below which none is an outlier."""
POINT, ANGLES = ("x", "y", "z"), ("yaw", "pitch")
COLUMNS = (*POINT, *ANGLES)
"""Columns of targets, of which the first three or the last two are given."""


def find_bias(frames: Sequence[LabelledFrame]) -> GazeBias:
    """Return the bias of frames whose labels say where the person looked.

    A label is ``x``, ``y``, ``z``, a point in mm in the frame of the camera, or ``yaw``, ``pitch``, true angles in
    radians there. Frames with equal labels are one point, whose median counts. The bias is the mean of the points'
    offsets without outliers: those that are further from the median than three standard deviations, which the median
    distance stands for.

    Raises:
        InputError: if a label is wrong, or there are fewer than five points.
    """
    points: dict[tuple[float, ...], list[tuple[Array, Array]]] = {}
    for frame in frames:
        target, true = _target(frame)
        points.setdefault(target, []).append((official_angles(np.array(frame.record.vector)), true))
    if len(points) < FEWEST:
        raise InputError(f"{len(points)} points were looked at; there should be {FEWEST} to 20, spread over the view")
    offsets = np.array([np.median([_turned(true - gaze) for gaze, true in seen], axis=0) for seen in points.values()])
    bias, kept = _robust_mean(offsets)
    left_out = [_robust_mean(np.delete(offsets, i, axis=0))[0] for i in range(len(offsets))]
    before, after = [], []
    for seen, other in zip(points.values(), left_out, strict=True):
        gazes, trues = (np.array(part) for part in zip(*seen, strict=True))
        before.append(angular_error(gazes, trues).mean())
        after.append(angular_error(gazes + other, trues).mean())
    yaw, pitch = map(float, bias)
    outliers = int((~kept).sum())
    return GazeBias(yaw, pitch, len(points), outliers, float(np.mean(before)), float(np.mean(after)))


def _target(frame: LabelledFrame) -> tuple[tuple[float, ...], Array]:
    """Return a label as numbers, and the true angles of the gaze, (2,)."""
    names = _given(frame.label)
    if names is None:
        raise InputError(f"{frame.where}: no target; it should have x, y, z in mm, or yaw, pitch in radians")
    target = frame.numbers(*names)
    if names == ANGLES:
        if max(map(abs, target)) > np.pi:
            raise InputError(f"{frame.where}: yaw, pitch are {target}; they should be radians, up to 3.14")
        return tuple(target), np.array(target)
    if frame.record.origin is None:
        raise InputError(f"{frame.where}: the gaze has no origin, which a point needs; label it with yaw, pitch")
    towards = np.array(target) - frame.record.origin
    if not towards.any():
        raise InputError(f"{frame.where}: the point is where the gaze starts from; it should be what is looked at")
    return tuple(target), official_angles(towards)


def _given(label: dict[str, str]) -> tuple[str, ...] | None:
    return next((names for names in (POINT, ANGLES) if any(name in label for name in names)), None)


def _turned(offsets: Array) -> Array:
    """Return angles in [-pi, pi)."""
    return (offsets + np.pi) % (2 * np.pi) - np.pi


def _robust_mean(offsets: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the mean of offsets (N, 2) without outliers, and which were kept."""
    distances = np.linalg.norm(offsets - np.median(offsets, axis=0), axis=1)
    # the median distance of a normal distribution in two dimensions is 1.177 standard deviations
    kept = distances <= 3 * max(float(np.median(distances)) / 1.177, TYPICAL)
    return offsets[kept].mean(axis=0), kept
