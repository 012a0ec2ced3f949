"""Residual blocks and embeddings of the denoisers. Features are (B, F, H, W, C)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import GROUPS


def per_frame(layer: nn.Module, x: Tensor) -> Tensor:
    """Apply a layer for images to (B, F, H, W, C)."""
    out: Tensor = layer(x.flatten(0, 1).permute(0, 3, 1, 2))
    return out.permute(0, 2, 3, 1).unflatten(0, x.shape[:2])


def per_pixel(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Apply a 1x1 convolution to (..., C)."""
    return functional.linear(x, layer.weight.flatten(1), layer.bias)


class FrameGroupNorm(nn.Module):
    """Group norm whose statistics are over all frames of a sample."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W, C), the same shape out."""
        return frame_group_norm(x, self.weight, self.bias)


def frame_group_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Normalise (B, F, H, W, C) as `FrameGroupNorm`, by weight and bias (C,)."""
    tall = x.flatten(1, 2).permute(0, 3, 1, 2)
    return functional.group_norm(tall, GROUPS, weight, bias).permute(0, 2, 3, 1).view_as(x)


class Block(nn.Module):
    """A 3x3 convolution, norm and SiLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = FrameGroupNorm(outputs)

    def forward(self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        """(B, F, H, W, inputs) -> (B, F, H, W, outputs), before SiLU times 1 + scale plus shift, each (B, outputs)."""
        x = self.norm(per_frame(self.proj, x))
        if scale is not None and shift is not None:
            x = torch.addcmul(shift[:, None, None, None], x, scale[:, None, None, None] + 1)
        return functional.silu(x)


class ResnetBlock(nn.Module):
    """Two blocks, the first told of the time, added to the input.

    Args:
        inputs: channels in.
        outputs: channels out.
        embedding: width of the time's embedding; None where the block is not told of it.
    """

    def __init__(self, inputs: int, outputs: int, embedding: int | None = None) -> None:
        super().__init__()
        self.mlp = None if embedding is None else nn.Linear(embedding, 2 * outputs)
        self.block1 = Block(inputs, outputs)
        self.block2 = Block(outputs, outputs)
        self.res_conv = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, embedding: Tensor | None = None) -> Tensor:
        """(B, F, H, W, inputs) and (B, embedding) -> (B, F, H, W, outputs)."""
        scale = shift = None
        if self.mlp is not None and embedding is not None:
            scale, shift = self.mlp(functional.silu(embedding)).chunk(2, dim=1)
        hidden = self.block2(self.block1(x, scale, shift))
        out: Tensor = hidden.add_(x if self.res_conv is None else per_pixel(self.res_conv, x))
        return out


class NumberEmbedding(nn.Module):
    """Embedding of a step of the diffusion, or of the index of a frame."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.expand = nn.Linear(width, 4 * width)
        self.mix = nn.Linear(4 * width, 4 * width)

    def forward(self, numbers: Tensor) -> Tensor:
        """(B,) -> (B, 4 * width)."""
        half = self.width // 2
        places = torch.arange(half, device=numbers.device, dtype=self.expand.weight.dtype)
        angles = numbers[:, None] * torch.exp(places * (-math.log(10000) / (half - 1)))
        waves = torch.cat((angles.sin(), angles.cos()), dim=1)
        out: Tensor = self.mix(functional.gelu(self.expand(waves)))
        return out
