"""The eight dihedral versions of an image, rotated and flipped, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAYS = 8


def turned(image: Tensor, way: int) -> Tensor:
    """Return (..., H, W) upside down if ``way`` (0 to 7) is odd, then turned ``way // 2`` times by 90 degrees
    counter-clockwise; way 0 leaves it as it is."""
    return torch.rot90(image.flip(-2) if way % 2 else image, way // 2, (-2, -1))


def turned_back(image: Tensor, way: int) -> Tensor:
    """Undo :func:`turned`."""
    upright = torch.rot90(image, -(way // 2), (-2, -1))
    return upright.flip(-2) if way % 2 else upright


def turned_pixels(pixels: NDArray[Any], way: int) -> NDArray[Any]:
    """Do as :func:`turned` with an array (H, W, ...), as a view: for small images far quicker than PyTorch."""
    return np.rot90(pixels[::-1] if way % 2 else pixels, way // 2)


def self_ensemble(run: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return the mean of ``run`` over the eight dihedral versions of images, each turned back, in float32 or better.

    Args:
        run: images -> maps of the same size, of any number of channels.
        images: (B, C, H, W) in floating point.
    """
    mean: Tensor | None = None
    for way in range(WAYS):
        output = turned_back(run(turned(images, way)), way)
        share = output.to(torch.promote_types(output.dtype, torch.float32)) / WAYS
        mean = share if mean is None else mean.add_(share)
    assert mean is not None
    return mean
