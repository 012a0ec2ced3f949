"""A volume: voxels, and where in the patient they lie."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Affine = NDArray[np.float64]
"""(4, 4): maps (column, row, slice, 1) to (x, y, z, 1) in mm, where x grows to the right, y to the front, z upwards."""

_ENDS = ("LR", "PA", "IS")
"""Letters of the negative and the positive end of x, y and z."""
_AXIS = {letter: axis for axis, letters in enumerate(_ENDS) for letter in letters}

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From DICOM's axes, left and back, to those used here."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels, and where in the patient they lie.

    Attributes:
        voxels: (D, H, W), or (D, H, W, 3) for RGB, of any real type: slices, rows, columns, as they are stored. What
            NIfTI indexes as (i, j, k) is column, row, slice.
        affine: (4, 4), maps (column, row, slice) to mm in NIfTI's axes (right, front, up).
        located: whether the file says where its voxels lie. If not (pictures, arrays, a NIfTI header without sform and
            qform), sizes in mm are unknown, and ``affine`` has nothing but the steps between voxels, 1 if unknown.
        source: the file or folder it was read from.
        header: what a writer needs to write the like: a NIfTI header, or a tuple of DICOM data sets without pixels,
            or a tuple of the files of a stack.

    Raises:
        InputError: if there are no voxels, or they are not real numbers in one of these shapes; or if the affine does
            not give a volume three directions.
    """

    voxels: NDArray[Any] = field(repr=False)
    affine: Affine = field(default_factory=lambda: np.eye(4))
    located: bool = False
    source: Path | None = None
    header: Any | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        where, shape = f"{self.source}: " if self.source else "", self.voxels.shape
        if len(shape) != 3 and not (len(shape) == 4 and shape[3] == 3):
            raise InputError(
                f"{where}a volume must be (slices, rows, columns), with 3 colours after them for RGB; got {shape}"
            )
        if self.voxels.size == 0:
            raise InputError(f"{where}a volume without voxels, {' x '.join(map(str, shape))}; at least one is needed")
        if self.voxels.dtype.kind not in "uif":
            raise InputError(f"{where}voxels are of type {self.voxels.dtype}; they must be real numbers")
        _check_affine(self.affine, where)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Steps from slice to slice, row to row and column to column in mm."""
        column, row, across = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(across), float(row), float(column)

    @property
    def voxel_ml(self) -> float | None:
        """What a voxel takes up in millilitres; None where sizes are unknown."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000 if self.located else None

    @property
    def orientation(self) -> str:
        """Where increasing columns, rows and slices lead, by the nearest axes of the patient, such as ``LPS``."""
        letters = [""] * 3
        for axis, index in enumerate(_nearest(self.affine)):
            letters[index] = _ENDS[axis][int(self.affine[axis, index] > 0)]
        return "".join(letters)

    def with_voxels(self, voxels: NDArray[Any]) -> Volume:
        """Return other values in the same place.

        Raises:
            InputError: if there are not as many slices, rows and columns.
        """
        if voxels.shape[:3] != self.voxels.shape[:3]:
            raise InputError(f"values are {voxels.shape}; the volume they belong to is {self.voxels.shape}")
        return replace(self, voxels=voxels)

    def oriented(self, code: str) -> Volume:
        """Return the same volume with axes in another order and direction; nothing is interpolated.

        ``volume.oriented(code).oriented(volume.orientation)`` gives the volume back.

        Args:
            code: the orientation to bring it to, such as ``LPS``; ``stored`` leaves it as it is.

        Returns:
            The volume; this very one if nothing changes, or if it is not located.

        Raises:
            InputError: if ``code`` is none, see `check_orientation`.
        """
        check_orientation(code)
        own = self.orientation
        if code in ("stored", own) or not self.located:
            return self
        change = np.zeros((4, 4))
        change[3, 3] = 1
        order, flipped = [0, 1, 2], []
        for new, letter in enumerate(code):
            old = [_AXIS[end] for end in own].index(_AXIS[letter])
            backwards = own[old] != letter
            change[old, new] = -1 if backwards else 1
            change[old, 3] = self.voxels.shape[2 - old] - 1 if backwards else 0
            order[2 - new] = 2 - old  # axes of the array run the other way: slice, row, column
            if backwards:
                flipped.append(2 - new)
        turned = np.flip(self.voxels.transpose(*order, *range(3, self.voxels.ndim)), tuple(flipped))
        return replace(self, voxels=np.ascontiguousarray(turned), affine=self.affine @ change)


def check_orientation(code: str) -> None:
    """Refuse what is no orientation.

    Raises:
        InputError: if ``code`` is neither ``stored`` nor one letter each of L/R, P/A and S/I.
    """
    if code != "stored" and sorted(_AXIS.get(letter, 3) for letter in code) != [0, 1, 2]:
        raise InputError(
            f"orientation is {code!r}; it must be stored, or one letter each of L/R, P/A and S/I such as LPS"
        )


def plain_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Return ``array`` in the machine's byte order, truth values as 0 and 1, and floats with 64 bit at most."""
    kind = np.dtype(np.uint8) if array.dtype.kind == "b" else array.dtype.newbyteorder("=")
    if kind.kind == "f" and kind.itemsize > 8:
        kind = np.dtype(np.float64)
    return array.astype(kind, copy=False)


def _check_affine(affine: Affine, where: str = "") -> None:
    """Refuse an affine that is not (4, 4), not finite, or does not give a volume three directions.

    Raises:
        InputError: with ``where`` in front.
    """
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError(f"{where}the affine must be (4, 4) with finite values, got {affine.tolist()}")
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    if not steps.all() or abs(np.linalg.det(affine[:3, :3] / steps)) < 1e-3:
        raise InputError(
            f"{where}the affine is singular, {affine[:3, :3].tolist()}: columns, rows and slices must each have a step "
            "and a direction of their own; mend the header"
        )


def _nearest(affine: Affine) -> tuple[int, ...]:
    """Return for x, y and z which of column, row and slice (0, 1, 2) runs along it most nearly.

    Permuting or reversing indices gives the same assignment, permuted: also halfway between two axes, where the
    direction itself decides.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    lines = [tuple(line * np.sign(line[line != 0][0])) for line in directions.T]

    def fit(indices: tuple[int, ...]) -> tuple[float, list[tuple[float, ...]]]:
        cosines = [abs(float(directions[axis, index])) for axis, index in enumerate(indices)]
        return round(float(np.prod(cosines)), 9), [lines[index] for index in indices]

    return max(permutations(range(3)), key=fit)
