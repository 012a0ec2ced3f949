"""NIfTI files: opened with every damage told in one line, and written whole."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..extras import require
from ..files import atomic_path

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GZIP = b"\x1f\x8b"
_HEADER = 540
"""Bytes of the longer of the two headers."""
# the sizes of the two headers, in both orders of bytes
_SIZES = (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")


def is_nifti(start: bytes) -> bool:
    """Whether a file that begins so may be NIfTI: the size of either version's header, or gzip."""
    return start.startswith((GZIP, *_SIZES))


@contextmanager
def open_nifti(path: Path) -> Iterator[Any]:
    """Yield nibabel's image of a NIfTI-1 or NIfTI-2 file, compressed or not, by its content.

    Values can be read inside the block only, and what goes wrong inside is taken for damage of the file.

    Raises:
        InputError: if the file is not NIfTI, or is truncated or damaged, also where only its checksum tells.
    """
    nibabel = require("nibabel", "medical")
    damaged = (
        *(OSError, EOFError, zlib.error, ValueError, TypeError),
        nibabel.spatialimages.HeaderDataError,
        nibabel.filebasedimages.ImageFileError,
    )
    try:
        with path.open("rb") as file:
            compressed = file.read(len(GZIP)) == GZIP
        with gzip.open(path) if compressed else path.open("rb") as stream:
            start = stream.read(_HEADER)
            stream.seek(0)
            if start[344:347] == b"n+1":
                kind = nibabel.Nifti1Image
            elif start[4:7] == b"n+2":
                kind = nibabel.Nifti2Image
            else:
                raise InputError(f"{path}: not a NIfTI file; header and voxels must be in one .nii or .nii.gz file")
            yield kind.from_stream(stream)
            if compressed:
                stream.read()  # only at its end gzip compares what it has read with its checksum
    except InputError:
        raise
    except damaged as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: the NIfTI file is truncated or damaged ({reason}); fetch it again") from error


def like_header(array: NDArray[Any], affine: NDArray[np.float64] | None, header: Any) -> Any:
    """Return nibabel's image of an array, of the version of NIfTI that its header has.

    Args:
        array: (i, j, k), or with further axes, of a type that NIfTI has.
        affine: (4, 4); None for that of the header.
        header: nibabel's, of either version.
    """
    nibabel = require("nibabel", "medical")
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    return kind(array, affine, header)


def write_nifti(path: Path, image: Any, level: int) -> None:
    """Write nibabel's image to a file, whole or not at all, and always the same bytes for the same image.

    Args:
        path: compressed if it ends in ``.gz``.
        image: of either version.
        level: of the compression, 1 (fast) to 9 (small).

    Raises:
        InputError: if the system refuses the write.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=file, mtime=0) as stream:
                image.to_stream(stream)
        else:
            image.to_stream(file)
