"""DICOM: the files of a series, and the values in them."""

from __future__ import annotations

import struct
import warnings
from collections import defaultdict
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import natural_key

from .dicom_planes import Frame, arrange
from .geometry import Volume
from .method import METHOD

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

_NO_SCAN = ("SEG", "RTDOSE")
"""Modalities that have pixels, often lie beside a scan, and are none."""
_MEASURED = ("CT", "MR", "PT", "NM")
"""Modalities whose values mean something; of the others MONOCHROME1, dark for high, is turned round."""

# what pydicom raises for files that are damaged in one way or another
_DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError),
    struct.error,
)


def is_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark or, as old files may lack it, its suffix; not a DICOMDIR, a list of files."""
    if path.name.upper() == "DICOMDIR":
        return False
    if path.suffix.lower() in DICOM_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


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
    try:
        chosen = _choose(path, headers, series) if path.is_dir() else headers
        frames = [
            Frame(file, header, number)
            for file, header in chosen.items()
            for number in range(int(header.get("NumberOfFrames") or 1))
        ]
        frames, affine, located = arrange(frames, path)
        voxels = _values(frames, path)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"{path}: the DICOM header is damaged ({_reason(error)}); export it again") from error
    if not located:
        warnings.warn(
            f"{path}: the DICOM header does not say where the voxels lie, or how thick slices are; sizes in mm are "
            "unknown",
            stacklevel=2,
        )
    return Volume(voxels, affine, located, path, tuple({frame.file: frame.header for frame in frames}.values()))


def _headers(path: Path) -> dict[Path, Any]:
    """Return the headers of a file, or of a folder's files, that hold pictures of a scan."""
    files = sorted(path.iterdir(), key=natural_key) if path.is_dir() else [path]
    headers = {file: _header(file) for file in files if file.is_file() and is_dicom(file)}
    scans = {
        file: header for file, header in headers.items() if "Rows" in header and header.get("Modality") not in _NO_SCAN
    }
    if not scans:
        held = ", ".join(sorted({str(header.get("Modality", "no picture")) for header in headers.values()}))
        raise InputError(f"{path}: no picture of a scan in it ({held or 'no DICOM file'}); name a DICOM series")
    return scans


def _header(file: Path) -> Any:
    pydicom = import_module("pydicom")
    try:
        return pydicom.dcmread(file, stop_before_pixels=True, force=True)
    except _DAMAGED as error:
        raise InputError(
            f"{file}: the DICOM file is truncated or damaged ({_reason(error)}); export it again"
        ) from error


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())


def _choose(folder: Path, headers: dict[Path, Any], series: str | None) -> dict[Path, Any]:
    """Return the headers of one series."""
    found: dict[str, dict[Path, Any]] = defaultdict(dict)
    for file, header in headers.items():
        found[str(header.get("SeriesInstanceUID", "without UID"))][file] = header
    if series in found:
        return found[series]
    if series is None and len(found) == 1:
        return headers
    listed = "; ".join(f"{uid} ({_describe(list(members.values()))})" for uid, members in found.items())
    if series is None:
        raise InputError(f"{folder}: holds {len(found)} series; choose one by its UID: {listed}")
    raise InputError(f"{folder}: no series {series} in it; there is {listed}")


def _describe(headers: Sequence[Any]) -> str:
    slices = sum(int(header.get("NumberOfFrames") or 1) for header in headers)
    name = str(headers[0].get("SeriesDescription") or headers[0].get("Modality") or "no description")
    return f"{name}, {slices} slice{'s' * (slices != 1)}"


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
    pixels = import_module("pydicom.pixels")
    syntax = header.file_meta.get("TransferSyntaxUID")
    try:
        if syntax is not None and not pixels.get_decoder(syntax).is_available:
            raise InputError(
                f'{file}: pixels compressed as {syntax.name}; run: pip install "{METHOD.name}[dicom-compressed]"'
            )
        # not of the file itself, which pydicom cannot do where the whole data set is compressed
        stored: NDArray[Any] = pixels.pixel_array(import_module("pydicom").dcmread(file, force=True))
        if header.get("PhotometricInterpretation") == "PALETTE COLOR":
            stored = pixels.apply_color_lut(stored, header)
        if header.get("PhotometricInterpretation") == "MONOCHROME1" and header.get("Modality") not in _MEASURED:
            stored = stored.dtype.type(-1 if header.PixelRepresentation else 2**header.BitsStored - 1) - stored
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"{file}: the pixels are missing, damaged or of an unusual kind ({_reason(error)})") from error
    return stored if int(header.get("NumberOfFrames") or 1) > 1 else stored[None]
