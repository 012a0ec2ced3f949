"""CT volumes in Hounsfield units, read from DICOM, NIfTI and npy files and written back as they came."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from visioncore.errors import InputError
from visioncore.files import first_bytes, writable_folder
from visioncore.medical.dicom import is_dicom
from visioncore.medical.nifti import is_nifti

from .ct_dicom import read_dicom
from .ct_nifti import read_nifti
from .ct_npy import as_planes, is_npy, read_npy, write_npy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hounsfield = NDArray[np.float32]

SCAN_SUFFIXES = (".nii.gz", ".nii", ".npy")
"""Of files that are each a scan. DICOM files in a folder are slices of one."""
MOST_HU = 31743
"""What signed numbers of 16 bit hold at the usual intercept of -1024; even metal has less."""


class Origin(Protocol):
    """What a volume was read from, with all it takes to write the like."""

    @property
    def source(self) -> Path:
        """The file or folder."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the name of a result may end, the usual one first; none for a folder."""
        ...

    def write(self, path: Path, hu: Hounsfield) -> None:
        """Write other values (D, H, W) in the place of those that were read."""
        ...


@dataclass(frozen=True, eq=False)
class CTVolume:
    """A CT volume.

    Attributes:
        hu: (D, H, W) float32, Hounsfield units: slices (axial ones, as far as the file tells), rows, columns.
        origin: what it was read from; None for an array.
        notes: a line for each thing that is odd about it, such as missing slices.

    Raises:
        InputError: if there are no voxels, or not in this form; if they are not finite, or stored values in [0, 1].
    """

    hu: Hounsfield = field(repr=False)
    origin: Origin | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.hu.ndim != 3 or not self.hu.size or self.hu.dtype != np.float32:
            raise InputError(
                f"{self.name}: a CT volume is (slices, rows, columns) of float32 and not empty, got "
                f"{self.hu.shape} {self.hu.dtype}"
            )
        for index, plane in enumerate(self.hu):  # one at a time, for the sake of memory
            if not (finite := np.isfinite(plane)).all():
                row, column = np.unravel_index(finite.argmin(), plane.shape)
                raise InputError(
                    f"{self.name}: {finite.size - finite.sum()} of {finite.size} values in slice {index} are not "
                    f"finite numbers, the first in row {row}, column {column}; give them a value, such as -1024 (air)"
                )
        low, high = float(self.hu.min()), float(self.hu.max())
        if 0 <= low < high <= 1:
            raise InputError(
                f"{self.name}: values from {low:.3g} to {high:.3g} are not Hounsfield units; if 0 to 1 stand for "
                "-1024 to 3072 HU, multiply them by 4096 and subtract 1024"
            )
        if low >= 0 and high > 1:
            note = f"{self.name}: nothing is below 0 HU, though air is -1000; the intercept may be missing"
            object.__setattr__(self, "notes", (*self.notes, note))
        if high > MOST_HU:
            note = f"{self.name}: up to {high:.0f} HU, more than even metal has; perhaps padding, read as unsigned"
            object.__setattr__(self, "notes", (*self.notes, note))

    @property
    def name(self) -> str:
        """The file or folder, for messages."""
        return str(self.origin.source) if self.origin else "the CT volume"


def as_volume(array: NDArray[Any]) -> CTVolume:
    """Return (H, W) or (D, H, W) Hounsfield units, of any type of real numbers, as a volume.

    Raises:
        InputError: if they are something else, and as `CTVolume`.
    """
    return CTVolume(as_planes(array, "the CT volume"))


def read_ct(path: str | Path, *, series: str | None = None) -> CTVolume:
    """Read a CT volume, whatever it is stored as.

    Args:
        path: a DICOM file, or a folder with the files of a series; a NIfTI file; or an npy file with (H, W) or
            (D, H, W) Hounsfield units.
        series: which series to read from a DICOM folder of several, by its SeriesInstanceUID.

    Raises:
        InputError: if there is no such file, or none that can be read as CT; if DICOM files lack their rescale tags,
            differ in size, or are of several series and none is chosen; and as `CTVolume`.
    """
    path = Path(path)
    if path.is_dir() or is_dicom(path):
        return CTVolume(*read_dicom(path, series))
    start = first_bytes(path, 8)
    if is_npy(start):
        return CTVolume(*read_npy(path))
    if is_nifti(start):
        return CTVolume(*read_nifti(path))
    raise InputError(f"{path}: not a CT scan; DICOM, NIfTI and npy can be read")


def write_ct(path: str | Path, hu: Hounsfield, like: CTVolume) -> None:
    """Write Hounsfield units as another volume was stored: kind of file, geometry, rescaling and type of numbers.

    Values beyond what that type can hold become the nearest it can.

    Args:
        path: a folder for a DICOM series that was in one; otherwise a file with the suffix of the source, where a
            NIfTI file may be compressed or not.
        hu: (D, H, W) float32.
        like: the volume whose place they take. What did not come from a file is written as ``.npy``.

    Raises:
        InputError: if the shapes differ, values are not finite, the path is of another kind, or the system refuses.
    """
    path = Path(path)
    if hu.shape != like.hu.shape:
        raise InputError(f"{path}: values are {hu.shape}, but the volume whose place they take is {like.hu.shape}")
    if not np.isfinite(hu).all():
        raise InputError(
            f"{path}: not written, for there are values that are not numbers; if they were made in half "
            "precision, use float32"
        )
    suffixes = like.origin.suffixes if like.origin else (".npy",)
    if (suffixes and not path.name.lower().endswith(suffixes)) or (not suffixes and path.is_file()):
        raise InputError(f"{path}: {like.name} can be written as {' or '.join(suffixes) or 'a folder'}")
    writable_folder(path.parent)
    if like.origin:
        like.origin.write(path, hu)
    else:
        write_npy(path, hu)
