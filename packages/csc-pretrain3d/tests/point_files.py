"""Tiny files of points in every format, written for the tests by code of their own."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLY_TYPES = {"<f4": "float", ">f4": "float", "<f8": "double", "u1": "uchar", "<i4": "int", ">i4": "int"}
PCD_TYPES = {"f": "F", "i": "I", "u": "U"}


def scan_values(count: int = 40, seed: int = 0) -> NDArray[np.float32]:
    """Return (P, 4) x, y, z and intensity: points around a sensor."""
    rng = np.random.default_rng(seed)
    angle, distance = rng.uniform(-np.pi, np.pi, count), rng.uniform(2, 40, count)
    xyz = [distance * np.cos(angle), distance * np.sin(angle), rng.uniform(-1.8, 2, count)]
    return np.stack([*xyz, rng.integers(0, 256, count)], axis=1).astype(np.float32)


def names(rows: NDArray[Any]) -> tuple[str, ...]:
    """Return the names of the columns of structured rows."""
    return rows.dtype.names or ()


def write_ply(path: Path, rows: NDArray[Any], encoding: str, before: str = "") -> Path:
    """Write structured rows (P,) as the vertices of a .ply file; ``before`` is put in front of them in the header."""
    order = ">" if encoding == "binary_big_endian" else "<"
    rows = rows.astype(rows.dtype.newbyteorder(">" if encoding == "binary_big_endian" else "<"))
    properties = "".join(
        f"property {PLY_TYPES[rows.dtype[name].str.replace('|', '')]} {name}\n" for name in names(rows)
    )
    header = f"ply\nformat {encoding} 1.0\ncomment made for a test\n{before}element vertex {len(rows)}\n{properties}"
    header += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    if encoding == "ascii":
        body = "".join(" ".join(str(value) for value in row) + "\n" for row in rows.tolist()).encode() + b"3 0 1 2\n"
    else:
        body = rows.tobytes() + struct.pack(f"{order}Biii", 3, 0, 1, 2)
    path.write_bytes(header.encode() + body)
    return path


def pcd_header(rows: NDArray[Any], data: str) -> str:
    """Return the header of a .pcd file of structured rows (P,)."""
    kinds = [rows.dtype[name] for name in names(rows)]
    counts = [int(np.prod(kind.shape)) for kind in kinds]
    bases = [kind.base for kind in kinds]
    return (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\n"
        f"FIELDS {' '.join(names(rows))}\nSIZE {' '.join(str(kind.itemsize) for kind in bases)}\n"
        f"TYPE {' '.join(PCD_TYPES[kind.kind] for kind in bases)}\nCOUNT {' '.join(map(str, counts))}\n"
        f"WIDTH {len(rows)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(rows)}\nDATA {data}\n"
    )


def write_pcd(path: Path, rows: NDArray[Any], data: str) -> Path:
    """Write structured rows (P,) as a .pcd file."""
    if data == "ascii":
        lines = (" ".join(str(value) for field in row for value in np.ravel(field)) for row in rows.tolist())
        body = "".join(f"{line}\n" for line in lines).encode()
    elif data == "binary":
        body = rows.tobytes()
    else:
        plain = b"".join(np.ascontiguousarray(rows[name]).tobytes() for name in names(rows))
        packed = lzf_compress(plain)
        body = struct.pack("<II", len(packed), len(plain)) + packed
    path.write_bytes(pcd_header(rows, data).encode() + body)
    return path


def lzf_compress(data: bytes) -> bytes:
    """Return data in LZF: where the last three bytes were there before, a copy; else plain bytes."""
    out, plain, seen, at = bytearray(), bytearray(), dict[bytes, int](), 0

    def flush() -> None:
        for start in range(0, len(plain), 32):
            piece = plain[start : start + 32]
            out.append(len(piece) - 1)
            out.extend(piece)
        plain.clear()

    while at < len(data):
        key = data[at : at + 3]
        before = seen.get(key, -1)
        seen[key] = at
        if len(key) == 3 and before >= 0 and at - before <= 8192:
            length = 3
            while length < 264 and at + length < len(data) and data[before + length] == data[at + length]:
                length += 1
            flush()
            distance = at - before - 1
            if length < 9:
                out.append(((length - 2) << 5) | (distance >> 8))
            else:
                out += bytes([(7 << 5) | (distance >> 8), length - 9])
            out.append(distance & 255)
            at += length
        else:
            plain.append(data[at])
            at += 1
    flush()
    return bytes(out)
