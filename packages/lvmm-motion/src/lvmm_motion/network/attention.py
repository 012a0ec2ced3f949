"""Attention of the denoisers. Features are (B, F, H, W, C): F Fourier coefficients, or one frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .unet_blocks import per_pixel

HEAD = 32
"""Channels of a head."""
BUCKETS = 32
FARTHEST = 32


class ChannelNorm(nn.Module):
    """Layer norm over channels with a scale and no shift."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C), the same shape out."""
        return functional.layer_norm(x, self.gamma.shape, self.gamma)


class Attention(nn.Module):
    """Projections without bias around scaled dot products, after a norm and added to the input.

    Args:
        channels: of the features.
        context: of what keys and values are made from.
        heads: each of 32 channels.
    """

    def __init__(self, channels: int, context: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = ChannelNorm(channels)
        self.to_q = nn.Linear(channels, heads * HEAD, bias=False)
        self.to_kv = nn.Linear(context, 2 * heads * HEAD, bias=False)
        self.to_out = nn.Linear(heads * HEAD, channels, bias=False)

    def split(self, x: Tensor) -> Tensor:
        """(..., n, heads * 32) -> (..., heads, n, 32)."""
        return x.unflatten(-1, (self.heads, HEAD)).transpose(-2, -3)

    def keys_and_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """(..., n, context) -> two of (..., heads, n, 32)."""
        key, value = self.to_kv(context).chunk(2, dim=-1)
        return self.split(key), self.split(value)

    def merge(self, x: Tensor) -> Tensor:
        """(..., heads, n, 32) -> (..., n, channels)."""
        out: Tensor = self.to_out(x.transpose(-2, -3).flatten(-2))
        return out


class SpatialAttention(Attention):
    """Each pixel of a frame looks at all the others."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__(channels, channels, heads)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W, C), the same shape out."""
        tokens = self.norm(x).flatten(0, 1).flatten(1, 2)
        mixed = functional.scaled_dot_product_attention(self.split(self.to_q(tokens)), *self.keys_and_values(tokens))
        return x + self.merge(mixed).view_as(x)


class CrossAttention(Attention):
    """Each pixel looks at the tokens of the condition."""

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, F, H, W, C) and what `keys_and_values` makes of the condition; the shape of the former out."""
        pixels = self.norm(x).flatten(1, 3)
        mixed = functional.scaled_dot_product_attention(self.split(self.to_q(pixels)), keys, values)
        return x + self.merge(mixed).view_as(x)


class FrequencyAttention(Attention):
    """Each coefficient of a pixel looks at the pixel's other ones; positions enter by rotation and by a bias."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__(channels, channels, heads)

    def forward(self, x: Tensor, positions: Positions) -> Tensor:
        """(B, F, H, W, C) and the positions of F coefficients; the shape of the former out."""
        tokens = self.norm(x).flatten(2, 3)
        if x.shape[1] == 1:
            return x + self.to_out(self.to_kv(tokens).chunk(2, dim=-1)[1]).view_as(x)
        key, value = self.to_kv(tokens).chunk(2, dim=-1)
        query = positions.rotated(self.to_q(tokens).unflatten(-1, (self.heads, HEAD)))
        key = positions.rotated(key.unflatten(-1, (self.heads, HEAD)))
        value = value.unflatten(-1, (self.heads, HEAD))
        # (B, F, n, heads, 32) -> (B * n, heads, F, 32)
        query, key, value = (each.permute(0, 2, 3, 1, 4).flatten(0, 1) for each in (query, key, value))
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=positions.bias)
        mixed = mixed.unflatten(0, (x.shape[0], -1)).permute(0, 3, 1, 2, 4).flatten(3)
        return x + self.to_out(mixed).view_as(x)


class LinearAttention(nn.Module):
    """Attention whose cost is linear in the pixels, frame by frame."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = ChannelNorm(channels)
        self.to_qkv = nn.Conv2d(channels, 3 * heads * HEAD, 1, bias=False)
        self.to_out = nn.Conv2d(heads * HEAD, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W, C), the same shape out."""
        qkv = per_pixel(self.to_qkv, self.norm(x)).flatten(0, 1).flatten(1, 2)
        query, key, value = (each.unflatten(-1, (self.heads, HEAD)) for each in qkv.chunk(3, dim=-1))
        query = query.softmax(dim=-1) * HEAD**-0.5
        context = key.softmax(dim=1).permute(0, 2, 3, 1) @ value.transpose(1, 2)
        mixed = (query.transpose(1, 2) @ context).transpose(1, 2).flatten(2)
        return x + per_pixel(self.to_out, mixed).view_as(x)


def frequencies() -> Tensor:
    """Return the 16 angles by which neighbouring pairs of channels turn from one position to the next."""
    return 10000 ** (-torch.arange(0, HEAD, 2).float() / HEAD)


@dataclass(frozen=True)
class Positions:
    """Position tables of `FrequencyAttention` for F coefficients.

    Attributes:
        bias: (heads, F, F) added to the logits, queries first.
        cos: (F, 1, 1, 32) of the angles by which pairs of channels turn.
        sin: of the same; negative for the first of each pair.
    """

    bias: Tensor
    cos: Tensor
    sin: Tensor

    @classmethod
    def of(cls, bias: Tensor) -> Positions:
        """Return the positions that belong to a bias."""
        # in single precision, as the authors' checkpoints hold them
        angles = torch.outer(torch.arange(bias.shape[1]).to(bias.dtype), frequencies().to(bias.dtype)).to(bias.device)
        signs = angles.new_tensor([-1.0, 1.0])
        cos, sin = angles.cos().repeat_interleave(2, dim=1), (angles.sin().unsqueeze(-1) * signs).flatten(1)
        return cls(bias, cos[:, None, None], sin[:, None, None])

    def rotated(self, x: Tensor) -> Tensor:
        """Turn pairs of channels of (B, F, n, heads, 32) by angles that grow with the position."""
        swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
        return torch.addcmul(x * self.cos, swapped, self.sin)


class PositionBias(nn.Module):
    """A learned number for each head and each bucket of distances between two positions."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.relative_attention_bias = nn.Embedding(BUCKETS, heads)

    def forward(self, count: int) -> Tensor:
        """Return (heads, count, count), queries first."""
        index = buckets(count).to(self.relative_attention_bias.weight.device)
        bias: Tensor = self.relative_attention_bias(index).permute(2, 0, 1)
        return bias


def buckets(count: int) -> Tensor:
    """Return the bucket of each pair of positions, (count, count), queries first: exact up to 7, then coarser."""
    place = torch.arange(count)
    apart = place - place[:, None]
    distance = apart.abs()
    half, exact = BUCKETS // 2, BUCKETS // 4
    coarse = exact + (
        torch.log(distance.clamp(min=1).float() / exact) / math.log(FARTHEST / exact) * (half - exact)
    ).long().clamp(max=half - exact - 1)
    return torch.where(apart > 0, half, 0) + torch.where(distance < exact, distance, coarse)
