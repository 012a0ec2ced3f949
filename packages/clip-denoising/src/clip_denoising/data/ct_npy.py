"""CT in npy files: the bare Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.files import atomic_path

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class NpyFile:
    """An npy file that was read.

    Attributes:
        source: where it is.
        shape: of its array, (H, W) or (D, H, W).
        dtype: of its numbers.
    """

    source: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the name of a result may end."""
        return (".npy",)

    def write(self, path: Path, hu: NDArray[np.float32]) -> None:
        """Write other values (D, H, W) in the shape and the type of this file.

        Raises:
            InputError: if the system refuses the write.
        """
        write_npy(path, as_type(hu, self.dtype).reshape(self.shape))


def is_npy(start: bytes) -> bool:
    """Whether a file that begins so is npy."""
    return start.startswith(b"\x93NUMPY")


def read_npy(path: Path) -> tuple[NDArray[np.float32], NpyFile]:
    """Read an npy file as (D, H, W) float32.

    Raises:
        InputError: if the file is damaged, or is not one slice or a volume of real numbers.
    """
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise InputError(
            f"{path}: the npy file is damaged, or holds objects ({error}); save an array of numbers"
        ) from error
    return as_planes(array, str(path)), NpyFile(path, array.shape, array.dtype)


def as_planes(array: NDArray[Any], where: str) -> NDArray[np.float32]:
    """Return one slice (H, W) or a volume (D, H, W) of real numbers as (D, H, W) float32.

    Raises:
        InputError: if it is something else, with ``where`` in front.
    """
    if array.ndim not in (2, 3) or array.dtype.kind not in "uif":
        raise InputError(f"{where}: {array.shape} {array.dtype}; CT is (H, W) or (D, H, W) of real numbers")
    if array.ndim == 3 and array.shape[2] in (3, 4) and min(array.shape[:2]) > 4:
        raise InputError(f"{where}: {array.shape} has {array.shape[2]} channels; CT has one, as (H, W) or (D, H, W)")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, which is told
        return np.ascontiguousarray(array[None] if array.ndim == 2 else array, dtype=np.float32)


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write an array to an npy file, whole or not at all.

    Raises:
        InputError: if the system refuses the write.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def as_type(values: NDArray[np.floating], dtype: np.dtype[Any], bits: int | None = None) -> NDArray[Any]:
    """Return finite values as numbers of another type: whole ones rounded, and those out of range the nearest in it.

    Args:
        values: of any shape.
        dtype: the type.
        bits: how many of its bits are in use, if not all.
    """
    if dtype.kind == "f":
        return values.astype(dtype)
    used = bits or 8 * dtype.itemsize
    low, high = (-(2 ** (used - 1)), 2 ** (used - 1) - 1) if dtype.kind == "i" else (0, 2**used - 1)
    # float32 has not all the whole numbers of 32 bits
    return np.clip(np.rint(values.astype(np.float64)), low, high).astype(dtype)
