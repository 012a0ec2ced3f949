"""Losses that hold a fine-tuned style near where it started; the denoising loss is visioncore's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .config import Level


def offset_loss(offsets: Mapping[Level, Tensor], start: Mapping[Level, Tensor]) -> Tensor:
    """Return the squared length of offsets over that of the tokens they are added to, both (n, width) by level."""
    moved = torch.stack([offset.square().sum() for offset in offsets.values()]).sum()
    return moved / torch.stack([start[level].square().sum() for level in offsets]).sum()
