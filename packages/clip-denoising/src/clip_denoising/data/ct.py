"""CT volumes in Hounsfield units, read from DICOM, NIfTI, MetaImage, NRRD and npy files and written as they came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume, write_like
from visioncore.medical.arrays import NpyFile
from visioncore.medical.dicom_frames import Frame
from visioncore.medical.dicom_series import DicomSeries
from visioncore.medical.orientation import axial_code

from ..method import METHOD

if TYPE_CHECKING:
    from numpy.typing import NDArray

CT_SCANS = ScanReader("CT scan", ("DICOM", "NIfTI", "MetaImage", "NRRD", "npy"), modality="CT", placed=False)
"""Finds CT scans and reads them; each slice is denoised by itself, so they need not make a stack."""
MOST_HU = 31743
"""Largest value of signed 16-bit numbers at the usual intercept of -1024; even metal has less."""


def read_ct(path: str | Path, *, series: str | None = None, skip_damaged: bool = False) -> Volume:
    """Read a CT volume of any supported format.

    Args:
        path: a DICOM file, or a folder with the files of a series; a NIfTI, MetaImage or NRRD file; or an npy file with
            (H, W) or (D, H, W) Hounsfield units.
        series: which series to read from a DICOM folder of several, by its SeriesInstanceUID.
        skip_damaged: note slices of a DICOM series that are damaged, and go on without them; else they are an error.

    Returns:
        The volume (D, H, W) float32 in Hounsfield units, with the nearest to axial slices that the file has. Its notes
        tell of what is odd, such as missing slices.

    Raises:
        InputError: if there is no such file, or none that can be read as CT; if DICOM files lack their rescale tags,
            differ in size, or are of several series and none is chosen; and as `as_volume`.
    """
    volume = CT_SCANS.read(path, series=series, skip_damaged=skip_damaged)
    if isinstance(volume.origin, DicomSeries):
        for frame in volume.origin.frames:
            _check_rescaling(frame)
        return as_hounsfield(volume)
    return as_hounsfield(axial(volume))


def axial(volume: Volume) -> Volume:
    """Return a volume with the nearest to axial slices that it has; as it is if it does not say how it lies."""
    return volume.oriented(axial_code(volume.orientation)) if volume.located else volume


def as_hounsfield(volume: Volume) -> Volume:
    """Return a volume of Hounsfield units, of any type of real numbers, in float32 and with notes on what is odd.

    Raises:
        InputError: if values are not finite, of several channels, or seem to be stored values in [0, 1].
    """
    shape = volume.voxels.shape
    bare = isinstance(volume.origin, NpyFile)  # an array whose last axis may be anything
    if len(shape) == 4 or (bare and shape[2] in (3, 4) and min(shape[:2]) > 4):
        raise InputError(f"{volume.name}: {shape} has {shape[-1]} channels; CT has one, as (H, W) or (D, H, W)")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is told
        volume = volume.with_voxels(np.ascontiguousarray(volume.voxels, np.float32))
    volume.check_finite()
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if 0 <= low < high <= 1:
        raise InputError(
            f"{volume.name}: values from {low:.3g} to {high:.3g} are not Hounsfield units; if 0 to 1 stand for "
            "-1024 to 3072 HU, multiply them by 4096 and subtract 1024"
        )
    notes = list(volume.notes)
    if low >= 0 and high > 1:
        notes.append(f"{volume.name}: nothing is below 0 HU, though air is -1000; the intercept may be missing")
    if high > MOST_HU:
        notes.append(f"{volume.name}: up to {high:.0f} HU, more than even metal has; perhaps padding, read as unsigned")
    return replace(volume, notes=tuple(dict.fromkeys(notes)))


def write_ct(path: str | Path, hu: NDArray[np.float32], like: Volume) -> None:
    """Write Hounsfield units as another volume was stored, see `visioncore.medical.write_like`.

    Args:
        path: a file, or a folder for a series.
        hu: (D, H, W).
        like: the volume whose place they take.

    Raises:
        InputError: if the shapes differ, values are not finite, the path is of another kind, or the system refuses.
    """
    write_like(path, like.with_voxels(hu), derivation=f"Denoised by {METHOD.title}")


def _check_rescaling(frame: Frame) -> None:
    """Raise an error if a slice does not say how its stored values become Hounsfield units."""
    if frame.get("RescaleIntercept") is None or not float(frame.get("RescaleSlope") or 0):
        raise InputError(
            f"{frame.file}: has no RescaleSlope and RescaleIntercept, so nobody can tell its values in Hounsfield "
            "units; add these tags, or give Hounsfield units as NIfTI or npy"
        )
