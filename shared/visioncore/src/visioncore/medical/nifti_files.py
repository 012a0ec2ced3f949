"""NIfTI files and their forerunner, Analyze, opened: header and voxels, and the place that the header gives them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError, damage
from ..extras import require
from ..size_limit import DEFLATE, PLAIN, check_size
from .orientation import Affine
from .volume import affine_fault

GZIP = b"\x1f\x8b"
PAIR = (".hdr", ".img")
"""How the two files of a pair end: the header, and the voxels."""
_HEADER = 540
"""Bytes of the longer of the two headers."""
# the sizes of the two headers, in both orders of bytes
_SIZES = (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")
_TAIL = 2**20
"""Bytes behind the voxels that are read for the sake of gzip's checksum; none belong there."""


class Content(NamedTuple):
    """A file that is open.

    Attributes:
        header: nibabel's of either version of NIfTI, with a place that can be computed.
        voxels: nibabel's proxy of the array, which must be read while the file is open.
        spacing: of columns, rows and slices as stored, before nibabel repairs what is not above 0.
        notes: a line for what was odd.
        analyze: whether it is Analyze 7.5, which has no place.
    """

    header: Any
    voxels: Any
    spacing: tuple[float, ...]
    notes: tuple[str, ...]
    analyze: bool


def is_nifti(start: bytes) -> bool:
    """Whether a file with these first bytes may be NIfTI: the size of either version's header, or gzip."""
    return start.startswith((GZIP, *_SIZES))


def header_file(path: Path) -> Path:
    """Return the header of a pair whose voxels a path names, the path itself for everything else."""
    if path.suffix.lower() != PAIR[1]:
        return path
    return _partner(path, PAIR[0]) or path


@contextmanager
def open_nifti(path: Path) -> Iterator[Content]:
    """Open a NIfTI-1 or NIfTI-2 file, compressed or not, by its content; or a pair of header and voxels.

    What goes wrong inside the block is taken for damage of the file. Memory is given to no more than the file can hold,
    see `size_limit`.

    Raises:
        InputError: if the file is not NIfTI, or is truncated or damaged, also where only its checksum tells.
    """
    nibabel = require("nibabel", "medical")
    path = header_file(path)
    with damage(path, "the NIfTI file is truncated or damaged", "; fetch it again"):
        with path.open("rb") as file:
            compressed = file.read(len(GZIP)) == GZIP
        with gzip.open(path) if compressed else path.open("rb") as stream:
            start = stream.read(_HEADER)
            if start[344:347] == b"n+1":
                kind = nibabel.Nifti1Header
            elif start[4:7] == b"n+2":
                kind = nibabel.Nifti2Header
            else:
                with _open_pair(path, start) as content:
                    yield content
                return
            raw = kind(start[: kind.template_dtype.itemsize], check=False)
            offset, size = int(raw.get_data_offset()), _voxel_bytes(path, raw)
            check_size(path, offset + size, path.stat().st_size, DEFLATE if compressed else PLAIN)
            header = kind.from_fileobj(BytesIO(start + stream.read(max(0, offset - len(start)))))
            stream.seek(0)
            image = nibabel.Nifti2Image if kind is nibabel.Nifti2Header else nibabel.Nifti1Image
            yield Content(header, image.ImageArrayProxy(stream, header.copy()), *_settled(path, header, raw), False)
            if compressed:
                _read_tail(path, stream)


def located(header: Any) -> bool:
    """Whether a header says where its voxels lie."""
    return bool(header["sform_code"] > 0 or header["qform_code"] > 0)


@contextmanager
def _open_pair(path: Path, start: bytes) -> Iterator[Content]:
    """Open a pair by its header, which begins with ``start``."""
    nibabel = require("nibabel", "medical")
    voxels = _partner(path, PAIR[1]) if path.suffix.lower() == PAIR[0] else None
    if len(start) < 348 or not start.startswith(_SIZES) or voxels is None:
        raise InputError(
            f"{path}: not a NIfTI file; header and voxels must be in one .nii or .nii.gz file, or beside each other in "
            ".hdr and .img"
        )
    if start[344:347] == b"ni1":
        image = nibabel.Nifti1Pair
    elif start[4:7] == b"ni2":
        image = nibabel.Nifti2Pair
    else:
        image = nibabel.Spm99AnalyzeImage
    kind = image.header_class
    raw = kind(start[: kind.template_dtype.itemsize], check=False)
    check_size(path, int(raw.get_data_offset()) + _voxel_bytes(path, raw), voxels.stat().st_size)
    check_size(path, path.stat().st_size)
    with path.open("rb") as file:
        header = kind.from_fileobj(file)
    with voxels.open("rb") as stream:
        proxy = image.ImageArrayProxy(stream, header.copy())
        if image is nibabel.Spm99AnalyzeImage:
            header = nibabel.nifti1.Nifti1PairHeader.from_header(header, check=False)
            header["qform_code"] = header["sform_code"] = 0
            yield Content(header, proxy, _spacing(raw), (), True)
        else:
            yield Content(header, proxy, *_settled(path, header, raw), False)


def _partner(path: Path, suffix: str) -> Path | None:
    """Return the other file of a pair, whose suffix may be in capitals."""
    found = (path.with_suffix(spelled) for spelled in (suffix, suffix.upper()))
    return next((other for other in found if other.is_file()), None)


def _voxel_bytes(path: Path, raw: Any) -> int:
    """Return the bytes of the voxels that a header announces."""
    count = 1
    for size in raw.get_data_shape():
        count *= int(size)
        if size < 1:
            raise InputError(f"{path}: the header announces {raw.get_data_shape()} voxels; each axis must have some")
    return count * int(raw.get_data_dtype().itemsize)


def _read_tail(path: Path, stream: Any) -> None:
    """Read to the end, for only there gzip compares what it has read with its checksum."""
    rest = _TAIL
    while rest >= 0:
        piece = stream.read(2**16)
        if not piece:
            return
        rest -= len(piece)
    raise InputError(f"{path}: more than {_TAIL:,} bytes follow the voxels; a NIfTI file ends with them")


def _spacing(raw: Any) -> tuple[float, ...]:
    return tuple(map(float, raw["pixdim"][1:4]))


def _settled(path: Path, header: Any, raw: Any) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Give a header a place where only nibabel sees none; return the stored spacing and notes.

    As SimpleITK does, a quaternion that is not of unit length is made so, and a sform that is none gives way to a
    qform.
    """
    names = ("quatern_b", "quatern_c", "quatern_d")
    quaternion = np.array([float(header[name]) for name in names])
    if (length := np.linalg.norm(quaternion)) > 1 and np.isfinite(length):
        # just below 1, or rounding makes it longer again
        for name, value in zip(names, quaternion / length / (1 + np.finfo(header[names[0]].dtype).eps), strict=True):
            header[name] = value
    notes: tuple[str, ...] = ()
    if header["sform_code"] > 0 and header["qform_code"] > 0:
        sform, qform = (_affine(form) for form in (header.get_sform, header.get_qform))
        if affine_fault(sform) and not affine_fault(qform):
            header["sform_code"] = 0
            notes = (f"{path}: the sform in the header is singular; the qform is taken",)
    spacing = _spacing(raw)
    if header["sform_code"] > 0 and not all(step > 0 for step in spacing[: len(raw.get_data_shape())]):
        notes += (f"{path}: the spacing in the header is {shown(spacing)}; that of the sform is taken",)
    return spacing, notes


def shown(spacing: tuple[float, ...]) -> str:
    """Return a spacing for messages."""
    return f"{' x '.join(f'{step:g}' for step in spacing)} (columns x rows x slices)"


def _affine(form: Any) -> Affine:
    return np.asarray(form(), np.float64)
