"""A volume: voxels and their affine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .number_types import plain_numbers
from .orientation import Affine, check_orientation, orientation_code, reorient


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and their affine.

    Attributes:
        voxels: (D, H, W), or (D, H, W, 3) for RGB, of any real type, in the machine's order of bytes: slices, rows,
            columns, as they are stored. What NIfTI indexes as (i, j, k) is column, row, slice. Other orders of bytes,
            and Booleans, are converted.
        affine: (4, 4), maps (column, row, slice) to mm in NIfTI's axes (right, front, up).
        located: whether the file says where its voxels lie. If not (images, arrays, a NIfTI header without sform and
            qform), sizes in mm are unknown, and ``affine`` has nothing but the steps between voxels, 1 if unknown.
        source: the file or folder it was read from.
        origin: what a writer needs to write the like, such as a `NiftiFile`, `DicomSeries` or `GivenArray`; None for
            what has no such thing.
        notes: a line for each thing that is odd about what was read, such as missing slices.
        stored: the orientation in which it was read; ``stored`` while it is still in it.

    Raises:
        InputError: if there are no voxels, or they are not real numbers in one of these shapes; or if the affine does
            not give a volume three directions.
    """

    voxels: NDArray[Any] = field(repr=False)
    affine: Affine = field(default_factory=lambda: np.eye(4))
    located: bool = False
    source: Path | None = None
    origin: Any | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    stored: str = "stored"

    def __post_init__(self) -> None:
        object.__setattr__(self, "voxels", plain_numbers(self.voxels))
        where, shape = f"{self.source}: " if self.source else "", self.voxels.shape
        if len(shape) != 3 and not (len(shape) == 4 and shape[3] == 3):
            raise InputError(
                f"{where}a volume must be (slices, rows, columns), with 3 colours after them for RGB; got {shape}"
            )
        if self.voxels.size == 0:
            raise InputError(f"{where}a volume without voxels, {' x '.join(map(str, shape))}; at least one is needed")
        if self.voxels.dtype.kind not in "uif":
            raise InputError(f"{where}voxels are of type {self.voxels.dtype}; they must be real numbers")
        if complaint := affine_fault(self.affine):
            raise InputError(f"{where}{complaint}")

    @property
    def name(self) -> str:
        """The file or folder, for messages."""
        return str(self.source or "the volume")

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Spacing of slices, rows and columns in mm."""
        column, row, across = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(across), float(row), float(column)

    @property
    def voxel_ml(self) -> float | None:
        """Volume of a voxel in millilitres; None where sizes are unknown."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000 if self.located else None

    @property
    def orientation(self) -> str:
        """Directions of increasing columns, rows and slices, by the nearest axes of the patient, such as ``LPS``."""
        return orientation_code(self.affine)

    def with_voxels(self, voxels: NDArray[Any]) -> Volume:
        """Return other values with the same geometry.

        Raises:
            InputError: if there are not as many slices, rows and columns.
        """
        if voxels.shape[:3] != self.voxels.shape[:3]:
            raise InputError(f"values are {voxels.shape}; the volume they belong to is {self.voxels.shape}")
        return replace(self, voxels=voxels)

    def oriented(self, code: str) -> Volume:
        """Return the volume in another orientation; axes are permuted and flipped, nothing is interpolated.

        ``volume.oriented(code).oriented(volume.orientation)`` gives the volume back.

        Args:
            code: the orientation to bring it to, such as ``LPS``; ``stored`` leaves it as it is.

        Returns:
            The volume; this very one if nothing changes, or if it is not located.

        Raises:
            InputError: if ``code`` is none, see `check_orientation`.
        """
        check_orientation(code)
        if code == "stored" or not self.located or code == (own := self.orientation):
            return self
        voxels, affine = reorient(self.voxels, self.affine, code)
        return replace(self, voxels=voxels, affine=affine, stored=own if self.stored == "stored" else self.stored)

    def check_finite(self) -> None:
        """Raise an error if there are voxels that are not finite numbers.

        Raises:
            InputError: saying how many there are, and where the first is.
        """
        if self.voxels.dtype.kind != "f":
            return
        # a slice at a time, for the sake of memory
        bad = np.array([plane.size - np.isfinite(plane).sum() for plane in self.voxels])
        if bad.any():
            number = int(np.flatnonzero(bad)[0])
            plane = np.isfinite(self.voxels[number])
            row, column = np.unravel_index(plane.argmin(), plane.shape)[:2]
            raise InputError(
                f"{self.name}: {bad.sum()} of {self.voxels.size} voxels are not finite numbers, the first in slice "
                f"{number}, row {row}, column {column}; give them a value, such as that of air"
            )


def affine_fault(affine: Affine) -> str | None:
    """Fault of an affine: not (4, 4), not finite, or no three directions; None if there is none."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        return f"the affine must be (4, 4) with finite values, got {affine.tolist()}"
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not steps.all() or abs(np.linalg.det(affine[:3, :3] / steps)) < 1e-3:
        return (
            f"the affine is singular, {affine[:3, :3].tolist()}: columns, rows and slices must each have a step "
            "and a direction of their own; repair the header"
        )
    return None
