"""Scans in the memory: arrays, and images of nibabel and SimpleITK, as volumes; results as the same kind of thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from .arrays import write_npy
from .nifti import NiftiFile, fresh_header, millimetres, steps
from .nifti_files import located
from .orientation import Affine
from .sitk_images import SitkImage, from_sitk
from .volume import Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

AXES = "DHW"
"""Slices, rows and columns, in the order of a volume; nibabel's arrays are ``WHD``."""


@dataclass(frozen=True)
class GivenArray:
    """An array that was given.

    Attributes:
        order: of its axes, see `as_volume`.
    """

    order: str
    suffixes = (".npy",)

    def like(self, volume: Volume) -> NDArray[Any]:
        """Return the values of a volume in the order of the array."""
        voxels = volume.voxels if "D" in self.order else volume.voxels[0]
        axes = AXES if "D" in self.order else AXES[1:]
        return voxels.transpose([axes.index(axis) for axis in self.order] + list(range(len(axes), voxels.ndim)))

    def write(self, path: Path, volume: Volume, derivation: str) -> None:
        """Write other values in the order of the array, see `writing.write_like`."""
        write_npy(path, self.like(volume))


@dataclass(frozen=True, eq=False)
class NibabelImage(NiftiFile):
    """An image of nibabel, of whatever format, that was given; its header is that of NIfTI.

    Attributes:
        kind: its class.
        affine: its own.
    """

    kind: Any
    affine: Affine | None

    def like(self, volume: Volume) -> Any:
        """Return other values in the place of the image as one of its class."""
        array = volume.voxels.transpose(2, 1, 0).reshape(self.shape, order="F")
        nibabel = require("nibabel", "medical")
        if issubclass(self.kind, nibabel.Nifti1Pair):
            return self.kind(array, self.affine, fresh_header(self.header, array.dtype))
        return self.kind(array, self.affine)


def as_volume(given: Any, *, order: str | None = None, affine: NDArray[Any] | Sequence[Any] | None = None) -> Volume:
    """Return an array, or an image in the memory, as a volume.

    Args:
        given: a `Volume`; an image of nibabel or SimpleITK, with the place that it has; or an array of three axes, two
            for one slice, and after them 3 for RGB.
        order: of an array's axes: D for slices, H for rows, W for columns. ``DHW`` is that of arrays from SimpleITK and
            of stacked images, ``WHD`` that of arrays from nibabel; of one slice ``HW`` or ``WH``.
        affine: (4, 4) from (column, row, slice) to mm in NIfTI's axes, as nibabel has it; then ``order`` is ``WHD``
            unless it is given. Without it nobody knows where an array lies.

    Raises:
        InputError: if it is no volume; for an array without ``order`` and ``affine``, and anything else with them.
    """
    array = not isinstance(given, Volume) and not hasattr(given, "dataobj") and not hasattr(given, "GetPixelIDValue")
    if array:
        return _from_array(np.asarray(given), order, affine)
    if order is not None or affine is not None:
        raise InputError("order and affine are for arrays; volumes and images have their own")
    if isinstance(given, Volume):
        return given
    return _from_nibabel(given) if hasattr(given, "dataobj") else from_sitk(given)


def as_given(volume: Volume) -> Any:
    """Return a volume as what it was made of: an array in its order, an image of nibabel or SimpleITK; else itself."""
    origin = volume.origin
    if isinstance(origin, GivenArray | NibabelImage | SitkImage):
        return origin.like(volume.oriented(volume.stored))
    return volume


def _from_array(array: NDArray[Any], order: str | None, affine: Any) -> Volume:
    if order is None and affine is None:
        raise InputError(
            f"an array of {array.shape} does not say which axes are slices, rows and columns: give order='DHW' "
            "(slices, rows, columns, as from SimpleITK), order='WHD' (as from nibabel), or nibabel's affine=; or give "
            "the image that it is from"
        )
    sides = 2 if array.ndim == 2 or (order is not None and len(order) == 2) else 3
    order = order or AXES[-sides:][::-1]
    if sorted(order) != sorted(AXES[-sides:]) or array.ndim not in (sides, sides + 1):
        raise InputError(
            f"order is {order!r} for an array of {array.shape}; it has one letter for each axis, D for slices, H for "
            "rows and W for columns, such as DHW, WHD or, for one slice, HW; colours come last and have none"
        )
    axes = [order.index(axis) for axis in AXES[-sides:]]
    voxels = array.transpose(axes + list(range(sides, array.ndim)))
    voxels = voxels[None] if sides == 2 else voxels
    if affine is None:
        return Volume(voxels, origin=GivenArray(order))
    return Volume(voxels, np.asarray(affine, np.float64), True, origin=GivenArray(order))


def _from_nibabel(image: Any) -> Volume:
    nibabel = require("nibabel", "medical")
    array = np.asanyarray(image.dataobj)
    shape = array.shape + (1,) * (3 - array.ndim)
    if array.ndim < 2 or any(size > 1 for size in shape[3:]):
        raise InputError(
            f"an image of {' x '.join(map(str, array.shape))} voxels; it must be a volume of three dimensions, so take "
            "one point in time or one channel of it"
        )
    placed, unknown = image.affine is not None, "its header has neither sform nor qform"
    if isinstance(image.header, nibabel.Nifti1Header):
        header = image.header.copy()
        placed = placed and located(header)
    else:
        header = nibabel.Nifti1Header.from_header(image.header, check=False)
        header.set_xyzt_units("mm")
        if type(image.header) in (nibabel.AnalyzeHeader, nibabel.Spm99AnalyzeHeader, nibabel.Spm2AnalyzeHeader):
            placed, unknown = False, "a header of Analyze tells no front from back"
    scaling = float(getattr(image.dataobj, "slope", 1.0)), float(getattr(image.dataobj, "inter", 0.0))
    if isinstance(image.dataobj, np.ndarray) and array.dtype.kind in "uif":
        # what the header says is how it will be stored; what is there counts
        header.set_data_dtype(array.dtype if array.dtype.itemsize > 2 or array.dtype.kind != "f" else np.float32)
    voxels = array.reshape(shape[:3], order="F").transpose(2, 1, 0)
    if scaling != (1, 0):
        voxels = voxels.astype(np.float32)
    affine = millimetres(np.asarray(image.affine, np.float64), header) if placed else steps(header)
    notes = () if placed else (f"the image: {unknown}; slices are taken as they are, sizes in mm are unknown",)
    origin = NibabelImage(header, array.shape, scaling, (".nii.gz", ".nii"), type(image), image.affine)
    return Volume(voxels, affine, placed, None, origin, notes)
