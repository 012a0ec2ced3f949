"""NIfTI files: volumes in; the like out, or other values in the place of any volume."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from ..files import atomic_path, writable_folder
from .damage import damage
from .number_types import as_type, plain_numbers
from .orientation import Affine
from .volume import Volume, affine_fault

GZIP = b"\x1f\x8b"
_HEADER = 540
"""Bytes of the longer of the two headers."""
# the sizes of the two headers, in both orders of bytes
_SIZES = (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")
_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
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


def is_nifti(start: bytes) -> bool:
    """Whether a file with these first bytes may be NIfTI: the size of either version's header, or gzip."""
    return start.startswith((GZIP, *_SIZES))


def read_nifti(path: Path, *, placed: bool = True) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file, compressed or not, by its content.

    Scaled values become float32; others keep their type. One slice, and one point in time, are fine. As nibabel has
    it, a slope of 0 or NaN means that nothing is scaled, and of two codes above 0 the sform's counts.

    Args:
        path: the file.
        placed: an affine that is singular is an error, and a missing one is noted; else both are passed over, and the
            volume is not located.

    Raises:
        InputError: if the file is truncated, damaged, not NIfTI, not real-valued, or a volume over time or of several
            channels; or if its affine is singular.
    """
    with open_nifti(path) as image:
        voxels = _voxels(path, image)
    header = image.header
    located = bool(header["sform_code"] > 0 or header["qform_code"] > 0)
    affine = _affine(header) if located else _steps(header)
    if located and not placed and affine_fault(affine):
        located, affine = False, _steps(header)
    gzipped = path.name.lower().endswith(".gz")
    origin = NiftiFile(
        header,
        image.shape,
        (float(image.dataobj.slope), float(image.dataobj.inter)),
        (".nii.gz", ".nii") if gzipped else (".nii", ".nii.gz"),
    )
    unknown = (
        f"{path}: the header has neither sform nor qform; slices are taken as they are stored, sizes in mm are unknown"
    )
    return Volume(voxels, affine, located, path, origin, (unknown,) if placed and not located else ())


def write_nifti(path: Path, array: NDArray[Any], place: Volume) -> None:
    """Write values in the place of a volume, with the header it was read with if that was of NIfTI.

    Args:
        path: ``.nii``, or ``.nii.gz`` for a compressed file; missing folders are made.
        array: (D, H, W), or (K, D, H, W) for K channels, of a type that NIfTI has.
        place: the volume, (D, H, W).

    Raises:
        InputError: if the system refuses the write.
    """
    array = array.transpose(2, 1, 0) if array.ndim == 3 else array.transpose(3, 2, 1, 0)
    affine = place.affine if place.located else None
    if isinstance(place.origin, NiftiFile):
        header = place.origin.header.copy()
        header.extensions.clear()
        for name in _OF_OLD_VALUES:
            header[name] = 0
        header["intent_name"] = b""
        header.set_slope_inter(1, 0)
        header.set_data_dtype(array.dtype)
        image = _image(array, None if affine is None else _scaled(affine, 1 / _unit(header)), header)
    else:
        image = require("nibabel", "medical").Nifti1Image(array, affine)
        if affine is not None:
            image.set_sform(affine, "scanner")
            image.set_qform(affine, "scanner")
            image.header.set_xyzt_units("mm")
    writable_folder(path.parent)
    _write(path, image, _FAST)


@contextmanager
def open_nifti(path: Path) -> Iterator[Any]:
    """Yield nibabel's image of a NIfTI-1 or NIfTI-2 file, compressed or not, by its content.

    Values can be read inside the block only, and what goes wrong inside is taken for damage of the file.

    Raises:
        InputError: if the file is not NIfTI, or is truncated or damaged, also where only its checksum tells.
    """
    nibabel = require("nibabel", "medical")
    with damage(path, "the NIfTI file is truncated or damaged", "; fetch it again"):
        with path.open("rb") as file:
            compressed = file.read(len(GZIP)) == GZIP
        with gzip.open(path) if compressed else path.open("rb") as stream:
            start = stream.read(_HEADER)
            stream.seek(0)
            if start[344:347] == b"n+1":
                kind = nibabel.Nifti1Image
            elif start[4:7] == b"n+2":
                kind = nibabel.Nifti2Image
            else:
                raise InputError(f"{path}: not a NIfTI file; header and voxels must be in one .nii or .nii.gz file")
            yield kind.from_stream(stream)
            if compressed:
                stream.read()  # only at its end gzip compares what it has read with its checksum


def _voxels(path: Path, image: Any) -> NDArray[Any]:
    """Return the values (slice, row, column) of an open file."""
    shape = image.shape + (1,) * (3 - len(image.shape))
    if len(image.shape) < 2 or any(size > 1 for size in shape[3:]):
        raise InputError(
            f"{path}: {len(image.shape)}-D, {' x '.join(map(str, image.shape))} voxels; it must be a volume of three "
            "dimensions, so take one point in time or one channel of it"
        )
    if image.get_data_dtype().kind not in "uif":
        raise InputError(
            f"{path}: holds {image.header.get_value_label('datatype')} voxels; they must be real numbers, one channel"
        )
    voxels = np.asanyarray(image.dataobj).reshape(shape[:3], order="F")
    if (image.dataobj.slope, image.dataobj.inter) != (1, 0):
        voxels = voxels.astype(np.float32)
    return plain_numbers(voxels).transpose(2, 1, 0)


def _affine(header: Any) -> Affine:
    """Affine from voxels to mm, of a header that has one."""
    return _scaled(np.asarray(header.get_best_affine(), np.float64), _unit(header))


def _steps(header: Any) -> Affine:
    """Return an affine of nothing but the steps between voxels in mm, 1 where they are unknown."""
    steps = np.abs(header["pixdim"][1:4].astype(np.float64)) * _unit(header)
    return np.diag([*np.where(np.isfinite(steps) & (steps > 0), steps, 1.0), 1.0])


def _unit(header: Any) -> float:
    """Return the millimetres in the header's unit of length; mm if it names none."""
    return _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)


def _scaled(affine: Affine, factor: float) -> Affine:
    return np.diag([factor, factor, factor, 1.0]) @ affine


def _image(array: NDArray[Any], affine: Affine | None, header: Any) -> Any:
    """Return nibabel's image of an array (i, j, k) or with further axes, of the version of NIfTI that a header has."""
    nibabel = require("nibabel", "medical")
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    return kind(array, affine, header)


def _write(path: Path, image: Any, level: int) -> None:
    """Write nibabel's image whole or not at all, and always the same bytes for the same image."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=file, mtime=0) as stream:
                image.to_stream(stream)
        else:
            image.to_stream(file)
