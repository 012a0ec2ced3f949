"""Layers over a map a few rows at a time, so that maps between them never leave the processor's cache.

A block widens a map fivefold before it narrows it again. On a CPU, writing those wide maps to memory and fetching them
back costs more than the arithmetic, and they decide the peak memory. Without gradients nobody needs them whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

BUDGET = 2**20
"""About how many numbers the widest map between the layers of a strip holds."""

FEWEST_ROWS = 8


class Strip(NamedTuple):
    """Rows of one image of a map, and their place among the rows that are computed with them.

    Attributes:
        image: index in the batch.
        around: the rows with a neighbour above and below, where there is one.
        rows: the rows themselves.
        inside: where they lie within ``around``.
    """

    image: int
    around: slice
    rows: slice
    inside: slice


def pays(x: Tensor) -> bool:
    """Whether strips are faster for a map: on a CPU, with no gradient or graph recorded."""
    return x.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def strips(x: Tensor, widest: int) -> Iterator[Strip]:
    """Cut a map (B, C, H, W) into strips for layers that look one row up and down.

    Args:
        x: the map.
        widest: channels of the widest map between the layers.
    """
    batch, _, height, width = x.shape
    count = max(FEWEST_ROWS, math.ceil(height / max(1, round(height * width * widest / BUDGET))))
    for image in range(batch):
        for top in range(0, height, count):
            bottom = min(top + count, height)
            above = max(0, top - 1)
            around = slice(above, min(bottom + 1, height))
            yield Strip(image, around, slice(top, bottom), slice(top - above, bottom - above))
