"""Which way the axes of a volume run in the patient, and how they are brought into another order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require

if TYPE_CHECKING:
    from types import ModuleType

Affine = NDArray[np.float64]
"""(4, 4): maps (column, row, slice, 1) to (x, y, z, 1) in mm, where x grows to the right, y to the front, z upwards."""

_AXES = ("LR", "PA", "IS")
"""The two ends of x, y and z."""
_NUDGE = np.eye(3) + 1e-7 * np.array([[0.0, -3, 2], [3, 0, -1], [-2, 1, 0]])
"""A turn too small to matter. With it, exactly halfway between two axes, the choice does not depend on the order of a
volume's own axes, so that a volume that was turned can be turned back."""


def check_orientation(code: str) -> None:
    """Validate an orientation code.

    Raises:
        InputError: if ``code`` is neither ``stored`` nor one letter each of L/R, P/A and S/I.
    """
    axes = sorted(axis for letter in code for axis, ends in enumerate(_AXES) if letter in ends)
    if code != "stored" and (axes != [0, 1, 2] or len(code) != 3):
        raise InputError(
            f"orientation is {code!r}; it must be stored, or one letter each of L/R, P/A and S/I such as LPS"
        )


def orientation_code(affine: Affine) -> str:
    """Return where increasing columns, rows and slices lead, by the nearest axes of the patient, such as ``LPS``."""
    return "".join(_orientations().ornt2axcodes(_nearest_axes(affine)))


def axial_code(code: str) -> str:
    """Return ``code`` with its axial slices as slices and nothing reversed, such as ``ARS`` for ``ASR``."""
    upwards = next(letter for letter in code if letter in "IS")
    return code.replace(upwards, "") + upwards


def reorient(voxels: NDArray[Any], affine: Affine, code: str) -> tuple[NDArray[Any], Affine]:
    """Return voxels (D, H, W), or with further axes, and their affine with axes in the order and direction of ``code``.

    Nothing is interpolated.
    """
    orientations = _orientations()
    change = orientations.ornt_transform(_nearest_axes(affine), orientations.axcodes2ornt(code))
    turned = orientations.apply_orientation(voxels.swapaxes(0, 2), change).swapaxes(0, 2)
    return np.ascontiguousarray(turned), affine @ orientations.inv_ornt_aff(change, voxels.shape[2::-1])


def _nearest_axes(affine: Affine) -> NDArray[Any]:
    nudged = affine.copy()
    nudged[:3, :3] = _NUDGE @ affine[:3, :3]
    axes: NDArray[Any] = _orientations().io_orientation(nudged)
    return axes


def _orientations() -> ModuleType:
    module: ModuleType = require("nibabel.orientations", "medical")
    return module
