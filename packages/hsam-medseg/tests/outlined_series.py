"""A scan of pydicom's own, the same of patients who lie otherwise, and labels whose outlines are not simple."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from hsam_medseg import Volume

pydicom: Any = import_module("pydicom")
SERIES = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests" / "98892001" / "CT5N"
OTHERWISE = {"prone": (-1, 0, 0, 0, -1, 0), "rows to the front": (1, 0, 0, 0, -1, 0), "on a side": (0, 1, 0, -1, 0, 0)}
"""Directions along which the columns and the rows of a slice count: (left, back, up) each."""
CLASSES = ("liver", "left kidney", "nothing")


def make_labels(scan: Volume) -> Volume:
    """A blob with a hole, an island in it and a corner that touches; and one at the edge of the slices."""
    voxels = np.zeros(scan.voxels.shape, np.uint8)
    voxels[1:4, 2:9, 3:12] = 1
    voxels[2, 4:8, 5:10] = 0
    voxels[2, 5, 6] = voxels[2, 9, 12] = 1
    voxels[4, 13:, 11:] = 2
    return scan.with_voxels(voxels)


def write_turned(folder: Path, orientation: tuple[int, ...]) -> Path:
    """Write the scan's pixels as a series of another orientation, from its first slice upwards or downwards."""
    folder.mkdir(parents=True)
    along = np.cross(orientation[:3], orientation[3:])
    for path in SERIES.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient = [12, -34, along[2] * float(dataset.ImagePositionPatient[2])]
        dataset.ImageOrientationPatient = list(orientation)
        dataset.save_as(folder / path.name)
    return folder


def header_places(labels: Volume, scan: Volume) -> dict[int, set[tuple[float, ...]]]:
    """Return where the voxels of each label lie, (left, back, up) in mm, by the headers of the scan's own slices."""
    places: dict[int, set[tuple[float, ...]]] = {}
    origin: Any = scan.origin
    for number, row, column in np.argwhere(labels.voxels):
        header = origin.frames[number].header
        columns, rows = np.reshape(np.array(header.ImageOrientationPatient, float), (2, 3))
        row_step, column_step = map(float, header.PixelSpacing)
        point = np.array(header.ImagePositionPatient, float) + column * column_step * columns + row * row_step * rows
        places.setdefault(int(labels.voxels[number, row, column]), set()).add(tuple(np.round(point, 2) + 0.0))
    return places
