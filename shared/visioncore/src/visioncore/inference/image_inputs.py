"""Images in memory and in files -> `Image`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from torch import Tensor

from ..errors import InputError
from ..images import Image, from_pillow, read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image as PillowImage

Range = tuple[float, float]
"""Values of an array that are black and white."""

GivenImage: TypeAlias = "str | Path | Image | PillowImage | NDArray[Any]"
"""Types of input: a file, an `Image`, an image of Pillow, or an array."""

_WHITE = 65535


def as_image(given: GivenImage, range: Range | None = None) -> Image:
    """Return an image from a file, an `Image`, an image of Pillow, or an array.

    Args:
        given: an image of Pillow may have any mode of 1, 8 or 16 bit, and is turned upright by its EXIF, as a file is.
            An array is (H, W, 3) RGB or (H, W) grey, with a further channel where there is alpha: (H, W, 4) or
            (H, W, 2).
        range: which values of an array are black and white, such as (0, 1); it then becomes an image of 16 bit. By
            default an array must be uint8 or uint16, over the full range of its type.

    Raises:
        InputError: if it cannot be read, is no image, or has values outside of the range.
    """
    in_memory = not isinstance(given, Image | str | Path) and not is_pillow(given)
    if range is not None and not in_memory:
        raise InputError("range is for arrays; files and images know what is black and white")
    if isinstance(given, Image):
        return given
    if isinstance(given, str | Path):
        return read_image(given)
    if is_pillow(given):
        return from_pillow(given)
    if isinstance(given, Tensor):
        raise InputError(
            f"a tensor {tuple(given.shape)}; give it to run(), as (B, C, H, W) or (C, H, W) in floating point with "
            "values in [0, 1]"
        )
    array = np.asarray(given)
    if array.dtype.kind not in "buif":
        raise InputError(f"a {type(given).__name__} is no image; give a file, an image of Pillow, an array of numbers")
    return _from_array(array, range)


def is_pillow(given: object) -> TypeGuard[PillowImage]:
    """Return whether something is an image of Pillow, which is not loaded for that."""
    pillow: Any = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(given, pillow.Image)


def _from_array(array: NDArray[Any], range: Range | None) -> Image:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        raise InputError(
            f"an array of shape {array.shape}; an image must be (H, W, 3) RGB or (H, W) grey, with one more channel "
            f"for alpha{'; move the channels to the end: np.moveaxis(array, 0, -1)' if first else ''}"
        )
    if range is not None:
        array = _in_range(array, *range)
    elif array.dtype not in (np.uint8, np.uint16):
        example = "(0, 1)" if array.dtype.kind == "f" else "(0, 255)"
        raise InputError(
            f"an array of {array.dtype} may mean any range; say which values are black and white, such as "
            f"range={example}, or give uint8 or uint16"
        )
    layers = array if array.ndim == 3 else array[..., None]
    grey, transparent = layers.shape[2] < 3, layers.shape[2] in (2, 4)
    colours = layers[..., :-1] if transparent else layers
    return Image(
        colours.repeat(3, axis=2) if grey else colours, alpha=layers[..., -1] if transparent else None, grey=grey
    )


def _in_range(array: NDArray[Any], black: float, white: float) -> NDArray[np.uint16]:
    """Return an array with 0 for black and 65535 for white."""
    if not black < white:
        raise InputError(f"range is ({black:g}, {white:g}); it must be (black, white), the lower value first")
    if not np.isfinite(array).all():
        raise InputError("the array has values that are NaN or infinite; give them a value")
    if array.size and not (black <= array.min() and array.max() <= white):
        raise InputError(
            f"values from {array.min():g} to {array.max():g} do not lie in range=({black:g}, {white:g}); give the "
            "range that they have, or clip them"
        )
    scaled = (array.astype(np.float64) - black) * (_WHITE / (white - black))
    return np.rint(scaled).astype(np.uint16)
