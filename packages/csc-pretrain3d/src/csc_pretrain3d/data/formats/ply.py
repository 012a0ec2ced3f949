"""Stanford polygon files (.ply): the vertices of ascii files and of binary ones in either byte order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.errors import InputError, damage
from visioncore.files import first_bytes
from visioncore.size_limit import check_size

from .columns import LONGEST_NUMBER, Columns, numbers

_LONGEST_HEADER = 1 << 16
_ORDERS = {"ascii": "<", "binary_little_endian": "<", "binary_big_endian": ">"}
_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2"},
    **{"int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8"},
}


@dataclass
class _Element:
    """Rows of one kind: how many, the names and types of their columns, and whether there are lists among them."""

    name: str
    count: int
    columns: list[tuple[str, str]] = field(default_factory=list)
    lists: bool = False

    def row(self, order: str) -> np.dtype[Any]:
        return np.dtype([(name, order + kind) for name, kind in self.columns])


def read_ply(path: Path) -> Columns:
    """Return the columns of the vertices of a .ply file; faces and what else there is are left out.

    Raises:
        InputError: if the file is missing, damaged, truncated, or announces more than it holds; if it has no
            vertices, or lists stand before or in them.
    """
    start = first_bytes(path, _LONGEST_HEADER)
    with damage(path, "the .ply header is damaged"):
        encoding, elements, begin = _header(start)
    names = [element.name for element in elements]
    if "vertex" not in names:
        raise InputError(f"{path}: has no vertices, which are the points")
    before, vertices = elements[: names.index("vertex")], elements[names.index("vertex")]
    if any(element.lists for element in (*before, vertices)):
        raise InputError(
            f"{path}: has lists before or in its vertices; save it with the vertices first, as plain columns"
        )
    stored = path.stat().st_size - begin
    order = _ORDERS[encoding]
    if encoding == "ascii":
        # at least one digit and one space for each number
        *counts, count = [element.count * len(element.columns) for element in (*before, vertices)]
        first = sum(counts)
        check_size(path, 2 * (first + count) - 1, stored + 1)
        check_size(path, LONGEST_NUMBER * (first + count))
        words = path.read_bytes()[begin:].split(maxsplit=first + count)[first : first + count]
        with damage(path, "the .ply file is truncated or damaged"):
            table = numbers(words).reshape(vertices.count, len(vertices.columns))
        return {name: table[:, at] for at, (name, _) in enumerate(vertices.columns)}
    skipped = sum(element.count * element.row(order).itemsize for element in before)
    row = vertices.row(order)
    check_size(path, skipped + vertices.count * row.itemsize, stored)
    rows = np.fromfile(path, row, vertices.count, offset=begin + skipped)
    return {name: rows[name] for name, _ in vertices.columns}


def _header(start: bytes) -> tuple[str, list[_Element], int]:
    """Return encoding, elements in their order, and where the data begin."""
    encoding, elements, at = "", list[_Element](), 0
    while (end := start.find(b"\n", at)) >= 0:
        line, words = start[at:end], start[at:end].decode("ascii", "replace").split()
        if at == 0 and line.strip() != b"ply":
            raise ValueError("it does not begin with ply")
        at = end + 1
        match words:
            case ["format", name, _]:
                encoding = name
            case ["element", name, count]:
                elements.append(_Element(name, int(count)))
            case ["property", "list", *_] if elements:
                elements[-1].lists = True
            case ["property", kind, name] if elements:
                elements[-1].columns.append((name, _TYPES[kind]))
            case ["end_header"]:
                if encoding not in _ORDERS or any(element.count < 0 for element in elements):
                    raise ValueError("it has no known format, or counts below 0")
                for element in elements:
                    element.row("<")  # two columns of one name are damage
                return encoding, elements, at
    raise ValueError("it has no end_header")
