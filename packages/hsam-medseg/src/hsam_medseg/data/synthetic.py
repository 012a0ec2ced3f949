"""Synthetic volumes for tests and the demo: a body with four organs that look much alike.

Organs are deformed ellipsoids at their usual place, with brightness and texture of their own. So that brightness alone
does not tell them, other things have theirs too: vessels, gut with a dark inside, and the tissue around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .few_shot import choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Labels = NDArray[np.uint8]
    Vector = tuple[float, ...] | NDArray[np.float64]


@dataclass(frozen=True)
class Organ:
    """Position and look of an organ. Positions and radii: (slice, row, column), where the volume is -1 to 1.

    Attributes:
        name: what it is called.
        centre: its usual place.
        radii: its usual size.
        brightness: its mean value.
        coarse: strength of texture that is several voxels wide.
        fine: strength of texture from voxel to voxel.
    """

    name: str
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    brightness: float
    coarse: float
    fine: float


ORGANS = (
    Organ("large", (0.0, -0.08, -0.32), (0.80, 0.36, 0.45), 0.58, 0.04, 0.00),
    Organ("medium", (0.05, -0.02, 0.52), (0.62, 0.27, 0.21), 0.60, 0.00, 0.07),
    Organ("small", (0.0, 0.36, 0.34), (0.50, 0.12, 0.15), 0.65, 0.01, 0.00),
    Organ("tiny", (-0.05, -0.40, 0.24), (0.38, 0.09, 0.11), 0.56, 0.00, 0.02),
)
"""Large to tiny: about 15, 4, 1 and 0.35 % of the body. Where two overlap the later, smaller one is seen."""

SYNTHETIC_CLASSES = tuple(organ.name for organ in ORGANS)
"""Names of labels 1 to 4."""

_BODY = (1.6, 0.70, 0.86)
_TISSUE, _BONE = 0.42, 0.85


def synthetic_volume(seed: int | Sequence[int], shape: tuple[int, int, int] = (24, 96, 96)) -> tuple[Floats, Labels]:
    """Return a volume and its labels, each (slices, rows, columns): values in [0, 1], and 0 to 4.

    The same seed gives the same volume; what one seed gives in another shape is another volume.
    """
    rng = np.random.default_rng(seed)
    z, y, x = _patient(shape, rng)
    bend = _smooth_noise(shape, (5, 7, 7), rng)
    coarse = _smooth_noise(shape, (12, 24, 24), rng)
    fine = rng.standard_normal(shape, dtype=np.float32)

    def inside(centre: Vector, radii: Vector, deformed: float = 0.0) -> Floats:
        """Return the squared distance from the centre, 1 on the surface."""
        dz, dy, dx = (((axis - c) / r) ** 2 for axis, c, r in zip((z, y, x), centre, radii, strict=True))
        # rows and columns first: only the sum with the slices is over the whole volume
        distance: Floats = dz + (dy + dx)
        return distance + deformed * bend if deformed else distance

    body = inside((0, 0, 0), _BODY, deformed=0.08) < 1
    tissue = np.where(body, _TISSUE + 0.045 * coarse, 0.03).astype(np.float32)
    for _ in range(rng.integers(5, 8)):
        distance = inside(rng.uniform(-0.55, 0.55, 3), rng.uniform((0.2, 0.07, 0.07), (0.5, 0.16, 0.2)))
        tissue[(distance < 1) & body] = rng.uniform(0.52, 0.66)
        tissue[(distance < 0.45) & body] = rng.uniform(0.1, 0.4)
    for _ in range(rng.integers(5, 9)):
        vessel = inside(rng.uniform(-0.5, 0.5, 3), (rng.uniform(0.5, 3), *rng.uniform(0.04, 0.09, 2))) < 1
        tissue[vessel & body] = rng.uniform(0.52, 0.68)
    tissue[inside((0, 0.47, 0), (9, 0.12, 0.13), deformed=0.05) < 1] = _BONE
    labels = np.zeros(shape, np.uint8)
    for label, organ in enumerate(ORGANS, start=1):
        centre = np.add(organ.centre, rng.normal(0, 0.025, 3))
        where = (inside(centre, organ.radii * rng.uniform(0.88, 1.12, 3), deformed=0.12) < 1) & body
        brightness = organ.brightness + rng.normal(0, 0.015)
        tissue[where] = brightness + organ.coarse * coarse[where] + organ.fine * fine[where]
        labels[where] = label
    return _scanned(tissue, rng), labels


def _patient(shape: tuple[int, int, int], rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return the coordinates of a slightly rotated, shifted and stretched body: (D, 1, 1), (1, H, W), (1, H, W)."""
    z, y, x = (np.linspace(-1, 1, length, dtype=np.float32) for length in shape)
    angle, (dz, dy, dx) = np.radians(rng.normal(0, 4)), rng.normal(0, 0.03, 3)
    stretch = rng.uniform(0.93, 1.07, 2)
    y, x = np.meshgrid((y - dy) * stretch[0], (x - dx) * stretch[1], indexing="ij")
    turned = y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)
    rows, columns = (axis.astype(np.float32)[None] for axis in turned)
    return (z - np.float32(dz))[:, None, None], rows, columns


def _smooth_noise(shape: tuple[int, ...], cells: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return smooth noise of standard deviation about 1, interpolated from ``cells`` cells along each axis."""
    noise = rng.standard_normal(cells, dtype=np.float32)
    for length, count in zip(shape, cells, strict=True):
        at = np.linspace(0, count - 1, length, dtype=np.float32)
        weights = np.exp(-1.2 * np.square(at[:, None] - np.arange(count)))
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
        # the axis in front goes to the back: after all of them they are in order again
        noise = np.tensordot(noise, weights, (0, 1))
    return noise


def _scanned(tissue: Floats, rng: np.random.Generator) -> Floats:
    """Simulate a scanner: partial volume, an uneven bias field, and noise; in [0, 1]."""
    from scipy.ndimage import gaussian_filter

    blurred = gaussian_filter(tissue, (0.4, 0.7, 0.7), truncate=2.5)
    field = 1 + 0.07 * _smooth_noise(tissue.shape, (2, 3, 3), rng)
    noise = rng.standard_normal(tissue.shape, dtype=np.float32) * np.float32(rng.uniform(0.02, 0.04))
    return np.clip(blurred * field + noise, 0, 1, dtype=np.float32)


def synthetic_slices(
    seeds: Sequence[int], labelled: float = 0.1, seed: int = 0, shape: tuple[int, int, int] = (24, 96, 96)
) -> list[tuple[Floats, Labels]]:
    """Return slices of synthetic volumes with their labels (rows, columns), as in few-shot training.

    Args:
        seeds: one volume each.
        labelled: the part of all slices that is labelled; they are drawn from those with an organ.
        seed: decides which are drawn.
        shape: slices, rows and columns of a volume.
    """
    found = []
    for volume in seeds:
        image, labels = synthetic_volume(volume, shape)
        found += [(image[k], labels[k]) for k in np.flatnonzero(labels.any((1, 2)))]
    count = max(1, round(labelled * len(seeds) * shape[0]))
    return choose(found, min(count, len(found)), seed)
