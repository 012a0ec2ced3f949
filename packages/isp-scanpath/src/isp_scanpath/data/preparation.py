"""Images -> the input of ChenLSTM: at its size, whatever their own is, with ImageNet's mean and deviation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def prepare(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """Return an RGB image (H, W, 3) of 8 bit as the network takes it, (3, height, width); its sides may change ratio.

    Args:
        pixels: the image.
        size: height and width in pixels.
    """
    from PIL import Image

    small = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BILINEAR)
    values = torch.from_numpy(np.array(small)).movedim(-1, 0).float() / 255
    return normalise(values)


def normalise(values: Tensor) -> Tensor:
    """Return RGB values (..., 3, H, W) in [0, 1] less the mean of ImageNet, over its deviation."""
    mean, std = (values.new_tensor(numbers)[:, None, None] for numbers in (MEAN, STD))
    result: Any = (values - mean) / std
    return result
