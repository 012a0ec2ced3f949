"""SimpleITK's images: volumes of them and the like back; and the files that it reads, MetaImage and NRRD."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage
from ..extras import require
from ..files import atomic_path, writable_folder
from .header_and_data import write_both
from .number_types import as_type
from .orientation import Affine
from .text_headers import read_metaimage_header, read_nrrd_header
from .volume import Volume, affine_fault

SITK_SUFFIXES: dict[Literal["MetaImage", "NRRD"], tuple[str, ...]] = {
    "MetaImage": (".mha", ".mhd"),
    "NRRD": (".nrrd", ".nhdr"),
}
_DETACHED = (".mhd", ".nhdr")
"""Suffixes of headers whose voxels are in a file beside them."""
_READERS = {"MetaImage": ("MetaImageIO", read_metaimage_header), "NRRD": ("NrrdImageIO", read_nrrd_header)}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SQUARE = 1e-4
"""How far from a right angle two axes may be, as a cosine, for a format that has right angles only."""


@dataclass(frozen=True)
class SitkFile:
    """A MetaImage or NRRD file that was read.

    Attributes:
        suffixes: how the name of a result may end.
        dtype: of its numbers; of values where these are rescaled, which nothing but MetaImage has.
    """

    suffixes: tuple[str, ...]
    dtype: np.dtype[Any]

    def write(self, path: Path, volume: Volume, derivation: str) -> None:
        """Write other values in the type of this file, see `writing.write_like`."""
        write_with_sitk(path, volume.with_voxels(as_type(volume.voxels, self.dtype)))


@dataclass(frozen=True)
class SitkImage(SitkFile):
    """An image in the memory that was given."""

    flat: bool = False
    """Whether it was one slice of two dimensions."""

    def like(self, volume: Volume) -> Any:
        """Return other values in the place of the image as one of SimpleITK."""
        image = to_sitk(volume)
        return image[:, :, 0] if self.flat else image


def read_with_sitk(path: Path, kind: Literal["MetaImage", "NRRD"], *, placed: bool = True) -> Volume:
    """Read a MetaImage or NRRD file.

    Unlike SimpleITK alone, lengths in other units become millimetres, and the intensity function of MetaImage is
    applied.

    Args:
        path: the file, or the header if the data are beside it.
        kind: which of the two.
        placed: note where the header does not say where the voxels lie.

    Raises:
        InputError: if SimpleITK is not installed, the file is truncated, damaged, or for its header (`text_headers`).
    """
    sitk = require("SimpleITK", "sitk")
    reader, read_header = _READERS[kind]
    with damage(path, f"the {kind} file is truncated or damaged", "; fetch it again"):
        header = read_header(path)
        image = sitk.ReadImage(str(path), imageIO=reader)
        voxels, affine = _voxels(sitk, image), _affine(image)
    affine = np.diag([header.millimetres] * 3 + [1.0]) @ affine
    if header.scaling != (1, 0):
        voxels = (voxels.astype(np.float64) * header.scaling[0] + header.scaling[1]).astype(np.float32)
    located = header.located and not (not placed and affine_fault(affine))
    notes = (
        f"{path}: the header does not say where the voxels lie; slices are taken as they are stored, sizes in mm are "
        "unknown",
    )
    if not located:
        affine = np.diag([*np.linalg.norm(affine[:3, :3], axis=0), 1.0])
    origin = SitkFile(SITK_SUFFIXES[kind], voxels.dtype)
    return Volume(voxels, affine, located, path, origin, notes if placed and not located else ())


def write_with_sitk(path: Path, volume: Volume, *, compress: bool = False) -> None:
    """Write a volume as MetaImage or NRRD, by the suffix; one with data beside the header appears header last.

    Args:
        path: the file.
        volume: its voxels and their place.
        compress: where the voxels are in the same file.

    Raises:
        InputError: if SimpleITK is not installed, the axes are not at right angles, or the system refuses the write.
    """
    sitk = require("SimpleITK", "sitk")
    image = to_sitk(volume)
    writable_folder(path.parent)
    if path.suffix.lower() in _DETACHED:
        write_both(path, lambda file: sitk.WriteImage(image, str(file)))
        return
    with atomic_path(path) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=compress)


def from_sitk(image: Any) -> Volume:
    """Return the volume of an image in the memory; its place is taken as it is."""
    sitk = require("SimpleITK", "sitk")
    voxels = _voxels(sitk, image)
    suffixes = SITK_SUFFIXES["MetaImage"] + SITK_SUFFIXES["NRRD"]
    return Volume(voxels, _affine(image), True, None, SitkImage(suffixes, voxels.dtype, image.GetDimension() == 2))


def to_sitk(volume: Volume) -> Any:
    """Return a volume as an image of SimpleITK.

    Raises:
        InputError: if its axes are not at right angles, which such images have.
    """
    sitk = require("SimpleITK", "sitk")
    affine = _LPS_TO_RAS @ volume.affine if volume.located else volume.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    direction = affine[:3, :3] / spacing
    if np.abs(direction.T @ direction - np.eye(3)).max() > _SQUARE:
        raise InputError(
            f"{volume.name}: its axes are not at right angles, which MetaImage, NRRD and SimpleITK cannot hold; write "
            "NIfTI"
        )
    image = sitk.GetImageFromArray(volume.voxels, isVector=volume.voxels.ndim == 4)
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


def _voxels(sitk: Any, image: Any) -> NDArray[Any]:
    """Return the values (D, H, W) or (D, H, W, 3), of one slice for an image of two dimensions."""
    if image.GetDimension() not in (2, 3):
        raise InputError(f"an image of {image.GetDimension()} dimensions; a volume has three, so take one of its parts")
    array: NDArray[Any] = sitk.GetArrayFromImage(image)
    return array[None] if image.GetDimension() == 2 else array


def _affine(image: Any) -> Affine:
    """Affine of an image of two or three dimensions, which may be singular."""
    sides = image.GetDimension()
    affine = np.eye(4)
    affine[:sides, :sides] = np.array(image.GetDirection()).reshape(sides, sides) * image.GetSpacing()
    affine[:sides, 3] = image.GetOrigin()
    return _LPS_TO_RAS @ affine
