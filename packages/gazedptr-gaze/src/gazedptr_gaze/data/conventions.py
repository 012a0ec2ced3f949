"""Gaze as angles and as vectors, in the two sign conventions there are.

The frame is that of a camera: x to the right, y down, z forward; a gaze towards the camera has z < 0. Angles are
(yaw, pitch) in radians, in this order.

| looking       | official yaw, pitch | gazehub yaw, pitch | vector x, y |
| ------------- | ------------------- | ------------------ | ----------- |
| image right   | +, 0                | -, 0               | +, 0        |
| image left    | -, 0                | +, 0               | -, 0        |
| image down    | 0, +                | 0, -               | 0, +        |
| image up      | 0, -                | 0, +               | 0, -        |
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError

Array = NDArray[np.float64]


def official_angles(vectors: ArrayLike) -> Array:
    """Return angles (..., 2) of vectors (..., 3) as IVGaze's labels, and networks trained on them, have them.

    Raises:
        InputError: if a vector has length zero or is not finite.
    """
    x, y, z = _unit(vectors)
    return np.stack([np.arctan2(x, -z), np.arcsin(np.clip(y, -1, 1))], axis=-1)


def official_vectors(angles: ArrayLike) -> Array:
    """Return the unit vectors (..., 3) of angles (..., 2) in the ``official`` convention: the true direction."""
    yaw, pitch = np.moveaxis(np.asarray(angles, dtype=np.float64), -1, 0)
    return np.stack([np.cos(pitch) * np.sin(yaw), np.sin(pitch), -np.cos(pitch) * np.cos(yaw)], axis=-1)


def gazehub_angles(vectors: ArrayLike) -> Array:
    """Return angles (..., 2) of vectors (..., 3) in the ``gazehub`` convention, that of most other gaze data."""
    return -official_angles(vectors)


def gazehub_vectors(angles: ArrayLike) -> Array:
    """Return the unit vectors (..., 3) of angles (..., 2) in the ``gazehub`` convention.

    The published networks apply this map to ``official`` angles, which mirrors x and y.
    """
    return official_vectors(-np.asarray(angles, dtype=np.float64))


def angle_between(vectors: ArrayLike, others: ArrayLike) -> Array:
    """Return the angles (...) in degrees between vectors (..., 3), exact for small and large ones."""
    first, second = (np.asarray(array, dtype=np.float64) for array in (vectors, others))
    cross = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(cross, (first * second).sum(axis=-1)))


def _unit(vectors: ArrayLike) -> Any:
    array = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    if not np.isfinite(array).all() or not (length > 0).all():
        raise InputError("a gaze vector has length zero or is not finite; it must point somewhere")
    return np.moveaxis(array / length, -1, 0)
