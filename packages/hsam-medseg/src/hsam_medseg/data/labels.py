"""Labels of scans, and probabilities of labels: read, checked, and written in the place of the scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.medical import Volume
from visioncore.medical.arrays import write_label_array
from visioncore.medical.image_stacks import write_slice, write_stack
from visioncore.medical.nifti import NiftiFile, write_nifti
from visioncore.medical.nifti_files import PAIR
from visioncore.medical.sitk_images import SITK_SUFFIXES, write_with_sitk

from .label_names import names_extension
from .scans import read_volume

_ROUNDED, _MOST_ROUNDED = 1e-4, 0.25
"""How far from whole numbers labels in floats may be, and at most those that a coarse slope could not hold."""


def read_labels(path: str | Path) -> Volume:
    """Read labels: an integer for every voxel, in any format of `read_volume` but DICOM.

    Of an npz or HDF5 file this is the array ``label``; of palette images, the numbers behind the colours. Floats that
    are whole but for rounding, which the slope of a NIfTI file adds to, become whole.

    Returns:
        A volume (D, H, W) of integers.

    Raises:
        InputError: as `read_volume`, and if values are not whole numbers or there are colours.
    """
    volume = read_volume(path, labels=True)
    if volume.voxels.ndim == 4:
        raise InputError(f"{path}: labels are colours; save their numbers as grey values or a palette image")
    if volume.voxels.dtype.kind in "ui":
        return volume
    whole = np.rint(volume.voxels)
    if (odd := np.abs(volume.voxels - whole) > _rounding(volume)).any():
        raise InputError(
            f"{path}: {odd.sum()} voxels hold no label, such as {volume.voxels[odd][0]:g}; labels are whole numbers, "
            "so resample them without interpolation"
        )
    return volume.with_voxels(whole.astype(np.int64))


def _rounding(volume: Volume) -> float:
    """Return how far from whole numbers labels may be that were stored as floats, or as integers with a slope."""
    slope = 0.0
    if isinstance(volume.origin, NiftiFile) and volume.origin.header.get_data_dtype().kind in "ui":
        slope = abs(volume.origin.scaling[0])
    return max(_ROUNDED, min(slope / 2 * (1 + _ROUNDED), _MOST_ROUNDED))


def write_labels(path: str | Path, volume: Volume, names: Mapping[int, str] | None = None) -> None:
    """Write labels with the geometry of the volume they were made from; missing folders are made.

    Args:
        path: ``.nii.gz``, ``.nii`` or ``.hdr`` (with the header that the volume was read with, its affine, codes and
            units); ``.mha``, ``.mhd``, ``.nrrd`` or ``.nhdr``, if SimpleITK is installed; ``.npz`` (array ``label``);
            ``.png`` for a volume of one slice; or no suffix, for a folder with a PNG file for each slice.
        volume: (D, H, W) of whole numbers from 0 to 65535, written with 8 bit if that is enough, or 16.
        names: what labels are called; NIfTI files say so in their header, others have no place for it.

    Raises:
        InputError: if the suffix is another, the values are, or the file cannot be written.
    """
    path, labels = Path(path), volume.voxels
    if labels.ndim != 3 or labels.dtype.kind not in "ui" or labels.min() < 0 or labels.max() > 65535:
        raise InputError(f"{path}: labels must be (slices, rows, columns) of whole numbers from 0 to 65535")
    volume = volume.with_voxels(labels.astype(np.uint8 if labels.max() < 256 else np.uint16))
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz", PAIR[0])):
        write_nifti(path, volume.voxels, volume, extension=names_extension(names) if names else None)
    elif name.endswith((*SITK_SUFFIXES["MetaImage"], *SITK_SUFFIXES["NRRD"])):
        write_with_sitk(path, volume, compress=True)
    elif path.suffix == ".npz":
        writable_folder(path.parent)
        write_label_array(path, volume)
    elif path.suffix == ".png" and len(labels) == 1:
        write_slice(path, volume.voxels[0])
    elif not path.suffix or path.is_dir():
        write_stack(path, volume)
    else:
        raise InputError(
            f"{path}: labels of {len(labels)} slice(s) are written as .nii.gz, .nii, .hdr, .mha, .mhd, .nrrd, .nhdr, "
            ".npz or, without suffix, a folder of PNG files"
        )


def write_probabilities(path: str | Path, probabilities: NDArray[Any], volume: Volume) -> None:
    """Write probabilities as a 4-D NIfTI file (i, j, k, channel) of float32 with the geometry of ``volume``.

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
    write_nifti(Path(path), probabilities.astype(np.float32, copy=False), volume)
