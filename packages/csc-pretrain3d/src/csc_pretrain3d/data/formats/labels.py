"""Labels of points in files, as they are stored there: raw ids, which a class map turns into classes."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage
from visioncore.files import first_bytes
from visioncore.size_limit import check_members, check_size

from .columns import LABELS, one_of
from .rows import read_array
from .scans import read_columns

LABEL_SUFFIXES = (".label", ".bin", ".npy", ".npz", ".ply", ".pcd", ".las", ".laz")
"""Files that hold labels."""

PANOPTIC = 1000
"""nuScenes-panoptic stores class times this plus instance."""


class RawLabels(NamedTuple):
    """Labels as a file stores them.

    Attributes:
        ids: (P,) int64 raw ids of classes.
        instances: (P,) int64 ids of things, 0 where there is none, or None.
    """

    ids: NDArray[np.int64]
    instances: NDArray[np.int64] | None


def read_labels(path: str | Path, points: int) -> RawLabels:
    """Read the raw labels of a scan.

    Args:
        path: .label (SemanticKITTI: uint32, class in the low 16 bits, instance in the high ones), .bin
            (nuScenes-lidarseg: uint8), .npz (nuScenes-panoptic: ``data`` is 1000 x class + instance), .npy (P,) of
            integers, or a .ply, .pcd, .las or .laz file with a column such as ``label`` or ``classification``.
        points: of the scan.

    Raises:
        InputError: if the file is missing, damaged or holds no labels, or not one for each point.
    """
    path = Path(path)
    first_bytes(path, 1)
    match path.suffix.lower():
        case ".label":
            both = _flat(path, "<u4")
            raw = RawLabels((both & 0xFFFF).astype(np.int64), (both >> 16).astype(np.int64))
        case ".bin":
            raw = RawLabels(_flat(path, "u1").astype(np.int64), None)
        case ".npz":
            both = _panoptic(path)
            raw = RawLabels(both // PANOPTIC, both % PANOPTIC)
        case ".npy":
            raw = RawLabels(_whole(path, read_array(path)), None)
        case suffix if suffix in LABEL_SUFFIXES:
            column = one_of(read_columns(path), LABELS)
            if column is None:
                raise InputError(
                    f"{path}: has no column of labels, which is called {', '.join(LABELS[:3])} or the like"
                )
            raw = RawLabels(_whole(path, column), None)
        case _:
            raise InputError(f"{path}: labels are {', '.join(LABEL_SUFFIXES)} files")
    if len(raw.ids) != points:
        raise InputError(
            f"{path}: holds {len(raw.ids)} labels and its scan {points} points; there must be one for each"
        )
    return raw


def _flat(path: Path, kind: str) -> NDArray[Any]:
    size, item = path.stat().st_size, np.dtype(kind).itemsize
    if size % item:
        raise InputError(f"{path}: {size} bytes are no whole number of labels of {item} bytes; the file is truncated")
    check_size(path, size)
    return np.fromfile(path, kind)


def _panoptic(path: Path) -> NDArray[np.int64]:
    told = "is no .npz file with an array called data, or damaged"
    with damage(path, told), zipfile.ZipFile(path) as archive:
        check_members(path, archive.infolist())
    with damage(path, told), np.load(path, allow_pickle=False) as file:
        values = file["data"]
    return _whole(path, values)


def _whole(path: Path, values: NDArray[Any]) -> NDArray[np.int64]:
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise InputError(f"{path}: labels are {values.shape} {values.dtype}; they must be (P,) integers")
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise InputError(f"{path}: labels are not whole numbers")
    return whole
