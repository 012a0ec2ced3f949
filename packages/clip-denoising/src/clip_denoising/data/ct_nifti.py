"""CT in NIfTI files: Hounsfield units in, others out under the same header."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.medical.nifti import like_header, open_nifti, write_nifti

from .ct_npy import as_type

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEVEL = 6
"""Of gzip."""


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
        stored = as_type((hu.astype(np.float64) - self.intercept) / self.slope, self.header.get_data_dtype())
        array = np.moveaxis(stored.transpose(0, 2, 1), 0, self.axis).reshape(self.shape)
        image = like_header(array, None, self.header.copy())
        # nibabel then writes the numbers as they are
        image.header.set_slope_inter(self.slope, self.intercept)
        write_nifti(path, image, _LEVEL)


def read_nifti(path: Path) -> tuple[NDArray[np.float32], NiftiFile]:
    """Read a NIfTI file, compressed or not, as (D, H, W) float32: from the nearest to axial slices it has.

    Raises:
        InputError: if the file is damaged or not NIfTI; or is no volume of real numbers, but one over time or of
            several channels.
    """
    with open_nifti(path) as image:
        _check(path, image)
        stored = image.dataobj.get_unscaled()
        codes = import_module("nibabel").aff2axcodes(image.affine)
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
