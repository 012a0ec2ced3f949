"""DICOM series: a volume in order and in place in, the same files with other values out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import atomic_path, whole_folder
from .dicom_copies import write_copy
from .dicom_damage import check_none_lost, incomplete_files
from .dicom_files import (
    check_frames,
    choose_series,
    header_damage,
    modalities,
    pixel_damage,
    read_dataset,
    read_headers,
    read_pixels,
)
from .dicom_frames import Frame, frames_of
from .dicom_geometry import arrange
from .volume import Volume

_NO_SCAN = ("SEG", "RTDOSE")
"""Modalities that have pixels, often lie beside a scan, and are none."""
_MEASURED = ("CT", "MR", "PT", "NM")
"""Modalities whose values mean something; of the others MONOCHROME1, dark for high, is turned round."""


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """A DICOM series, or a single file, that was read.

    Attributes:
        source: the folder or the file.
        frames: in the order of the volume.
    """

    source: Path
    frames: tuple[Frame, ...] = field(repr=False)

    @property
    def headers(self) -> tuple[Any, ...]:
        """The data sets of the files, without pixels, in the order of the volume."""
        return tuple({frame.file: frame.header for frame in self.frames}.values())

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes that a result may have; none for a folder."""
        return () if self.source.is_dir() else (self.source.suffix.lower(),)

    def write(self, path: Path, volume: Volume, derivation: str) -> None:
        """Write copies of the files with other values, rescaled as before, as a derived series.

        Names and everything else in the files are kept, except that series and images get identifiers of their own,
        as the standard demands, and that pixels are not compressed.

        Args:
            path: a file for a file, a folder for a folder; a new folder appears whole.
            volume: the values, (D, H, W) in the order in which the series was read.
            derivation: see `writing.write_like`.

        Raises:
            InputError: if the files hold colours or turned values, or the source has gone or changed, or the system
                refuses the write.
        """
        if volume.voxels.ndim == 4 or any(_is_inverted(header) for header in self.headers):
            raise InputError(f"{path}: only DICOM files of one channel, bright for high, can be written")
        folder = path if self.source.is_dir() else path.parent
        # slices that are given one by one are of one series again
        source = str(self.frames[0].header.get("SeriesInstanceUID"))
        uid = import_module("pydicom.uid").generate_uid(entropy_srcs=[source, str(folder.resolve())])
        planes = {
            file: [(frame, volume.voxels[index]) for index, frame in members]
            for file, members in _by_file(self.frames).items()
        }
        if not self.source.is_dir():
            with atomic_path(path) as temporary:
                write_copy(read_dataset(self.source), temporary, planes[self.source], uid, derivation)
            return
        with whole_folder(path) as folder:
            for file, of_file in planes.items():
                write_copy(read_dataset(file), folder / file.name, of_file, uid, derivation)


def read_dicom(
    path: Path,
    series: str | None = None,
    *,
    modality: str | None = None,
    placed: bool = True,
    skip_damaged: bool = False,
) -> Volume:
    """Read a DICOM file of one or several frames, or the series that lies in a folder.

    Slices are put in order along their normal, whatever the files are called. Rescaled values (Hounsfield units)
    become float32, others keep their type; colours become RGB. A rescale slope of 0 counts as 1.

    Args:
        path: a file, or a folder; the files in it that are not images of a scan are passed over.
        series: the SeriesInstanceUID to read, for a folder of several.
        modality: pass over files of others than this, such as ``CT``.
        placed: refuse what makes no even stack, and note what does not say where it lies; see `arrange`.
        skip_damaged: note slices in a folder that are damaged, and go on without them.

    Raises:
        InputError: if a slice is damaged, and the scan therefore incomplete; if there is no scan; if there are several
            series and none is chosen, which lists them, or not the one that is; if slices differ in size, or, unless
            ``placed`` is False, are missing or cannot be put in order; if it takes more memory than `size_limit`
            allows; or if its pixels are compressed in a way that nothing installed can read.
    """
    damaged: dict[Path, str] = {}
    headers = _headers(path, modality, series, damaged)
    with header_damage(path):
        chosen = choose_series(path, headers, series) if path.is_dir() else headers
        if skip_damaged and path.is_dir():
            chosen = _whole(chosen, damaged)
        lost = check_none_lost(path, damaged, skip=skip_damaged and bool(chosen))
        for file, header in chosen.items():
            check_frames(file, header)
        frames, affine, located, notes = arrange(frames_of(chosen), path, placed=placed)
        voxels = _values(frames, path)
    return Volume(voxels, affine, located, path, DicomSeries(path, tuple(frames)), lost + notes)


def _whole(headers: dict[Path, Any], damaged: dict[Path, str]) -> dict[Path, Any]:
    """Return the headers of files whose pixels can be read, and put the others to those that are damaged."""
    whole: dict[Path, Any] = {}
    for file, header in headers.items():
        try:
            check_frames(file, header)
            read_pixels(file)
            whole[file] = header
        except InputError as error:
            damaged[file] = str(error).removeprefix(f"{file}: ")
    return whole


def _headers(path: Path, modality: str | None, series: str | None, damaged: dict[Path, str]) -> dict[Path, Any]:
    """Return the headers of the files, in a folder or one alone, that hold images of a scan.

    Those in a folder that are damaged are put to ``damaged`` with the reason, unless their headers still tell that they
    are of another series or modality.
    """
    headers = read_headers(path, damaged if path.is_dir() else None)
    if path.is_dir():
        lost = incomplete_files(path, headers)
        wishes = {"SeriesInstanceUID": series, "Modality": modality}
        for file, reason in lost.items():
            header = headers.pop(file, {})
            if all(wish is None or header.get(name, wish) == wish for name, wish in wishes.items()):
                damaged[file] = reason

    def wanted(header: Any) -> bool:
        kind = header.get("Modality", modality)
        return "Rows" in header and (kind not in _NO_SCAN if modality is None else kind == modality)

    scans = {file: header for file, header in headers.items() if wanted(header)}
    if not scans:
        check_none_lost(path, damaged, skip=False)
        what, which = (f"{modality} slice", f" of {modality}") if modality else ("image of a scan", "")
        raise InputError(f"{path}: no {what} in it ({modalities(headers)}); name a DICOM series{which}")
    return scans


def _by_file(frames: Iterable[Frame]) -> dict[Path, list[tuple[int, Frame]]]:
    """Return the frames of each file with their places in the volume."""
    members: dict[Path, list[tuple[int, Frame]]] = defaultdict(list)
    for index, frame in enumerate(frames):
        members[frame.file].append((index, frame))
    return members


def _values(frames: Sequence[Frame], source: Path) -> NDArray[Any]:
    """Return the values of all frames, (D, H, W) or (D, H, W, 3), rescaled where the headers say so."""
    rescaled = any(frame.rescaling != (1, 0) for frame in frames)
    planes: list[Any] = [None] * len(frames)
    first: NDArray[Any] | None = None
    for file, members in _by_file(frames).items():
        stored = _pixels(file, members[0][1].header)
        first = stored if first is None else first
        if (stored.shape[1:], stored.dtype) != (first.shape[1:], first.dtype):
            raise InputError(
                f"{source}: slices of several sizes or kinds (columns x rows), {_kind(first)} in "
                f"{frames[0].file.name} but {_kind(stored)} in {file.name}; keep those that belong together in a "
                "folder of their own"
            )
        for index, frame in members:
            planes[index] = stored[frame.number]
            if rescaled:
                slope, intercept = frame.rescaling
                planes[index] = (planes[index].astype(np.float64) * slope + intercept).astype(np.float32)
    return np.stack(planes)


def _kind(stored: NDArray[Any]) -> str:
    colours = " RGB" if stored.ndim == 4 else ""
    return f"{stored.shape[2]}x{stored.shape[1]} {stored.dtype}{colours}"


def _pixels(file: Path, header: Any) -> NDArray[Any]:
    """Return the pixels of a file, (frames, rows, columns) or, for colours, (frames, rows, columns, 3) RGB."""
    stored = read_pixels(file)
    with pixel_damage(file):
        if header.get("PhotometricInterpretation") == "PALETTE COLOR":
            stored = import_module("pydicom.pixels").apply_color_lut(stored, header)
        if _is_inverted(header):
            stored = stored.dtype.type(-1 if header.PixelRepresentation else 2**header.BitsStored - 1) - stored
    return stored


def _is_inverted(header: Any) -> bool:
    """Whether a file shows high values dark, where values mean nothing else."""
    return header.get("PhotometricInterpretation") == "MONOCHROME1" and header.get("Modality") not in _MEASURED
