"""CT in NIfTI files: Hounsfield units in, others out under the same header."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import atomic_path

from .ct_npy import as_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GZIP = b"\x1f\x8b"
# the sizes of the two headers, in both orders of bytes
_STARTS = (_GZIP, b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c")


@dataclass(frozen=True, eq=False)
class NiftiFile:
    """A NIfTI file that was read.

    Attributes:
        source: where it is.
        header: nibabel's, of either version.
        shape: of its array.
        axis: which of its first three axes runs from slice to slice.
        slope, intercept: what makes Hounsfield units of the numbers in it.
    """

    source: Path
    header: Any = field(repr=False)
    shape: tuple[int, ...]
    axis: int
    slope: float
    intercept: float

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the name of a result may end."""
        return (".nii.gz", ".nii") if self.source.name.lower().endswith(".gz") else (".nii", ".nii.gz")

    def write(self, path: Path, hu: NDArray[np.float32]) -> None:
        """Write other values (D, H, W) with the header, the type and the scaling of this file.

        Raises:
            InputError: if the system refuses the write.
        """
        nibabel = import_module("nibabel")
        header = self.header.copy()
        stored = as_type((hu.astype(np.float64) - self.intercept) / self.slope, header.get_data_dtype())
        array = np.moveaxis(stored.transpose(0, 2, 1), 0, self.axis).reshape(self.shape)
        kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
        image = kind(array, None, header)
        # nibabel then writes the numbers as they are
        image.header.set_slope_inter(self.slope, self.intercept)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            if path.name.lower().endswith(".gz"):
                with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as stream:
                    image.to_stream(stream)
            else:
                image.to_stream(file)


def is_nifti(start: bytes) -> bool:
    """Whether a file that begins so may be NIfTI: the size of either version's header, or gzip."""
    return start.startswith(_STARTS)


def read_nifti(path: Path) -> tuple[NDArray[np.float32], NiftiFile]:
    """Read a NIfTI file, compressed or not, as (D, H, W) float32: from the nearest to axial slices it has.

    Raises:
        InputError: if the file is damaged or not NIfTI; or is no volume of real numbers, but one over time or of
            several channels.
    """
    nibabel = import_module("nibabel")
    damaged = (
        *(OSError, EOFError, zlib.error, ValueError, TypeError),
        nibabel.spatialimages.HeaderDataError,
        nibabel.filebasedimages.ImageFileError,
    )
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        if content[344:347] != b"n+1" and content[4:7] != b"n+2":
            raise InputError(f"{path}: not a NIfTI file; header and voxels must be in one .nii or .nii.gz file")
        kind = nibabel.Nifti1Image if content[344:347] == b"n+1" else nibabel.Nifti2Image
        image = kind.from_bytes(content)
        _check(path, image)
        stored = image.dataobj.get_unscaled()
        codes = nibabel.aff2axcodes(image.affine)
    except InputError:
        raise
    except damaged as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: the NIfTI file is truncated or damaged ({reason}); fetch it again") from error
    axis = next((axis for axis, code in enumerate(codes) if code in ("I", "S")), 2)
    slope, intercept = float(image.dataobj.slope), float(image.dataobj.inter)
    volume = stored.reshape(image.shape[:3] + (1,) * (3 - stored.ndim))
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is told
        hu = np.moveaxis(volume, axis, 0).transpose(0, 2, 1).astype(np.float32, order="C")
    hu *= np.float32(slope)
    hu += np.float32(intercept)
    return hu, NiftiFile(path, image.header, image.shape, axis, slope, intercept)


def _check(path: Path, image: Any) -> None:
    shape = image.shape
    if len(shape) < 2 or any(size > 1 for size in shape[3:]):
        raise InputError(
            f"{path}: {' x '.join(map(str, shape))} voxels; CT has three dimensions and one channel, so take one point "
            "in time or one channel of it"
        )
    if image.get_data_dtype().kind not in "uif":
        kind = image.header.get_value_label("datatype")
        raise InputError(f"{path}: holds {kind} voxels, of several channels; CT has one, of real numbers")
