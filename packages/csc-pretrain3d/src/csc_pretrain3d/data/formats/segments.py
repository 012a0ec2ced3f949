"""Maps of segments in files: the ids of an image's pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage
from visioncore.files import atomic_path, first_bytes
from visioncore.images.opening import open_image
from visioncore.size_limit import check_pixels

from ..frame import Camera
from .rows import read_array

SEGMENT_SUFFIXES = (".png", ".bin", ".npy")
"""Files that hold segments."""


def read_segments(path: str | Path, size: tuple[int, int]) -> NDArray[np.int32]:
    """Read the segment of each pixel, (H, W) int32, 0 where there is none.

    Args:
        path: .png of one channel with 8 or 16 bits (the authors' ``superpixels_dinov2_ade20k``), whose values, or
            entries of a palette, are the ids; .bin of uint8 rows (the authors' ``*_dino_mask.bin``); or .npy (H, W) of
            integers.
        size: (H, W) of the image.

    Raises:
        InputError: if the file is missing, damaged, of another kind, or of another size than the image.
    """
    path = Path(path)
    first_bytes(path, 1)
    match path.suffix.lower():
        case ".png":
            ids = _png(path)
        case ".bin":
            stored = path.stat().st_size
            if stored != size[0] * size[1]:
                raise InputError(f"{path}: {stored} bytes; one for each pixel of {size[0]} x {size[1]} must be there")
            ids = np.fromfile(path, np.uint8).reshape(size)
        case ".npy":
            ids = read_array(path)
        case _:
            raise InputError(f"{path}: segments are {', '.join(SEGMENT_SUFFIXES)} files")
    if ids.ndim != 2 or ids.dtype.kind not in "iu":
        raise InputError(f"{path}: segments are {ids.shape} {ids.dtype}; they must be (H, W) integers")
    if ids.shape != tuple(size):
        raise InputError(
            f"{path}: segments are {ids.shape[0]} x {ids.shape[1]} and the image is {size[0]} x {size[1]}; they must "
            "be equal"
        )
    if ids.min() < 0 or ids.max() >= 2**31:
        raise InputError(f"{path}: ids of segments are {ids.min()} to {ids.max()}; they must be 0 (none) or above")
    return ids.astype(np.int32)


def find_segments(folder: Path, camera: Camera) -> Camera:
    """Return a camera with the segments that a folder has for it, as .png, ``_dino_mask.bin`` or .npy.

    Raises:
        InputError: if there are none, or they are bad.
    """
    tried = [folder / f"{camera.key}{ending}" for ending in (".png", "_dino_mask.bin", ".npy")]
    path = next((path for path in tried if path.is_file()), None)
    if path is None:
        raise InputError(f"{tried[0]}: no such segments; make them first, or name another folder")
    return camera.with_segments(read_segments(path, camera.size))


def write_segments(path: str | Path, ids: NDArray[np.int32]) -> None:
    """Write segments (H, W) as .png, of 8 bits where they suffice and else of 16, or as .npy; whole or not at all.

    Raises:
        InputError: if there are more ids than 16 bits hold and the file is a .png, or it cannot be written.
    """
    path = Path(path)
    largest = int(ids.max(initial=0))
    if path.suffix.lower() == ".npy":
        with atomic_path(path) as temporary:
            np.save(temporary, ids.astype(np.int32))
        return
    if path.suffix.lower() != ".png" or largest > 65535 or ids.min(initial=0) < 0:
        raise InputError(
            f"{path}: segments are written as .png with ids up to 65535, or as .npy; the largest is {largest}"
        )
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(ids.astype(np.uint8 if largest < 256 else np.uint16)).save(temporary)


def _png(path: Path) -> NDArray[Any]:
    with open_image(path) as file:
        check_pixels(path, *file.size)
        if file.mode not in ("L", "P", "I;16"):
            raise InputError(f"{path}: a {file.mode} image; a map of segments has one channel of 8 or 16 bits")
        with damage(path, "the PNG file is truncated or damaged"):
            return np.asarray(file)
