"""Volumes and labels on disk: which are there, which reader they need, what is refused, how labels are written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from visioncore.errors import InputError
from visioncore.files import first_bytes, writable_folder
from visioncore.medical.dicom import DICOM_SUFFIXES, is_dicom
from visioncore.medical.nifti import is_nifti
from visioncore.medical.scans import ScanFiles

from .arrays import is_array, read_array, write_label_array
from .dicom import read_dicom
from .image_stacks import PICTURE_SUFFIXES, is_picture, read_stack, write_label_picture, write_label_stack
from .nifti import read_nifti, write_labels_nifti, write_probabilities
from .volume import Volume

__all__ = [
    "VOLUME_SUFFIXES",
    "Volume",
    "find_volumes",
    "read_labels",
    "read_volume",
    "volume_name",
    "write_labels",
    "write_probabilities",
]

VOLUME_SUFFIXES = (".nii.gz", ".nii", ".npy", ".npz", ".npy.h5", ".h5")
"""Of files that are each a volume. DICOM files and pictures in a folder are slices of one."""

_KNOWN = "NIfTI, DICOM, npy, npz, HDF5 and pictures can be read"
_SCANS = ScanFiles(VOLUME_SUFFIXES, lambda file: is_picture(file) or is_dicom(file), f"no volume in it; {_KNOWN}")


def read_volume(path: str | Path, *, series: str | None = None) -> Volume:
    """Read a scan, whatever it is stored as.

    Args:
        path: a NIfTI file; a DICOM file, or a folder with the files of a series; a folder of PNG, TIFF or JPEG slices,
            a TIFF of several pages, or one picture; an npy file, or an npz or HDF5 file with an array ``image``.
        series: which series to read from a DICOM folder of several; for nothing else.

    Returns:
        The volume, its slices, rows and columns in the order in which they are stored. Where a NIfTI or DICOM header
        does not say where they lie, there is a warning.

    Raises:
        InputError: if there is no such file, or none that can be read as a volume; if there are voxels that are not
            finite; and for what the readers of the kinds of files refuse.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "dicom":
        volume = read_dicom(path, series)
    elif kind == "nifti":
        volume = read_nifti(path)
    else:
        volume = read_array(path, "image") if kind == "array" else read_stack(path)
    return _finite(volume)


def read_labels(path: str | Path) -> Volume:
    """Read labels: whole numbers for every voxel, in any of the ways of `read_volume` but DICOM.

    Of an npz or HDF5 file this is the array ``label``; of palette pictures, the numbers behind the colours.

    Returns:
        A volume (D, H, W) of integers.

    Raises:
        InputError: as `read_volume`, and if values are not whole numbers or there are colours.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "dicom":
        raise InputError(f"{path}: labels are not read from DICOM; convert them to NIfTI")
    if kind == "nifti":
        volume = read_nifti(path)
    else:
        volume = read_array(path, "label") if kind == "array" else read_stack(path, labels=True)
    if volume.voxels.ndim == 4:
        raise InputError(f"{path}: labels are colours; save their numbers as grey values or a palette picture")
    if volume.voxels.dtype.kind in "ui":
        return volume
    whole = np.rint(_finite(volume).voxels)
    if (odd := volume.voxels != whole).any():
        raise InputError(
            f"{path}: {odd.sum()} voxels hold no label, such as {volume.voxels[odd][0]:g}; labels are whole numbers, "
            "so resample them without interpolation"
        )
    return volume.with_voxels(whole.astype(np.int64))


def write_labels(path: str | Path, volume: Volume) -> None:
    """Write labels, in the place of the volume they were made from; missing folders are made.

    Args:
        path: ``.nii.gz`` or ``.nii`` (with the header that the volume was read with, its affine, codes and units);
            ``.npz`` (array ``label``); ``.png`` for a volume of one slice; or no suffix, for a folder with a PNG file
            for each slice.
        volume: (D, H, W) of whole numbers from 0 to 65535, written with 8 bit if that is enough, or 16.

    Raises:
        InputError: if the suffix is another, the values are, or the file cannot be written.
    """
    path, labels = Path(path), volume.voxels
    if labels.ndim != 3 or labels.dtype.kind not in "ui" or labels.min() < 0 or labels.max() > 65535:
        raise InputError(f"{path}: labels must be (slices, rows, columns) of whole numbers from 0 to 65535")
    volume = volume.with_voxels(labels.astype(np.uint8 if labels.max() < 256 else np.uint16))
    if path.name.endswith((".nii", ".nii.gz")):
        write_labels_nifti(path, volume)
    elif path.suffix == ".npz":
        writable_folder(path.parent)
        write_label_array(path, volume)
    elif path.suffix == ".png" and len(labels) == 1:
        write_label_picture(path, volume.voxels[0])
    elif not path.suffix or path.is_dir():
        write_label_stack(path, volume)
    else:
        raise InputError(
            f"{path}: labels of {len(labels)} slice(s) are written as .nii.gz, .nii, .npz or, without suffix, a folder "
            "of PNG files"
        )


def volume_name(path: str | Path) -> str:
    """Return what a volume is called: its file's name without the suffix, or its folder's name."""
    path = Path(path)
    if path.is_dir():
        return path.resolve().name
    suffixes = (*VOLUME_SUFFIXES, *DICOM_SUFFIXES, *PICTURE_SUFFIXES)
    # of others, such as the UIDs that DICOM files may be called by, all is name
    suffix = next((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), "")
    return path.name[: len(path.name) - len(suffix)]


def find_volumes(inputs: Iterable[str | Path]) -> list[Path]:
    """Return the volumes that ``inputs`` name, in that order, each once.

    Args:
        inputs: files, folders and glob patterns. A file is a volume. A folder is searched to any depth, hidden files
            and folders aside: in it every file with one of `VOLUME_SUFFIXES` is a volume, and so is every folder that
            has none of these but DICOM files or pictures.

    Raises:
        InputError: if an input does not exist, or there is no volume in it.
    """
    return list(dict.fromkeys(path for entry in inputs for path in _SCANS.find(entry)))


def _kind(path: Path) -> Literal["dicom", "nifti", "array", "picture"]:
    """Return how a file or folder is to be read, by its content as far as that tells."""
    if path.is_dir():
        files = [file for file in path.iterdir() if file.is_file() and file.name[0] != "."]
        if any(is_dicom(file) for file in files):
            return "dicom"
        if any(is_picture(file) for file in files):
            return "picture"
        raise InputError(f"{path}: neither DICOM files nor pictures lie in this folder; name a volume")
    start = first_bytes(path, 8)
    if is_dicom(path):
        return "dicom"
    if is_array(start):
        return "array"
    if is_nifti(start):
        return "nifti"
    if is_picture(path):
        return "picture"
    raise InputError(f"{path}: not a volume; {_KNOWN}")


def _finite(volume: Volume) -> Volume:
    """Return ``volume``; refuse it if there are voxels that are not finite."""
    if volume.voxels.dtype.kind == "f" and not (finite := np.isfinite(volume.voxels)).all():
        first = tuple(map(int, np.unravel_index(finite.argmin(), finite.shape)))
        raise InputError(
            f"{volume.source}: {finite.size - finite.sum()} of {finite.size} voxels are not finite numbers, the first "
            f"at slice, row, column {', '.join(map(str, first[:3]))}; give them a value, such as that of air"
        )
    return volume
