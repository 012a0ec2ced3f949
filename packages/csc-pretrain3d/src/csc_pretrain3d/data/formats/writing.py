"""Labels of a scan written in the format that the suffix of the file names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import atomic_path

from ..classes import ClassMap
from ..frame import Scan
from .las import write_las

WRITTEN_SUFFIXES = (".label", ".npy", ".ply", ".las", ".laz")
"""Formats of labels."""


def write_labels(path: str | Path, scan: Scan, labels: NDArray[np.int64], classes: ClassMap) -> None:
    """Write the class of each point, whole or not at all.

    Args:
        path: .label (SemanticKITTI: uint32, the first raw id of the class in the low 16 bits, the scan's instances in
            the high ones), .npy ((P,) uint8 or uint16 classes), .ply (binary: x, y, z, intensity, red, green, blue,
            label), .las or .laz (coloured, classes as classification; with laspy).
        scan: the points, in whose order labels are.
        labels: (P,) classes, 0 to K - 1.
        classes: their raw ids and colours.

    Raises:
        InputError: if there is not one label for each point, a class is unknown, the suffix is another, or the file
            cannot be written.
    """
    path = Path(path)
    if labels.shape != (len(scan),):
        raise InputError(
            f"{path}: labels are {labels.shape} and there are {len(scan)} points; one for each must be there"
        )
    if labels.min() < 0 or labels.max() >= len(classes):
        raise InputError(
            f"{path}: labels are {labels.min()} to {labels.max()}; there are {len(classes)} classes from 0"
        )
    match path.suffix.lower():
        case ".label":
            raw = classes.raw[labels].astype(np.uint32)
            if scan.instances is not None:
                raw |= scan.instances.astype(np.uint32) << 16
            content = raw.astype("<u4").tobytes()
        case ".npy":
            with atomic_path(path) as temporary:
                np.save(temporary, labels.astype(np.uint8 if len(classes) <= 256 else np.uint16))
            return
        case ".ply":
            content = ply_bytes(scan, classes.colours[labels], {"label": labels.astype("<i4")})
        case ".las" | ".laz":
            write_las(path, scan, labels, classes.colours[labels])
            return
        case _:
            raise InputError(f"{path}: labels are written as {', '.join(WRITTEN_SUFFIXES)}")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def ply_bytes(scan: Scan, colours: NDArray[np.uint8], more: dict[str, NDArray[np.int32]] | None = None) -> bytes:
    """Return a scan as a binary .ply file that viewers show in colour.

    Args:
        scan: the points.
        colours: (P, 3) RGB.
        more: further columns (P,) of int32 by name.
    """
    columns = [(name, "<f4", "float") for name in ("x", "y", "z", "intensity")]
    columns += [(name, "u1", "uchar") for name in ("red", "green", "blue")]
    columns += [(name, "<i4", "int") for name in more or {}]
    rows = np.empty(len(scan), [(name, kind) for name, kind, _ in columns])
    values = [*scan.points.T, scan.intensity, *colours.T, *(more or {}).values()]
    for (name, *_), column in zip(columns, values, strict=True):
        rows[name] = column
    properties = "".join(f"property {kind} {name}\n" for name, _, kind in columns)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(scan)}\n{properties}end_header\n"
    return header.encode("ascii") + rows.tobytes()
