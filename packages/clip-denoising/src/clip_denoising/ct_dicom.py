"""CT in DICOM files: a series in order and in Hounsfield units in, the same series with other values out."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import atomic_path, natural_key

from .dicom_copy import whole_folder, write_copy
from .dicom_slice import Slice, in_order
from .method import METHOD

if TYPE_CHECKING:
    from numpy.typing import NDArray

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")

# what pydicom raises for files that are damaged in one way or another
_DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError),
    struct.error,
)


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """A DICOM series, or a single file, that was read.

    Attributes:
        source: the folder or the file.
        slices: in the order of the volume.
    """

    source: Path
    slices: tuple[Slice, ...] = field(repr=False)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the name of a result may end; none for a folder."""
        return () if self.source.is_dir() else (self.source.suffix.lower(),)

    def write(self, path: Path, hu: NDArray[np.float32]) -> None:
        """Write copies of the files with other values (D, H, W), rescaled as before, as a derived series.

        Names and everything else in the files are kept, except that series and images get identifiers of their own,
        as the standard demands, and that pixels are not compressed.

        Args:
            path: a file for a file, a folder for a folder; a new folder appears whole.
            hu: the values.

        Raises:
            InputError: if the source has gone or changed, or the system refuses the write.
        """
        folder = path if self.source.is_dir() else path.parent
        # slices that are given one by one are of one series again
        source = str(self.slices[0].header.get("SeriesInstanceUID"))
        uid = import_module("pydicom.uid").generate_uid(entropy_srcs=[source, str(folder.resolve())])
        places: dict[Path, list[tuple[Slice, NDArray[np.float32]]]] = defaultdict(list)
        for piece, plane in zip(self.slices, hu, strict=True):
            places[piece.file].append((piece, plane))
        if not self.source.is_dir():
            with atomic_path(path) as temporary:
                write_copy(_read(self.source), temporary, places[self.source], uid)
            return
        with whole_folder(path) as folder:
            for file, planes in places.items():
                write_copy(_read(file), folder / file.name, planes, uid)


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


def read_dicom(path: Path, series: str | None = None) -> tuple[NDArray[np.float32], DicomSeries, tuple[str, ...]]:
    """Read a CT slice, a file of several, or the series that lies in a folder.

    Args:
        path: a file, or a folder; the files in it that are not CT are passed over.
        series: the SeriesInstanceUID to read, for a folder of several.

    Returns:
        The Hounsfield units (D, H, W) float32, in order along the patient; what they were read from; and a line if
        slices are missing.

    Raises:
        InputError: if there is no CT, or colours; if there are several series and none is chosen, which lists them; if
            slices differ in size or lack their rescale tags; if a file is damaged, or its pixels are compressed in a
            way that nothing installed can read.
    """
    headers = _headers(path)
    try:
        chosen = _choose(path, headers, series) if path.is_dir() else headers
        _check_sizes(path, chosen)
        slices, notes = in_order(
            path,
            [
                Slice(file, header, number)
                for file, header in chosen.items()
                for number in range(int(header.get("NumberOfFrames") or 1))
            ],
        )
        for piece in slices:
            piece.rescaling  # noqa: B018 (before pixels are decoded, which takes its time)
        return _hounsfield(slices), DicomSeries(path, tuple(slices)), notes
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"{path}: the DICOM header is damaged ({_reason(error)}); export it again") from error


def _headers(path: Path) -> dict[Path, Any]:
    """Return the headers of a file, or of the files in a folder, that hold CT."""
    files = sorted(path.iterdir(), key=natural_key) if path.is_dir() else [path]
    headers = {file: _read(file, stop_before_pixels=True) for file in files if is_dicom(file)}
    scans = {
        file: header for file, header in headers.items() if "Rows" in header and header.get("Modality", "CT") == "CT"
    }
    if not scans:
        held = ", ".join(sorted({str(header.get("Modality", "no picture")) for header in headers.values()}))
        raise InputError(f"{path}: no CT slice in it ({held or 'no DICOM file'}); Hounsfield units are needed")
    return scans


def _read(file: Path, **options: Any) -> Any:
    pydicom = import_module("pydicom")
    try:
        return pydicom.dcmread(file, force=True, **options)
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
    listed = "; ".join(
        f"{uid} ({next(iter(members.values())).get('SeriesDescription') or 'no description'}, {len(members)} files)"
        for uid, members in found.items()
    )
    if series is None:
        raise InputError(f"{folder}: holds {len(found)} series; choose one by its UID: {listed}")
    raise InputError(f"{folder}: no series {series} in it; there is {listed}")


def _check_sizes(path: Path, headers: dict[Path, Any]) -> None:
    """Refuse slices of several sizes, and colours."""
    first = next(iter(headers))
    for file, header in headers.items():
        if (channels := int(header.get("SamplesPerPixel") or 1)) != 1:
            raise InputError(f"{file}: has {channels} channels; CT has one, so this is a screenshot or the like")
        if (header.Rows, header.Columns) != (headers[first].Rows, headers[first].Columns):
            raise InputError(
                f"{path}: slices of several sizes (columns x rows), {headers[first].Columns}x{headers[first].Rows} in "
                f"{first.name} but {header.Columns}x{header.Rows} in {file.name}; keep those of one size in a "
                "folder of their own"
            )


def _hounsfield(slices: Sequence[Slice]) -> NDArray[np.float32]:
    """Return the values of slices (D, H, W) in Hounsfield units; each file is decoded once."""
    header = slices[0].header
    hu = np.empty((len(slices), header.Rows, header.Columns), np.float32)
    members: dict[Path, list[tuple[int, Slice]]] = defaultdict(list)
    for index, piece in enumerate(slices):
        members[piece.file].append((index, piece))
    for file, pieces in members.items():
        stored = _pixels(file)
        for index, piece in pieces:
            slope, intercept = piece.rescaling
            hu[index] = stored[piece.number].astype(np.float64) * slope + intercept
    return hu


def _pixels(file: Path) -> NDArray[Any]:
    """Return what a file stores, (frames, rows, columns)."""
    pixels = import_module("pydicom.pixels")
    data = _read(file)
    try:
        if "TransferSyntaxUID" not in data.file_meta:
            data.file_meta.TransferSyntaxUID = import_module("pydicom.uid").ImplicitVRLittleEndian  # DICOM's default
        syntax = data.file_meta.TransferSyntaxUID
        if not pixels.get_decoder(syntax).is_available:
            raise InputError(
                f'{file}: pixels compressed as {syntax.name}; run: pip install "{METHOD.name}[dicom-compressed]"'
            )
        stored: NDArray[Any] = pixels.pixel_array(data)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"{file}: the pixels are missing, damaged or of an unusual kind ({_reason(error)})") from error
    return stored.reshape(-1, *stored.shape[-2:])
