"""Colours as eyes tell them apart: CIELAB, and how far two sets of colours lie from each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.extras import require

Numbers = NDArray[np.floating[Any]]


def to_lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return an sRGB image (H, W, 3) in CIELAB of D65: lightness from 0 to 100, and two axes of colour."""
    scaled = np.ascontiguousarray(image[..., :3], dtype=np.float32) / 255
    lab: NDArray[np.float32] = require("cv2", "images").cvtColor(scaled, require("cv2", "images").COLOR_RGB2Lab)
    return lab


def mean_distance(one: Numbers, other: Numbers) -> float:
    """Return the distance of the means of two samples, (N, D) and (M, D)."""
    return float(np.linalg.norm(one.mean(axis=0, dtype=np.float64) - other.mean(axis=0, dtype=np.float64)))


def covariance_distance(one: Numbers, other: Numbers) -> float:
    """Return the Bures distance of the covariances of two samples, (N, D) and (M, D), in the unit of the samples.

    It is what is left of the distance of Frechet when the means agree, and so 0 for equal covariances. Covariances are
    those of the population.
    """
    first, second = _covariance(one), _covariance(other)
    root = _root(first)
    between = np.trace(first) + np.trace(second) - 2 * np.trace(_root(root @ second @ root))
    return float(np.sqrt(max(between, 0.0)))


def frechet_distance(one: Numbers, other: Numbers) -> float:
    """Return the squared distance of Frechet of two samples as if both were normal, as the FID takes it of features."""
    return mean_distance(one, other) ** 2 + covariance_distance(one, other) ** 2


def _covariance(samples: Numbers) -> NDArray[np.float64]:
    centred = samples.astype(np.float64) - samples.mean(axis=0, dtype=np.float64)
    product: NDArray[np.float64] = centred.T @ centred / len(samples)
    return product


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root of a matrix that is symmetric, with rounding errors below 0 cut off."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    root: NDArray[np.float64] = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return root
