"""The published augmentations of a slice and its labels: rotated, cropped, elastically deformed, or unchanged."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Labels = NDArray[np.integer[Any]]


def augment(image: Floats, labels: Labels, rng: np.random.Generator) -> tuple[Floats, Labels]:
    """Augment a slice and its labels: 45 % rotated, 41.25 % cropped, 11.7 % elastically deformed, 2.1 % unchanged.

    Args:
        image: (H, W) or (H, W, channels).
        labels: (H, W).
        rng: draws the change. The three draws are nested, as in the published code.
    """
    if rng.random() < 0.45:
        return rotated(image, labels, int(rng.integers(-20, 20)))
    if rng.random() < 0.75:
        return cropped(image, labels, rng)
    if rng.random() < 0.85:
        return deformed(image, labels, rng)
    return image, labels


def rotated(image: Floats, labels: Labels, degrees: float) -> tuple[Floats, Labels]:
    """Rotate both about their centre, counter-clockwise; nearest neighbour, 0 outside."""
    from scipy.ndimage import rotate

    return rotate(image, degrees, order=0, reshape=False), rotate(labels, degrees, order=0, reshape=False)


def cropped(image: Floats, labels: Labels, rng: np.random.Generator) -> tuple[Floats, Labels]:
    """Cut the same random part out of both, its sides 0.2 to 0.8 of the whole's (one ratio for both sides)."""
    ratio = rng.uniform(0.2, 0.8)
    height, width = (max(1, int(length * ratio)) for length in labels.shape)
    top = rng.integers(labels.shape[0] - height, endpoint=True)
    left = rng.integers(labels.shape[1] - width, endpoint=True)
    part = np.s_[top : top + height, left : left + width]
    return image[part], labels[part]


def deformed(image: Floats, labels: Labels, rng: np.random.Generator) -> tuple[Floats, Labels]:
    """Apply the same elastic deformation to both (Simard et al., 2003): an affine map, then a smooth displacement.

    The affine map moves three points by up to 0.08 of the width each way. The displacement is uniform noise of up to
    twice the width, smoothed by a Gaussian of 0.08 of the width: about 4 pixels. Images are sampled linearly, mirrored
    at the border by the first and 0 outside by the second. The published code does so to labels too, which makes up
    classes along borders; here labels take the nearest pixel's.
    """
    from scipy.ndimage import affine_transform, map_coordinates

    height, width = labels.shape
    reach = 0.08 * width
    side = min(height, width) // 3
    middle = np.array([height // 2, width // 2])
    points = middle + side * np.array([[1, 1], [1, -1], [-1, -1]])
    moved = points + rng.uniform(-reach, reach, points.shape)
    # (row, column, 1) of the result -> (row, column) of the source
    matrix = np.linalg.solve(np.column_stack([moved, np.ones(3)]), points).T
    noise = rng.uniform(-1, 1, (2, height, width))
    shifts = 2 * width * (_smoothing(height, reach) @ noise @ _smoothing(width, reach).T)
    coordinates = np.indices(labels.shape) + shifts

    def warp(plane: NDArray[Any], order: int) -> NDArray[Any]:
        placed = affine_transform(plane, matrix, order=order, mode="mirror")
        warped: NDArray[Any] = map_coordinates(placed, coordinates, order=order, mode="constant")
        return warped

    planes = image[..., None] if image.ndim == 2 else image
    warped = np.stack([warp(plane, 1) for plane in np.moveaxis(planes, -1, 0)], axis=-1)
    return warped.reshape(image.shape), warp(labels, 0)


@lru_cache(maxsize=8)
def _smoothing(length: int, sigma: float) -> NDArray[np.float64]:
    """Return the matrix of a Gaussian filter of rows of pixels: several times faster than the filter itself, which
    is wide here."""
    from scipy.ndimage import gaussian_filter1d

    matrix: NDArray[np.float64] = gaussian_filter1d(np.eye(length), sigma, axis=0)
    return matrix
