"""The offsets of a kernel, in the order in which each engine stores its weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from visioncore.errors import InputError

from .sites import Triple


def triple(value: int | Sequence[int], name: str, least: int = 1) -> Triple:
    """Return a number for each of the three axes.

    Args:
        value: one number or three.
        name: as the error should name it.
        least: that each must be.

    Raises:
        InputError: unless it is one number or three, none below the least.
    """
    values = (value,) * 3 if isinstance(value, int) else tuple(value)
    if len(values) != 3 or min(values) < least:
        raise InputError(f"{name} is {value}; it must be one number or three, each at least {least}")
    return values


def volume(kernel: Triple) -> int:
    """Return how many offsets a kernel has."""
    return kernel[0] * kernel[1] * kernel[2]


def cells_first_axis_fastest(kernel: Triple) -> list[Triple]:
    """Return the cells (k0, k1, k2) of a kernel with c0 fastest, MinkowskiEngine's order."""
    return [(k0, k1, k2) for k2, k1, k0 in product(*map(range, kernel[::-1]))]


def cells_last_axis_fastest(kernel: Triple) -> list[Triple]:
    """Return the cells (k0, k1, k2) of a kernel with c2 fastest, spconv's order."""
    return list(product(*map(range, kernel)))  # type: ignore[arg-type]
