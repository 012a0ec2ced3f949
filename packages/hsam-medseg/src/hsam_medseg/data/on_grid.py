"""Labels, and further channels, brought to the voxel grid of their scan."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from visioncore.errors import InputError
from visioncore.medical import Volume


def on_grid(volume: Volume, image: Volume, path: Path, what: str = "labels") -> Volume:
    """Return a volume in the order of the voxels of a scan that it belongs to.

    Where only one of the two says where its voxels lie, the voxels are taken to be in one order.

    Args:
        volume: (D, H, W).
        image: the scan, in whatever orientation.
        path: the file of the volume, for messages.
        what: the volume is called in messages.

    Raises:
        InputError: if it is of another shape, or in another place than the scan.
    """
    if image.located and volume.located:
        volume = volume.oriented(image.orientation)
    shape = image.voxels.shape[:3]
    scan = image.source.name if image.source else "scan"
    if volume.voxels.shape != shape:
        raise InputError(
            f"{path}: {what} are {_by(volume.voxels.shape)} and their scan {scan} is {_by(shape)} (slices x rows x "
            "columns); both must have one shape"
        )
    if image.located and volume.located and (distance := _apart(image, volume)) > 0.5:
        raise InputError(
            f"{path}: {what} lie up to {distance:.1f} voxels from their scan {scan}, by their headers; write them with "
            "the scan's affine"
        )
    return volume


def _by(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def _apart(image: Volume, volume: Volume) -> float:
    """Return the distance between the corners of two volumes, in voxels of the first."""
    last = np.array(image.voxels.shape[2::-1]) - 1
    corners = np.array([[*(corner * last), 1] for corner in np.ndindex(2, 2, 2)]).T
    return float(np.abs(np.linalg.solve(image.affine, volume.affine @ corners) - corners).max())
