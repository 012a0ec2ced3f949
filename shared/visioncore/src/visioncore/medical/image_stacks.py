"""Slices as images: a folder of PNG, TIFF or JPEG files, a TIFF of several pages, or one image."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage
from ..files import natural_key
from .number_types import plain_numbers
from .volume import Volume

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class ImageStack:
    """The images that a volume was read from.

    Attributes:
        files: in the order of the slices; one for the pages of a TIFF.
    """

    files: tuple[Path, ...]


def is_image(path: Path) -> bool:
    """Whether a file has the suffix of an image that can be a slice."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def read_stack(path: Path, *, labels: bool = False) -> Volume:
    """Read an image, the pages of a TIFF, or the images in a folder in the order of the numbers in their names.

    Grey values keep their type; colours become 8-bit RGB; transparency is dropped.

    Args:
        path: a file, or a folder; files in it that are not images are passed over.
        labels: take the numbers of palette images, not their colours.

    Raises:
        InputError: if there is no image, one is damaged, or they differ in size or in kind.
    """
    if not path.is_dir():
        pages = [(path, page) for page in _pages(path, labels)]
        return Volume(_stacked(pages), source=path, origin=ImageStack((path,)))
    files = sorted((file for file in path.iterdir() if is_image(file) and file.name[0] != "."), key=natural_key)
    if not files:
        raise InputError(f"{path}: no image in this folder; slices are {', '.join(IMAGE_SUFFIXES)}")
    slices = []
    for file in files:
        page, *more = _pages(file, labels)
        if more and len(files) > 1:
            raise InputError(
                f"{file}: has {1 + len(more)} pages; in a folder of slices each file is one, so name this file itself"
            )
        slices += [(file, values) for values in (page, *more)]
    return Volume(_stacked(slices), source=path, origin=ImageStack(tuple(files)))


def write_stack(folder: Path, volume: Volume) -> None:
    """Write values (D, H, W), uint8 or uint16, as grey PNG files, named as the slices that were read or numbered.

    Raises:
        InputError: if a file cannot be written.
    """
    names = [file.stem for file in volume.origin.files] if isinstance(volume.origin, ImageStack) else []
    if len(set(names)) != len(volume.voxels):
        names = [f"slice_{number:04d}" for number in range(1, len(volume.voxels) + 1)]
    for name, values in zip(names, volume.voxels, strict=True):
        write_slice(folder / f"{name}.png", values)


def write_slice(path: Path, values: NDArray[Any]) -> None:
    """Write one slice (H, W), uint8 or uint16, as a grey image.

    Raises:
        InputError: if it cannot be written.
    """
    from ..images import Image, write_image  # which import torch

    write_image(path, Image(np.repeat(values[:, :, None], 3, axis=2), grey=True))


def _pages(path: Path, labels: bool) -> list[NDArray[Any]]:
    """Return the pages of a file, each (H, W) or (H, W, 3)."""
    from ..images.opening import open_image  # which imports torch

    told = "the image is truncated, damaged or of a kind that cannot be read"
    with damage(path, told), open_image(path) as file:
        pages = []
        for number in range(getattr(file, "n_frames", 1) if file.format == "TIFF" else 1):
            file.seek(number)
            pages.append(_values(file, labels))
        return pages


def _values(page: Any, labels: bool) -> NDArray[Any]:
    mode = page.mode
    as_is = ("1", "P", "L", "I", "F") if labels else ("L", "I", "F")
    if mode not in as_is and not mode.startswith("I;16"):
        page = page.convert("L" if mode in ("1", "LA", "La") else "RGB")
    return plain_numbers(np.asarray(import_module("PIL.ImageOps").exif_transpose(page)))


def _stacked(slices: list[tuple[Path, NDArray[Any]]]) -> NDArray[Any]:
    file, first = slices[0]
    for other, values in slices:
        if (values.shape, values.dtype) != (first.shape, first.dtype):
            raise InputError(
                f"{other}: {values.shape} {values.dtype}, but {file.name} is {first.shape} {first.dtype}; the slices "
                "of a volume have one size and kind"
            )
    return np.stack([values for _, values in slices])
