"""DICOM files: which are, the headers of those in a folder, one series of several, and pixels as they are stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, damage
from ..extras import require
from ..files import natural_key
from ..size_limit import DEFLATE, check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

_ITEM, _SUBSAMPLED = 8, 2
"""Bytes that any compressed frame takes; and how many times as large pixels become whose colours are subsampled."""
_AGAIN = "; export it again"
_DECIDING = ("Modality", "SeriesInstanceUID", "SOPClassUID")
"""Attributes that decide to which series a file belongs, and whether it is an image."""


def is_dicom(path: Path) -> bool:
    """Whether a file has DICOM's mark or, as old files may lack it, its suffix; not a DICOMDIR, a list of files."""
    if path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    if path.suffix.lower() in DICOM_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_dataset(file: Path, **options: Any) -> Any:
    """Return pydicom's data set of a file, of one without DICOM's mark too.

    Args:
        file: where it is.
        options: of ``pydicom.dcmread``.

    Raises:
        InputError: if it is truncated or damaged.
    """
    pydicom = require("pydicom", "medical")
    with damage(file, "the DICOM file is truncated or damaged", _AGAIN):
        if not file.stat().st_size:
            raise InputError(f"{file}: the file is empty{_AGAIN}")
        return pydicom.dcmread(file, force=True, **options)


def read_headers(path: Path, damaged: dict[Path, str] | None = None) -> dict[Path, Any]:
    """Return the data set, without its pixels, of a DICOM file, or of each in a folder, in the order of their names.

    Args:
        path: the file or the folder; hidden files in it are passed over.
        damaged: takes those that are truncated or damaged, with the reason; without it they are an error.

    Raises:
        InputError: if one is truncated or damaged.
    """
    files = sorted(path.iterdir(), key=natural_key) if path.is_dir() else [path]
    headers: dict[Path, Any] = {}
    for file in files:
        if not is_dicom(file) or (file != path and file.name[0] == "."):
            continue
        try:
            header = read_dataset(file, stop_before_pixels=True)
            with damage(file, "the DICOM file is damaged", _AGAIN):
                for name in _DECIDING:  # pydicom decodes a value when it is asked for
                    header.get(name)
            headers[file] = header
        except InputError as error:
            if damaged is None:
                raise
            damaged[file] = str(error).removeprefix(f"{file}: ").removesuffix(_AGAIN)
    return headers


def modalities(headers: Mapping[Path, Any]) -> str:
    """Return the modalities of files for a message, such as ``CT, SEG``, or that there are none."""
    held = {str(header.get("Modality", "no image")) for header in headers.values()}
    return ", ".join(sorted(held)) or "no DICOM file"


def choose_series(folder: Path, headers: Mapping[Path, Any], series: str | None) -> dict[Path, Any]:
    """Return the headers of one series.

    Args:
        folder: where they lie, for messages.
        headers: by file.
        series: its SeriesInstanceUID; None where there is only one.

    Raises:
        InputError: if there are several and none is chosen, or not the one that is; the message lists what there is.
    """
    found: dict[str, dict[Path, Any]] = defaultdict(dict)
    for file, header in headers.items():
        found[str(header.get("SeriesInstanceUID", "without UID"))][file] = header
    if series in found:
        return found[series]
    if series is None and len(found) == 1:
        return dict(headers)
    listed = "; ".join(f"{uid} ({_describe(list(members.values()))})" for uid, members in found.items())
    if series is None:
        raise InputError(f"{folder}: holds {len(found)} series; choose one by its UID: {listed}")
    raise InputError(f"{folder}: no series {series} in it; there is {listed}")


def read_pixels(file: Path) -> NDArray[Any]:
    """Return the pixels of a file, (frames, rows, columns) or, for colours, (frames, rows, columns, 3).

    Raises:
        InputError: if the file is damaged, or compressed in a way that nothing installed can read.
    """
    pixels, uids = require("pydicom.pixels", "medical"), require("pydicom.uid", "medical")
    # not of the file itself, which pydicom cannot do where the whole data set is compressed
    data = read_dataset(file)
    with pixel_damage(file):
        if "TransferSyntaxUID" not in data.file_meta:
            data.file_meta.TransferSyntaxUID = uids.ImplicitVRLittleEndian  # the standard's default
        syntax = data.file_meta.TransferSyntaxUID
        if not pixels.get_decoder(syntax).is_available:
            raise InputError(
                f'{file}: pixels compressed as {syntax.name}; run: pip install "visioncore[dicom-compressed]"'
            )
        stored: NDArray[Any] = pixels.pixel_array(data)
        return stored if frame_count(data) > 1 else stored[None]


def frame_count(header: Any) -> int:
    """Return how many slices a file holds."""
    return int(header.get("NumberOfFrames") or 1)


def check_frames(file: Path, header: Any) -> None:
    """Validate how many slices a file announces, and how large they are, before memory is given to them.

    Raises:
        InputError: if the file cannot hold so many, or they take more memory than `size_limit` allows.
    """
    frames = frame_count(header)
    sides = [int(header.get(name) or 0) for name in ("Rows", "Columns")]
    if frames < 1 or min(sides) < 1:
        raise InputError(f"{file}: announces {frames} slices of {sides[1]} x {sides[0]}{_AGAIN}")
    samples = frames * sides[0] * sides[1] * int(header.get("SamplesPerPixel") or 1)
    bits = samples * int(header.get("BitsAllocated") or 8)
    stored = file.stat().st_size
    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    check_size(file, bits // 8)
    if frames > 1 and syntax is not None and syntax.is_compressed and not syntax.is_deflated:
        check_size(file, frames * _ITEM, stored)
    elif frames > 1:
        deflated = syntax is not None and syntax.is_deflated
        check_size(file, bits // 8, stored, DEFLATE if deflated else _SUBSAMPLED)


def header_damage(path: Path) -> AbstractContextManager[None]:
    """Raise `InputError` for an impossible value in a header."""
    return damage(path, "the DICOM header is damaged", _AGAIN)


def pixel_damage(file: Path) -> AbstractContextManager[None]:
    """Raise `InputError` for pixels that cannot be read."""
    return damage(file, "the pixels are missing, damaged or of an unusual kind")


def _describe(headers: Sequence[Any]) -> str:
    slices = sum(map(frame_count, headers))
    name = str(headers[0].get("SeriesDescription") or headers[0].get("Modality") or "no description")
    return f"{name}, {slices} slice{'s' * (slices != 1)}"
