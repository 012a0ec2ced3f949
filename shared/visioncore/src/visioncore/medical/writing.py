"""Volumes written as others were stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import writable_folder
from .arrays import write_npy
from .image_stacks import ImageStack
from .volume import Volume


def write_like(path: str | Path, volume: Volume, *, derivation: str) -> None:
    """Write a volume as the file was stored that it came from: kind of file, geometry, rescaling and type of numbers.

    Values beyond what that type can hold become the nearest it can.

    Args:
        path: a folder for a DICOM series that was in one; otherwise a file with the suffix of the source, where a
            NIfTI file may be compressed or not. What did not come from a file is written as ``.npy``.
        volume: other values in the place of what was read, in whatever orientation.
        derivation: what was done and by what, such as ``Denoised by ToolX``: DICOM files keep it, and its first word
            behind the description of their series.

    Raises:
        InputError: if values are not finite, the path is of another kind, or the system refuses.
    """
    path = Path(path)
    if not all(np.isfinite(plane).all() for plane in volume.voxels):
        raise InputError(
            f"{path}: not written, for there are values that are not numbers; if they were made in half "
            "precision, use float32"
        )
    origin = None if isinstance(volume.origin, ImageStack) else volume.origin
    suffixes = origin.suffixes if origin else (".npy",)
    if (suffixes and not path.name.lower().endswith(suffixes)) or (not suffixes and path.is_file()):
        raise InputError(f"{path}: {volume.name} can be written as {' or '.join(suffixes) or 'a folder'}")
    writable_folder(path.parent)
    if origin:
        origin.write(path, volume.oriented(volume.stored), derivation)
    else:
        write_npy(path, volume.voxels)
