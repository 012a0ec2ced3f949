"""Ready crops, as data sets have them, and what belongs to them: shapes and values are validated here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError

from ..data.rotations import to_matrices

Array = NDArray[np.float64]

SQUARE = 1e-3
"""How far the rows of a rotation may be from unit vectors at right angles."""


def checked_crops(name: str, images: Any, count: int | None = None) -> NDArray[np.uint8]:
    """Return crops (B, S, S, 3), uint8 RGB.

    Args:
        name: what they are called in errors.
        images: the crops.
        count: how many normalised ones there are.

    Raises:
        InputError: if the shape or the type is another, or the count.
    """
    array = np.asarray(images)
    squares = array.ndim == 4 and array.shape[1] == array.shape[2] > 0 and array.shape[3] == 3
    if not squares or array.dtype != np.uint8:
        raise InputError(f"{name} is {array.shape} {array.dtype}; it must be (B, S, S, 3) uint8 of RGB")
    if count not in (None, len(array)):
        raise InputError(f"{name} holds {len(array)} images, normalised {count}; give as many")
    return array


def checked_rotations(rotations: ArrayLike, count: int) -> Array:
    """Return rotations (B, 3, 3) of rotation vectors (B, 3) or matrices (B, 3, 3).

    Raises:
        InputError: if the shape is another, or one is no rotation.
    """
    given = np.asarray(rotations, dtype=np.float64)
    if given.shape not in ((count, 3), (count, 3, 3)):
        raise InputError(f"rotations have shape {given.shape}; they must be ({count}, 3) or ({count}, 3, 3)")
    matrices = to_matrices(given) if given.ndim == 2 else given
    finite = np.isfinite(matrices).all(axis=(1, 2), keepdims=True)
    known = np.where(finite, matrices, 0)
    off = np.abs(known @ known.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2), initial=0)
    if (wrong := (off > SQUARE) | (np.linalg.det(known) < 0)).any():
        told = f"rotation {int(wrong.argmax())} is no rotation"
        raise InputError(f"{told}; the rows of its matrix must be unit vectors at right angles")
    return matrices


def checked_origins(origins: ArrayLike, count: int) -> Array:
    """Return gaze origins (B, 3) in mm.

    Raises:
        InputError: if the shape is another, or a value is not finite.
    """
    given = np.asarray(origins, dtype=np.float64)
    if given.shape != (count, 3) or not np.isfinite(given).all():
        raise InputError(f"origins have shape {given.shape}; they must be ({count}, 3), finite, in mm")
    return given
