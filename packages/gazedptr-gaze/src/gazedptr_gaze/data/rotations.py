"""Rotation vectors and matrices, many at a time; exact for tiny angles and for half turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def to_matrices(vectors: ArrayLike) -> Array:
    """Return rotation matrices (..., 3, 3) of rotation vectors (..., 3), axis times angle in radians (Rodrigues)."""
    vectors = np.asarray(vectors, dtype=np.float64)
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape, 3)
    # sin(a)/a and (1 - cos(a))/a^2, both without a division by zero
    first, second = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi)) ** 2 / 2
    return np.eye(3) + first * cross + second * (cross @ cross)


def to_vectors(matrices: ArrayLike) -> Array:
    """Return rotation vectors (..., 3), with angles from 0 to pi, of rotation matrices (..., 3, 3)."""
    m = np.asarray(matrices, dtype=np.float64)
    a, b, c = (m[..., i, i] for i in range(3))
    # Four times the products of a quaternion with itself; the row of its largest component is it, scaled.
    x, y, z = (m[..., j, i] - m[..., i, j] for i, j in ((1, 2), (2, 0), (0, 1)))
    xy, xz, yz = (m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    products = np.stack(
        [
            np.stack([1 + a + b + c, x, y, z], axis=-1),
            np.stack([x, 1 + a - b - c, xy, xz], axis=-1),
            np.stack([y, xy, 1 - a + b - c, yz], axis=-1),
            np.stack([z, xz, yz, 1 - a - b + c], axis=-1),
        ],
        axis=-2,
    )
    largest = np.einsum("...ii->...i", products).argmax(axis=-1)
    q = np.take_along_axis(products, largest[..., None, None], axis=-2)[..., 0, :]
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine > 0, angle / np.where(sine > 0, sine, 1), 2)
