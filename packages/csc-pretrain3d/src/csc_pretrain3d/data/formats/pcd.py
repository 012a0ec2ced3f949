"""Point Cloud Data files (.pcd) of the Point Cloud Library and ROS: ascii, binary and binary_compressed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import damage, one_line
from visioncore.files import first_bytes
from visioncore.size_limit import check_size

from .columns import LONGEST_NUMBER, Columns, numbers
from .lzf import MOST_FROM_ONE, decompress

_LONGEST_HEADER = 1 << 16
_TYPES = {"F": "f", "I": "i", "U": "u"}


@dataclass(frozen=True)
class _Header:
    """Names and types of the columns, points, encoding, and where the data begin."""

    fields: list[tuple[str, np.dtype[Any], int]]
    points: int
    data: str
    start: int

    @property
    def row(self) -> np.dtype[Any]:
        """One point as it lies in a binary file."""
        # columns that are called alike, such as padding named _, must still have names of their own
        return np.dtype([(f"{at}", kind, (count,)) for at, (_, kind, count) in enumerate(self.fields)])


def read_pcd(path: Path) -> Columns:
    """Return the columns of a .pcd file; of those with several values per point, the first.

    Raises:
        InputError: if the file is missing, damaged, truncated, or announces more than it holds.
    """
    start = first_bytes(path, _LONGEST_HEADER)
    with damage(path, "the .pcd header is damaged"):
        header = _header(start)
    row, stored = header.row.itemsize, path.stat().st_size - header.start
    if header.data == "ascii":
        # at least one digit and one space for each number
        count = header.points * sum(count for *_, count in header.fields)
        check_size(path, 2 * count - 1, stored + 1)
        check_size(path, LONGEST_NUMBER * count)
    elif header.data == "binary":
        check_size(path, header.points * row, stored)
    else:
        check_size(path, header.points * row, stored, MOST_FROM_ONE)
    content = path.read_bytes()[header.start :]
    with damage(path, "the .pcd file is truncated or damaged"):
        columns = _READERS[header.data](content, header)
    named = {name: column[:, 0] for (name, *_), column in zip(header.fields, columns, strict=True)}
    named.pop("_", None)
    return named


def _header(start: bytes) -> _Header:
    entries: dict[str, list[str]] = {}
    at = 0
    while "DATA" not in entries:
        end = start.find(b"\n", at)
        if end < 0:
            raise ValueError("it has no line DATA")
        words = start[at:end].decode("ascii").split("#")[0].split()
        at = end + 1
        if words:
            entries[words[0].upper()] = words[1:]
    names = entries.get("FIELDS", entries.get("COLUMNS", []))
    sizes = [int(word) for word in entries.get("SIZE", [])]
    kinds = entries.get("TYPE", [])
    counts = [int(word) for word in entries.get("COUNT", ["1"] * len(names))]
    if not names or not len(names) == len(sizes) == len(kinds) == len(counts):
        raise ValueError("FIELDS, SIZE, TYPE and COUNT must have one entry for each column")
    if min(counts) < 1 or max(counts) > 4096:
        raise ValueError("COUNT must be 1 to 4096")
    types = [np.dtype(f"<{_TYPES[kind.upper()]}{size}") for kind, size in zip(kinds, sizes, strict=True)]
    width, height = (int(entries[name][0]) if name in entries else 1 for name in ("WIDTH", "HEIGHT"))
    points = int(entries["POINTS"][0]) if "POINTS" in entries else width * height
    data = entries["DATA"][0].lower()
    if points < 0 or data not in _READERS or ("WIDTH" in entries and width * height != points):
        raise ValueError(one_line(f"{points} points of {width} x {height}, DATA {data}"))
    return _Header(list(zip(names, types, counts, strict=True)), points, data, at)


def _ascii(content: bytes, header: _Header) -> list[NDArray[Any]]:
    width = sum(count for *_, count in header.fields)
    words = content.split()
    if len(words) != header.points * width:
        raise ValueError(f"{len(words)} numbers for {header.points} points of {width}")
    table = numbers(words).reshape(header.points, width)
    ends = np.cumsum([count for *_, count in header.fields])
    return np.split(table, ends[:-1], axis=1)


def _binary(content: bytes, header: _Header) -> list[NDArray[Any]]:
    rows = np.frombuffer(content, header.row, header.points)
    return [rows[name] for name in header.row.names or ()]


def _compressed(content: bytes, header: _Header) -> list[NDArray[Any]]:
    packed, size = (int(word) for word in np.frombuffer(content, "<u4", 2))
    if size != header.points * header.row.itemsize:
        raise ValueError(f"{size} bytes for {header.points} points of {header.row.itemsize}")
    if packed > len(content) - 8:
        raise ValueError(f"{packed} compressed bytes are announced and {len(content) - 8} are there")
    # column after column, unlike in the other two
    plain, at, columns = decompress(content[8 : 8 + packed], size), 0, []
    for _, kind, count in header.fields:
        column = np.frombuffer(plain, kind, header.points * count, at)
        columns.append(column.reshape(header.points, count))
        at += math.prod(column.shape) * kind.itemsize
    return columns


_READERS = {"ascii": _ascii, "binary": _binary, "binary_compressed": _compressed}
