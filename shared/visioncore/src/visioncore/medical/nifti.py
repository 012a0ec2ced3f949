"""NIfTI files: volumes in; the like out, or other values in the place of any volume."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from ..files import atomic_path, writable_folder
from .header_and_data import write_both
from .nifti_files import PAIR, Content, located, open_nifti, shown
from .number_types import as_type, plain_numbers
from .orientation import Affine
from .volume import Volume, affine_fault

_MILLIMETRES = {1: 1000.0, 3: 0.001}
"""Of the codes of metres and micrometres; 2 are millimetres, and others no unit of length."""
_CHANNELS = (2, 3)
"""How many channels a fourth axis may be."""
_FAST, _SMALL = 1, 6
"""Levels of gzip: labels become small at any, and more costs more time than it saves."""
# how a volume was to be shown and read does not hold for other values in its place
_OF_OLD_VALUES = ("cal_min", "cal_max", "intent_code", "intent_p1", "intent_p2", "intent_p3")


@dataclass(frozen=True, eq=False)
class NiftiFile:
    """A NIfTI file that was read.

    Attributes:
        header: nibabel's, of either version.
        shape: of its array.
        scaling: slope and intercept, which make values of the numbers in it.
        suffixes: how the name of a result may end.
    """

    header: Any = field(repr=False)
    shape: tuple[int, ...]
    scaling: tuple[float, float]
    suffixes: tuple[str, ...]

    def write(self, path: Path, volume: Volume, derivation: str) -> None:
        """Write other values with the header, the type and the scaling of this file, see `writing.write_like`."""
        slope, intercept = self.scaling
        stored = as_type((volume.voxels.astype(np.float64) - intercept) / slope, self.header.get_data_dtype())
        image = _image(stored.transpose(2, 1, 0).reshape(self.shape, order="F"), None, self.header.copy())
        image.header.set_slope_inter(slope, intercept)  # nibabel then writes the numbers as they are
        _write(path, image, _SMALL)


def read_nifti(path: Path, *, placed: bool = True, channels: bool = False) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file, compressed or not, by its content; or a pair of header and voxels, Analyze too.

    Scaled values become float32; others keep their type. One slice, and one point in time, are fine. As nibabel has
    it, a slope of 0 or NaN means that nothing is scaled, and of two codes above 0 the sform's counts, unless it is
    singular.

    Args:
        path: the file; of a pair either.
        placed: an affine that is singular, or a spacing that is not above 0, is an error, and a missing affine is
            noted; else these are passed over, and the volume is not located.
        channels: take a fourth axis of two or three for channels. Of two, the first is the third as well.

    Raises:
        InputError: if the file is truncated, damaged, not NIfTI, not real-valued, or a volume over time or of several
            channels; or for its affine.
    """
    with open_nifti(path) as content:
        voxels = _voxels(path, content, channels)
    header, notes = content.header, content.notes
    placeable = located(header)
    affine = _affine(header) if placeable else steps(header)
    if not placeable and placed:
        unknown = "is Analyze, which tells no front from back" if content.analyze else "has neither sform nor qform"
        notes += (f"{path}: the header {unknown}; slices are taken as they are stored, sizes in mm are unknown",)
    fault = affine_fault(affine)
    if placeable and not header["sform_code"] > 0 and not all(step > 0 for step in content.spacing):
        fault = f"the spacing in the header is {shown(content.spacing)}; each must be above 0, so repair pixdim"
    if placeable and fault:
        if placed:
            raise InputError(f"{path}: {fault}")
        placeable, affine = False, steps(header)
    origin = NiftiFile(
        header, content.voxels.shape, (float(content.voxels.slope), float(content.voxels.inter)), _suffixes(path)
    )
    return Volume(voxels, affine, placeable, path, origin, notes)


def write_nifti(path: Path, array: NDArray[Any], place: Volume, *, extension: tuple[int, bytes] | None = None) -> None:
    """Write values in the place of a volume, with the header it was read with if that was of NIfTI.

    Args:
        path: ``.nii``, or ``.nii.gz`` for a compressed file; missing folders are made.
        array: (D, H, W), or (K, D, H, W) for K channels, of a type that NIfTI has.
        place: the volume, (D, H, W).
        extension: code and content of one that the header gets.

    Raises:
        InputError: if the system refuses the write.
    """
    array = array.transpose(2, 1, 0) if array.ndim == 3 else array.transpose(3, 2, 1, 0)
    affine = place.affine if place.located else None
    if isinstance(place.origin, NiftiFile):
        header = fresh_header(place.origin.header, array.dtype)
        image = _image(array, None if affine is None else _scaled(affine, 1 / _unit(header)), header)
    else:
        image = require("nibabel", "medical").Nifti1Image(array, affine)
        if affine is not None:
            image.set_sform(affine, "scanner")
            image.set_qform(affine, "scanner")
            image.header.set_xyzt_units("mm")
    if extension is not None:
        image.header.extensions.append(import_module("nibabel.nifti1").Nifti1Extension(*extension))
    writable_folder(path.parent)
    _write(path, image, _FAST)


def fresh_header(header: Any, dtype: np.dtype[Any]) -> Any:
    """Return the header of other values in the place of old ones."""
    header = header.copy()
    header.extensions.clear()
    for name in _OF_OLD_VALUES:
        header[name] = 0
    header["intent_name"] = b""
    header.set_slope_inter(1, 0)
    header.set_data_dtype(dtype)
    return header


def millimetres(affine: Affine, header: Any) -> Affine:
    """Return an affine in the unit of length of a header as one in mm; mm if it names none."""
    return _scaled(affine, _unit(header))


def _suffixes(path: Path) -> tuple[str, ...]:
    """Return how results may be called; pairs stay pairs."""
    if path.suffix.lower() in PAIR:
        return (PAIR[0],)
    return (".nii.gz", ".nii") if path.name.lower().endswith(".gz") else (".nii", ".nii.gz")


def _voxels(path: Path, content: Content, channels: bool) -> NDArray[Any]:
    """Return the values (slice, row, column) of an open file, with three channels behind if it may have some."""
    stored = content.voxels
    shape = stored.shape + (1,) * (3 - len(stored.shape))
    several = channels and len(shape) == 4 and shape[3] in _CHANNELS
    if len(stored.shape) < 2 or (any(size > 1 for size in shape[3:]) and not several):
        few = f", or give {_CHANNELS[0]} or {_CHANNELS[-1]} of them" if channels else ""
        raise InputError(
            f"{path}: {len(stored.shape)}-D, {' x '.join(map(str, stored.shape))} voxels; it must be a volume of three "
            f"dimensions, so take one point in time or one channel of it{few}"
        )
    if stored.dtype.kind not in "uif":
        raise InputError(
            f"{path}: holds {content.header.get_value_label('datatype')} voxels; they must be real numbers, one channel"
        )
    voxels = np.asanyarray(stored).reshape(shape if several else shape[:3], order="F")
    if (stored.slope, stored.inter) != (1, 0):
        voxels = voxels.astype(np.float32)
    voxels = plain_numbers(voxels).swapaxes(0, 2)
    return voxels if voxels.ndim == 3 or voxels.shape[3] == 3 else voxels[..., [0, 1, 0]]


def _affine(header: Any) -> Affine:
    """Affine from voxels to mm, of a header that has one."""
    return millimetres(np.asarray(header.get_best_affine(), np.float64), header)


def steps(header: Any) -> Affine:
    """Return an affine of nothing but the steps between voxels in mm, 1 where they are unknown."""
    sizes = np.abs(header["pixdim"][1:4].astype(np.float64)) * _unit(header)
    return np.diag([*np.where(np.isfinite(sizes) & (sizes > 0), sizes, 1.0), 1.0])


def _unit(header: Any) -> float:
    """Return the millimetres in the header's unit of length; mm if it names none."""
    return _MILLIMETRES.get(int(header["xyzt_units"]) & 7, 1.0)


def _scaled(affine: Affine, factor: float) -> Affine:
    return np.diag([factor, factor, factor, 1.0]) @ affine


def _image(array: NDArray[Any], affine: Affine | None, header: Any) -> Any:
    """Return nibabel's image of an array (i, j, k) or with further axes, of the version of NIfTI that a header has."""
    nibabel = require("nibabel", "medical")
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    return kind(array, affine, header)


def _write(path: Path, image: Any, level: int) -> None:
    """Write nibabel's image whole or not at all, and always the same bytes for the same image."""
    name = path.name.lower()
    if name.endswith(PAIR[0]):
        _write_pair(path, image)
        return
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        if name.endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=file, mtime=0) as stream:
                image.to_stream(stream)
        else:
            image.to_stream(file)


def _write_pair(path: Path, image: Any) -> None:
    """Write nibabel's image as a header with the voxels beside it."""
    nibabel = require("nibabel", "medical")
    kind = nibabel.Nifti2Pair if isinstance(image, nibabel.Nifti2Image) else nibabel.Nifti1Pair
    write_both(path, lambda header: kind.from_image(image).to_filename(str(header)))
