"""DICOM segmentations as labels: each frame is put where its headers say it lies in a scan.

RT structure sets, whose contours `structure_sets` fills, are read by the same functions.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError, damage
from visioncore.medical import Volume
from visioncore.medical.dicom_files import is_dicom, read_dataset, read_headers, read_pixels
from visioncore.medical.dicom_frames import Frame
from visioncore.medical.dicom_geometry import LPS_TO_RAS

from .structure_sets import STORAGE, fill_structures, structure_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STORAGE = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Of segmentations, and of those that hold all segments as one map of labels."""
_APART = 0.25
"""Voxels that a pixel may lie beside a voxel of the scan."""
_AGAIN = "; export it again"


@dataclass(frozen=True)
class DicomSegmentation:
    """A DICOM segmentation that was read.

    Attributes:
        source: the file.
        names: segment number -> what it is called.
    """

    source: Path
    names: dict[int, str] = field(hash=False)


def find_segmentation(path: Path) -> Path | None:
    """Return the segmentation or structure set that a path names, or the folder that it lies in alone; else None.

    Raises:
        InputError: if it is damaged.
    """
    files = [file for file in path.iterdir() if is_dicom(file)] if path.is_dir() else [path]
    if len(files) != 1 or not is_dicom(files[0]):
        return None
    (header,) = read_headers(files[0]).values()
    known = header.get("SOPClassUID") in (*_STORAGE, STORAGE) or header.get("Modality") in ("SEG", "RTSTRUCT")
    return files[0] if known else None


def segment_names(path: Path) -> dict[int, str]:
    """Return the names of the segments or structures in a file, by their numbers.

    Raises:
        InputError: if the file is damaged or has none.
    """
    data = read_dataset(path, stop_before_pixels=True)
    return structure_names(path, data) if _is_structures(data) else _segment_names(path, data)


def read_segmentation(path: Path, scan: Volume) -> Volume:
    """Return a DICOM segmentation or structure set as labels on the grid of a scan, whatever format that has.

    Labels are the numbers of the segments or structures. Where these overlap, that of the higher number is seen, with a
    warning.

    Args:
        path: the file.
        scan: (D, H, W), or (D, H, W, 3) for RGB; it must say where it lies.

    Raises:
        InputError: if the file is damaged, holds fractions or no segments, or does not lie on the scan's grid.
    """
    if not scan.located:
        raise InputError(f"{path}: a DICOM segmentation lies in a place, and its scan {scan.name} does not say where")
    data = read_dataset(path, stop_before_pixels=True)
    if _is_structures(data):
        names = structure_names(path, data)
        return Volume(fill_structures(path, data, scan), scan.affine, True, path, DicomSegmentation(path, names))
    with damage(path, "the DICOM segmentation is damaged", _AGAIN):
        if data.get("SegmentationType") == "FRACTIONAL":
            raise InputError(f"{path}: holds fractions; a segmentation for labels must be binary")
        names = _segment_names(path, data)
        places = list(_places(path, data, scan))
    labels = np.zeros(scan.voxels.shape[:3], np.min_scalar_type(max(names)))
    overlapping = 0
    pixels = read_pixels(path) if places else np.empty((0, 0, 0), np.uint8)
    order = sorted(range(len(places)), key=lambda index: places[index][0])
    for index in order:
        segment, affine = places[index]
        rows, columns = np.nonzero(pixels[index])
        values = segment or pixels[index][rows, columns]
        there = _voxels(path, affine, rows, columns, scan)
        overlapping += int(np.count_nonzero(labels[there]))
        labels[there] = values
    if overlapping:
        warnings.warn(
            f"{path}: in {overlapping} voxels segments overlap; that of the higher number is taken", stacklevel=2
        )
    return Volume(labels, scan.affine, True, path, DicomSegmentation(path, names))


def _is_structures(data: Any) -> bool:
    return data.get("SOPClassUID") == STORAGE or data.get("Modality") == "RTSTRUCT"


def _segment_names(path: Path, data: Any) -> dict[int, str]:
    with damage(path, "the DICOM segmentation is damaged", _AGAIN):
        # where all segments are one map of labels, the background may be one of them
        found = {int(item.SegmentNumber): str(item.SegmentLabel) for item in data.get("SegmentSequence") or ()}
        names = {number: name for number, name in found.items() if number}
    if not names or min(names) < 0 or max(names) > 65535:
        raise InputError(f"{path}: it has no segments numbered from 1 to 65535{_AGAIN}")
    return names


def _places(path: Path, data: Any, scan: Volume) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield of each frame its segment, 0 for a map of all, and the matrix from (column, row, 0, 1) to voxels."""
    to_voxel = np.linalg.inv(scan.affine) @ LPS_TO_RAS
    for number in range(int(data.get("NumberOfFrames", 1))):
        frame = Frame(path, data, number)
        position, orientation, spacing = (
            frame.get(name) for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
        )
        if position is None or orientation is None or spacing is None:
            raise InputError(f"{path}: frame {number + 1} does not say where it lies{_AGAIN}")
        affine = np.eye(4)
        along_row, along_column = np.array(orientation, float).reshape(2, 3)
        affine[:3, 0], affine[:3, 1] = along_row * float(spacing[1]), along_column * float(spacing[0])
        affine[:3, 3] = np.array(position, float)
        yield _segment(data, number), to_voxel @ affine


def _segment(data: Any, number: int) -> int:
    """Return the segment of a frame; 0 where its pixels are the numbers of segments."""
    if data.get("SegmentationType") == "LABELMAP":
        return 0
    groups: Sequence[Any] = (data.PerFrameFunctionalGroupsSequence[number], data.SharedFunctionalGroupsSequence[0])
    holder = next(group for group in groups if "SegmentIdentificationSequence" in group)
    return int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber)


def _voxels(
    path: Path, affine: NDArray[np.float64], rows: NDArray[np.intp], columns: NDArray[np.intp], scan: Volume
) -> tuple[NDArray[np.intp], ...]:
    """Return the indices (slice, row, column) in the scan of pixels of a frame.

    Raises:
        InputError: if they lie beside the scan's voxels or outside it.
    """
    points = np.stack([columns, rows, np.zeros_like(rows), np.ones_like(rows)])
    exact = (affine @ points)[2::-1]
    nearest = np.rint(exact).astype(np.intp)
    if np.abs(exact - nearest).max(initial=0) > _APART:
        raise InputError(f"{path}: its pixels lie between the voxels of {scan.name}; it must be of this very scan")
    if (nearest < 0).any() or (nearest >= np.array(scan.voxels.shape[:3])[:, None]).any():
        raise InputError(f"{path}: it reaches outside {scan.name}; it must be of this very scan")
    return tuple(nearest)
