"""NIfTI files: volumes in, labels and probabilities out, in the place of the volume they belong to."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.medical.nifti import like_header, open_nifti, write_nifti

from .volume import Affine, Volume, plain_numbers

_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}
_SPEED = 1
"""Of gzip: labels become small at any, and more costs more time than it saves."""


def read_nifti(path: Path) -> Volume:
    """Read a NIfTI-1 or NIfTI-2 file, compressed or not, by its content.

    Scaled values become float32; others keep their type. One slice, and one point in time, are fine.

    Raises:
        InputError: if the file is truncated, damaged, not NIfTI, not real-valued, or a volume over time or of several
            channels; or if its affine is singular.
    """
    with open_nifti(path) as image:
        header, voxels, affine = _load(path, image)
    located = bool(header["sform_code"] > 0 or header["qform_code"] > 0)
    if not located:
        warnings.warn(
            f"{path}: the header has neither sform nor qform; slices are taken as they are stored, sizes in mm are "
            "unknown",
            stacklevel=2,
        )
    return Volume(voxels, affine, located, path, header)


def write_labels_nifti(path: Path, volume: Volume) -> None:
    """Write whole numbers, (D, H, W) of a type that NIfTI has, into the place of ``volume``."""
    _write(path, volume.voxels.transpose(2, 1, 0), volume)


def write_probabilities(path: str | Path, probabilities: NDArray[Any], volume: Volume) -> None:
    """Write probabilities as a 4-D NIfTI file (i, j, k, channel) of float32 in the place of ``volume``.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        probabilities: (K, D, H, W), channel 0 is the background.
        volume: what they belong to, (D, H, W).

    Raises:
        InputError: if the shapes do not fit, the suffix is another, or the file cannot be written.
    """
    if probabilities.ndim != 4 or probabilities.shape[1:] != volume.voxels.shape[:3]:
        raise InputError(f"probabilities are {probabilities.shape}; the volume they belong to, {volume.voxels.shape}")
    if not str(path).endswith((".nii", ".nii.gz")):
        raise InputError(f"{path}: probabilities are written as .nii or .nii.gz")
    _write(Path(path), probabilities.transpose(3, 2, 1, 0).astype(np.float32, copy=False), volume)


def _load(path: Path, image: Any) -> tuple[Any, NDArray[Any], Affine]:
    """Return header, voxels (slice, row, column) and affine in mm of an open file."""
    header = image.header
    shape = image.shape + (1,) * (3 - len(image.shape))
    if len(image.shape) < 2 or any(size > 1 for size in shape[3:]):
        raise InputError(
            f"{path}: {len(image.shape)}-D, {' x '.join(map(str, image.shape))} voxels; it must be a volume of three "
            "dimensions, so take one point in time or one channel of it"
        )
    if image.get_data_dtype().kind not in "uif":
        raise InputError(f"{path}: holds {header.get_value_label('datatype')} voxels; they must be real numbers")
    voxels = np.asanyarray(image.dataobj).reshape(shape[:3], order="F")
    if (image.dataobj.slope, image.dataobj.inter) != (1, 0):
        voxels = voxels.astype(np.float32)
    return header, plain_numbers(voxels).transpose(2, 1, 0), _affine(header)


def _affine(header: Any) -> Affine:
    """Return what maps voxels to mm; only the steps between voxels if the header has no more."""
    if header["sform_code"] > 0 or header["qform_code"] > 0:
        affine = np.asarray(header.get_best_affine(), np.float64)
        return np.diag([*[_unit(header)] * 3, 1.0]) @ affine
    steps = np.abs(header["pixdim"][1:4].astype(np.float64)) * _unit(header)
    return np.diag([*np.where(np.isfinite(steps) & (steps > 0), steps, 1.0), 1.0])


def _unit(header: Any) -> float:
    """Return the millimetres in the header's unit of length; mm if it names none."""
    return _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)


def _write(path: Path, array: NDArray[Any], volume: Volume) -> None:
    """Write ``array``, (i, j, k) or (i, j, k, channel), with the header of ``volume`` where that is of NIfTI."""
    nibabel = import_module("nibabel")
    if isinstance(volume.header, nibabel.Nifti1Header):
        header = volume.header.copy()
        header.extensions.clear()
        # how the volume was to be shown and read does not hold for what is written
        for name in ("cal_min", "cal_max", "intent_code", "intent_p1", "intent_p2", "intent_p3"):
            header[name] = 0
        header["intent_name"] = b""
        header.set_slope_inter(1, 0)
        header.set_data_dtype(array.dtype)
        affine = np.diag([*[1 / _unit(header)] * 3, 1.0]) @ volume.affine if volume.located else None
        image = like_header(array, affine, header)
    else:
        image = nibabel.Nifti1Image(array, volume.affine if volume.located else None)
        if volume.located:
            image.set_sform(volume.affine, "scanner")
            image.set_qform(volume.affine, "scanner")
            image.header.set_xyzt_units("mm")
    writable_folder(path.parent)
    write_nifti(path, image, _SPEED)
