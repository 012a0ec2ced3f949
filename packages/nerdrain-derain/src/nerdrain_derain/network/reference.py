"""The reference path: the network as the paper writes it, step by step, on the same weights.

`as_reference` returns a copy of a model in which every shortcut is undone: 1x1 convolutions are convolutions, queries
and keys are normalised as whole maps, the attention matrix meets the values before the projection does, the norm is
computed term by term, and the pixel decoder unfolds neighbourhoods, builds coordinates and evaluates four shifts.
"""

from __future__ import annotations

import copy
import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from .blocks import TransformerBlock
from .channel_attention import ChannelAttention
from .feed_forward import GatedFeedForward
from .implicit import PixelDecoder
from .layers import ChannelNorm, Pointwise

Model = TypeVar("Model", bound=nn.Module)


class ReferencePointwise(Pointwise):
    """1x1 convolution as a convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight, None)


class ReferenceNorm(ChannelNorm):
    """Layer norm over channels, term by term."""

    def forward(self, x: Tensor) -> Tensor:
        shape = (1, -1, 1, 1)
        centred = x - x.mean(dim=1, keepdim=True)
        deviation = torch.sqrt((centred**2).mean(dim=1, keepdim=True) + self.eps)
        if self.bias is None:
            return x / deviation * self.weight.view(shape)
        return centred / deviation * self.weight.view(shape) + self.bias.view(shape)


class ReferenceAttention(ChannelAttention):
    """Channel attention in the order of the paper's equations."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        maps = self.qkv_local(self.qkv(x)).chunk(3, dim=1)
        q, k, v = (rearrange(m, "b (head c) h w -> b head c (h w)", head=self.heads) for m in maps)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        weights = (q @ k.transpose(-1, -2) * self.temperature).softmax(dim=-1)
        attended = rearrange(weights @ v, "b head c (h w) -> b (head c) h w", h=height, w=width)
        out: Tensor = self.project(attended)
        return out


class ReferenceFeedForward(GatedFeedForward):
    """The gated feed-forward network on maps that hold both halves."""

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.local(self.expand(x)).chunk(2, dim=1)
        out: Tensor = self.project(F.gelu(gate) * value)
        return out


class ReferenceBlock(TransformerBlock):
    """The block on whole maps."""

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class ReferencePixelDecoder(PixelDecoder):
    """The published pixel decoder with its neighbourhoods, coordinates and ensemble of four shifts."""

    frequencies = tuple(2.0**octave * math.pi for octave in range(4))

    def forward(self, features: Tensor) -> Tensor:
        batch, _, height, width = features.shape
        pixels = (batch, height * width, -1)
        neighbours = rearrange(F.unfold(features, 3, padding=1), "b c n -> b n c")
        cell = features.new_tensor([2 / height * height, 2 / width * width]).expand(pixels[0], pixels[1], 2)
        feature_grid = query_grid = self._encoded_grid(features)
        estimates, areas = [], []
        for _shift in range(4):  # as published, the shifted grid is never used to fetch features
            relative = query_grid - feature_grid
            inputs = torch.cat([neighbours, relative.expand(pixels), cell], dim=-1)
            estimates.append(self._mlp(inputs))
            areas.append(relative[:, :2].prod(dim=-1, keepdim=True).abs() + 1e-9)
        total = torch.stack(areas).sum(dim=0)
        opposite = reversed(areas)
        blended = torch.stack([e * (area / total) for e, area in zip(estimates, opposite, strict=True)]).sum(dim=0)
        return rearrange(blended, "b (h w) c -> b c h w", h=height, w=width)

    def _mlp(self, x: Tensor) -> Tensor:
        *hidden, last = self._linears()
        for layer in hidden:
            x = F.relu(layer(x))
        colour: Tensor = last(x)
        return colour

    def _encoded_grid(self, features: Tensor) -> Tensor:
        """Return cell centres in [-1, 1] with their sines and cosines, (H * W, 18)."""
        rows, columns = (
            torch.linspace(-1 + 1 / n, 1 - 1 / n, n, dtype=features.dtype, device=features.device)
            for n in features.shape[2:]
        )
        grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).flatten(0, 1)
        waves = [wave(frequency * grid) for frequency in self.frequencies for wave in (torch.sin, torch.cos)]
        return torch.cat([grid, *waves], dim=-1)


_REFERENCE: dict[type[nn.Module], type[nn.Module]] = {
    Pointwise: ReferencePointwise,
    ChannelNorm: ReferenceNorm,
    ChannelAttention: ReferenceAttention,
    GatedFeedForward: ReferenceFeedForward,
    TransformerBlock: ReferenceBlock,
    PixelDecoder: ReferencePixelDecoder,
}


def as_reference(model: Model) -> Model:
    """Return a copy of ``model`` that computes the same in the paper's own steps, in contiguous memory."""
    reference = copy.deepcopy(model)
    for module in reference.modules():
        module.__class__ = _REFERENCE.get(type(module), type(module))
    return reference.to(memory_format=torch.contiguous_format)
