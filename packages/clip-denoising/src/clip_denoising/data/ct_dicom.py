"""CT in DICOM files: a series in order and in Hounsfield units in, the same series with other values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import atomic_path, whole_folder
from visioncore.medical.dicom import choose_series, header_damage, modalities, read_dataset, read_headers, read_pixels
from visioncore.medical.frames import Frame, frames_of

from ..method import METHOD
from .dicom_copy import write_copy
from .dicom_slice import rescaling, stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """A DICOM series, or a single file, that was read.

    Attributes:
        source: the folder or the file.
        slices: in the order of the volume.
    """

    source: Path
    slices: tuple[Frame, ...] = field(repr=False)

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
        places: dict[Path, list[tuple[Frame, NDArray[np.float32]]]] = defaultdict(list)
        for frame, plane in zip(self.slices, hu, strict=True):
            places[frame.file].append((frame, plane))
        if not self.source.is_dir():
            with atomic_path(path) as temporary:
                write_copy(read_dataset(self.source), temporary, places[self.source], uid)
            return
        with whole_folder(path) as folder:
            for file, planes in places.items():
                write_copy(read_dataset(file), folder / file.name, planes, uid)


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
    with header_damage(path):
        chosen = choose_series(path, headers, series) if path.is_dir() else headers
        _check_sizes(path, chosen)
        slices, notes = stacked(path, frames_of(chosen))
        for frame in slices:
            rescaling(frame)  # before pixels are decoded, which takes its time
        return _hounsfield(slices), DicomSeries(path, tuple(slices)), notes


def _headers(path: Path) -> dict[Path, Any]:
    """Return the headers of a file, or of the files in a folder, that hold CT."""
    headers = read_headers(path)
    scans = {
        file: header for file, header in headers.items() if "Rows" in header and header.get("Modality", "CT") == "CT"
    }
    if not scans:
        raise InputError(f"{path}: no CT slice in it ({modalities(headers)}); Hounsfield units are needed")
    return scans


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


def _hounsfield(slices: Sequence[Frame]) -> NDArray[np.float32]:
    """Return the values of slices (D, H, W) in Hounsfield units; each file is decoded once."""
    header = slices[0].header
    hu = np.empty((len(slices), header.Rows, header.Columns), np.float32)
    members: dict[Path, list[tuple[int, Frame]]] = defaultdict(list)
    for index, frame in enumerate(slices):
        members[frame.file].append((index, frame))
    for file, frames in members.items():
        stored = read_pixels(file, METHOD.name)
        for index, frame in frames:
            slope, intercept = rescaling(frame)
            hu[index] = stored[frame.number].astype(np.float64) * slope + intercept
    return hu
