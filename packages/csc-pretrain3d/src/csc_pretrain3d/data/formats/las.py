"""LAS and LAZ files of surveying, through laspy (``pip install csc-pretrain3d[las]``)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage, one_line
from visioncore.files import atomic_path, first_bytes
from visioncore.size_limit import check_size

from ..frame import Scan
from .columns import Columns

_EXTRA = 'pip install "csc-pretrain3d[las]"'
_LAZ_FROM_ONE = 1032
_HEADER = 375

_SOURCE = "source_intensity"
"""Extra dimension of the intensities as they were, of another scale than LAS asks for."""


def read_las(path: Path) -> Columns:
    """Return x, y, z in metres, intensity (0 to 65535), classification and extra dimensions of a LAS or LAZ file.

    A file that `write_las` made has the intensities of its source.

    Raises:
        InputError: if laspy is not installed, or the file is missing, damaged, truncated, or announces more than it
            holds.
    """
    laspy = _laspy()
    _check_records(path)
    # the backend with several threads needs more memory
    options = {"laz_backend": laspy.LazBackend.Lazrs}
    with damage(path, "the LAS file is truncated or damaged"), laspy.open(path, **options) as file:
        header = file.header
        stored = path.stat().st_size - header.offset_to_point_data
        packing = _LAZ_FROM_ONE if header.are_points_compressed else 1
        check_size(path, header.point_count * header.point_format.size, stored, packing)
        if header.are_points_compressed:
            _check_chunks(path, header)
        content = _points(file)
        if len(content.points) != header.point_count:
            raise InputError(f"{path}: holds {len(content.points)} of {header.point_count} points; it is truncated")
        columns = {name: np.asarray(content[name]) for name in ("x", "y", "z", "intensity", "classification")}
        names = header.point_format.extra_dimension_names
        if _SOURCE in names:
            columns["intensity"] = np.asarray(content[_SOURCE])
        return columns | {name: np.asarray(content[name]) for name in names if name not in columns}


def write_las(path: Path, scan: Scan, labels: NDArray[np.int64], colours: NDArray[np.uint8]) -> None:
    """Write a scan as LAS 1.4, or LAZ by the suffix, with its labels as classification; whole or not at all.

    Coordinates are rounded to 0.1 mm. LAS has intensities of 16 bits, and asks that the sensor's range fills them:
    those of at most 1 are multiplied by 65535, those of at most 255 by 257, and larger ones are cut at 65535. The
    values of the source are kept in the extra dimension ``source_intensity``.

    Args:
        path: the file.
        scan: its points.
        labels: (P,) classes, 0 to 255.
        colours: (P, 3) RGB.

    Raises:
        InputError: if laspy is not installed, a label does not fit, or the file cannot be written.
    """
    laspy = _laspy()
    if labels.min() < 0 or labels.max() > 255:
        raise InputError(f"{path}: labels are {labels.min()} to {labels.max()}; LAS holds 0 to 255")
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales, header.offsets = np.full(3, 1e-4), np.zeros(3)
    header.add_extra_dim(laspy.ExtraBytesParams(_SOURCE, np.float32))
    data: Any = laspy.LasData(header)
    data.x, data.y, data.z = scan.points.T.astype(np.float64)
    largest = float(scan.intensity.max())
    scale = 65535.0 if largest <= 1 else 257.0 if largest <= 255 else 1.0
    data.intensity = np.clip(np.round(scan.intensity * scale), 0, 65535).astype(np.uint16)
    data[_SOURCE] = scan.intensity
    data.classification = labels.astype(np.uint8)
    data.red, data.green, data.blue = colours.T.astype(np.uint16) * 257
    with atomic_path(path) as temporary:
        try:
            data.write(temporary)
        except (RuntimeError, laspy.errors.LaspyException) as error:
            raise InputError(f"{path}: could not be written ({one_line(error)})") from error


def _points(file: Any) -> Any:
    """Return the points of an open file.

    Raises:
        ValueError: if the decoder of LAZ panics, which Python sees as no `Exception`.
    """
    try:
        return file.read()
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError(one_line(error)) from None


def _check_records(path: Path) -> None:
    """Validate the numbers of records beside the points.

    Raises:
        InputError: if it is no LAS file, or it cannot hold so many.
    """
    start = first_bytes(path, _HEADER).ljust(_HEADER, b"\0")
    if not start.startswith(b"LASF"):
        raise InputError(f"{path}: is no LAS or LAZ file, which begins with LASF")
    size = path.stat().st_size
    header, points, records = struct.unpack_from("<HII", start, 94)
    check_size(path, records * 54, max(min(points, size) - header, 0))
    if start[25] >= 4:
        begin, extended = struct.unpack_from("<QI", start, 235)
        check_size(path, extended * 60, max(size - begin, 0))


def _check_chunks(path: Path, header: Any) -> None:
    """Validate the table of chunks of a LAZ file.

    Raises:
        InputError: if points are of another size than the header says, or there are more chunks than points.
    """
    described = bytes(header.vlrs[header.vlrs.index("LasZipVlr")].record_data)
    (items,) = struct.unpack_from("<H", described, 32)
    sizes = [struct.unpack_from("<H", described, 36 + 6 * item)[0] for item in range(items)]
    with path.open("rb") as file:
        file.seek(header.offset_to_point_data)
        (table,) = struct.unpack("<q", file.read(8))
        if table == -1:
            file.seek(-8, 2)
            (table,) = struct.unpack("<q", file.read(8))
        file.seek(table)
        _, chunks = struct.unpack("<II", file.read(8))
    if sum(sizes) != header.point_format.size or chunks > header.point_count + 1:
        raise ValueError(f"{chunks} chunks of points of {sum(sizes)} bytes")


def _laspy() -> Any:
    try:
        import laspy
    except ModuleNotFoundError as error:
        raise InputError(f"laspy is not installed, which reads and writes LAS; run: {_EXTRA}") from error
    return laspy
