"""DICOM: the values of a series, in order and in place."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.medical.dicom import choose_series, header_damage, modalities, pixel_damage, read_headers, read_pixels
from visioncore.medical.frames import Frame, frames_of

from ..method import METHOD
from .dicom_planes import arrange
from .volume import Volume

_NO_SCAN = ("SEG", "RTDOSE")
"""Modalities that have pixels, often lie beside a scan, and are none."""
_MEASURED = ("CT", "MR", "PT", "NM")
"""Modalities whose values mean something; of the others MONOCHROME1, dark for high, is turned round."""


def read_dicom(path: Path, series: str | None = None) -> Volume:
    """Read a DICOM file of one or several frames, or the series that lies in a folder.

    Slices are put in order along their normal, whatever the files are called. Rescaled values (Hounsfield units)
    become float32, others keep their type; colours become RGB.

    Args:
        path: a file, or a folder; the files in it that are not pictures of a scan are passed over.
        series: the SeriesInstanceUID to read, for a folder of several.

    Raises:
        InputError: if there is no scan; if there are several series and none is chosen, which lists them, or not the
            one that is; if slices differ in size, are missing, or cannot be put in order; if a file is damaged, or its
            pixels are compressed in a way that nothing installed can read.
    """
    headers = _headers(path)
    with header_damage(path):
        chosen = choose_series(path, headers, series) if path.is_dir() else headers
        frames, affine, located = arrange(frames_of(chosen), path)
        voxels = _values(frames, path)
    if not located:
        warnings.warn(
            f"{path}: the DICOM header does not say where the voxels lie, or how thick slices are; sizes in mm are "
            "unknown",
            stacklevel=2,
        )
    return Volume(voxels, affine, located, path, tuple({frame.file: frame.header for frame in frames}.values()))


def _headers(path: Path) -> dict[Path, Any]:
    """Return the headers of a file, or of a folder's files, that hold pictures of a scan."""
    headers = read_headers(path)
    scans = {
        file: header for file, header in headers.items() if "Rows" in header and header.get("Modality") not in _NO_SCAN
    }
    if not scans:
        raise InputError(f"{path}: no picture of a scan in it ({modalities(headers)}); name a DICOM series")
    return scans


def _values(frames: Sequence[Frame], source: Path) -> NDArray[Any]:
    """Return the values of all frames, (D, H, W) or (D, H, W, 3), rescaled where the headers say so."""
    decoded = {file: _pixels(file, header) for file, header in {frame.file: frame.header for frame in frames}.items()}
    first = decoded[frames[0].file]
    for file, pixels in decoded.items():
        if (pixels.shape[1:], pixels.dtype) != (first.shape[1:], first.dtype):
            raise InputError(
                f"{source}: slices of several sizes or kinds, {first.shape[1:]} {first.dtype} in "
                f"{frames[0].file.name} and {pixels.shape[1:]} {pixels.dtype} in {file.name}; keep those that belong "
                "together in a folder of their own"
            )
    voxels = np.stack([decoded[frame.file][frame.number] for frame in frames])
    scaling = np.array([(frame.get("RescaleSlope"), frame.get("RescaleIntercept")) for frame in frames], np.float32)
    scaling = np.where(np.isnan(scaling), (1, 0), scaling).astype(np.float32)
    if (scaling == (1, 0)).all():
        return voxels
    slopes, intercepts = scaling.T.reshape(2, -1, *[1] * (voxels.ndim - 1))
    values: NDArray[np.float32] = voxels.astype(np.float32)
    values *= slopes
    values += intercepts
    return values


def _pixels(file: Path, header: Any) -> NDArray[Any]:
    """Return what a file stores, (frames, rows, columns) or, for colours, (frames, rows, columns, 3) RGB."""
    stored = read_pixels(file, METHOD.name)
    with pixel_damage(file):
        if header.get("PhotometricInterpretation") == "PALETTE COLOR":
            stored = import_module("pydicom.pixels").apply_color_lut(stored, header)
        if header.get("PhotometricInterpretation") == "MONOCHROME1" and header.get("Modality") not in _MEASURED:
            stored = stored.dtype.type(-1 if header.PixelRepresentation else 2**header.BitsStored - 1) - stored
    return stored
