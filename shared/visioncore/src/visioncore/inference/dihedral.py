"""The eight ways to turn and mirror a square or a picture, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAYS = 8


def turned(picture: Tensor, way: int) -> Tensor:
    """Return (..., H, W) upside down if ``way`` (0 to 7) is odd, then turned ``way // 2`` times by 90 degrees
    counter-clockwise; way 0 leaves it as it is."""
    return torch.rot90(picture.flip(-2) if way % 2 else picture, way // 2, (-2, -1))


def turned_back(picture: Tensor, way: int) -> Tensor:
    """Undo :func:`turned`."""
    upright = torch.rot90(picture, -(way // 2), (-2, -1))
    return upright.flip(-2) if way % 2 else upright


def turned_pixels(pixels: NDArray[Any], way: int) -> NDArray[Any]:
    """Do as :func:`turned` with an array (H, W, ...), as a view: for small pictures far quicker than PyTorch."""
    return np.rot90(pixels[::-1] if way % 2 else pixels, way // 2)


def self_ensemble(run: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the mean of what ``run`` makes of images in all eight ways, each turned back, in float32 or better.

    Args:
        run: images -> images of the same size.
        images: (B, C, H, W) in floating point.
    """
    mean = torch.zeros_like(images, dtype=torch.promote_types(images.dtype, torch.float32))
    for way in range(WAYS):
        mean += turned_back(run(turned(images, way)), way) / WAYS
    return mean
