"""Attention of the denoisers as inference runs it on a CPU: a part of the pixels at a time, so that it stays cached."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from visioncore.convolutions.products import Product

from .attention import HEAD, CrossAttention, FrequencyAttention, LinearAttention, Positions

PIXELS = 128
"""Of all coefficients, in `FastFrequencyAttention`."""
TOKENS = 1024
"""Pixels of one or several frames, in `FastLinearAttention`."""


@torch.no_grad()
def speed_up(network: nn.Module) -> None:
    """Replace attention by what computes the same in less time, in place."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, FrequencyAttention):
                setattr(module, name, FastFrequencyAttention(child))
            elif isinstance(child, LinearAttention):
                setattr(module, name, FastLinearAttention(child))
            elif isinstance(child, CrossAttention):
                child.__class__ = FastCrossAttention


class FastFrequencyAttention(nn.Module):
    """`FrequencyAttention` whose rotations are part of the projections, another one for each coefficient."""

    def __init__(self, attention: FrequencyAttention) -> None:
        super().__init__()
        self.plain = attention
        self.matrices: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def forward(self, x: Tensor, positions: Positions) -> Tensor:
        """(B, F, H, W, C) and the positions of F coefficients; the shape of the former out."""
        count = x.shape[1]
        if count == 1:
            single: Tensor = self.plain(x, positions)
            return single
        if count not in self.matrices:
            self.matrices = {count: self._rotated(positions)}
        out = torch.empty_like(x, memory_format=torch.contiguous_format)
        scratch = Scratch.of(x, min(PIXELS, x.shape[2] * x.shape[3]), positions.bias)
        for sample, result in zip(x.flatten(2, 3), out.flatten(2, 3), strict=True):
            for here, found in zip(sample.split(PIXELS, dim=1), result.split(PIXELS, dim=1), strict=True):
                torch.add(here, self._mixed(here, scratch.first(here.shape[1])), out=found)
        return out

    def _mixed(self, here: Tensor, scratch: Scratch) -> Tensor:
        """(F, n, C) -> what is added to it."""
        heads, normed = self.plain.heads, self.plain.norm(here)
        projected = zip(self.matrices[len(here)], scratch.projected, strict=True)
        found = [torch.bmm(normed, matrix, out=values) for matrix, values in projected]
        # (F, n, heads * 32) -> (n * heads, F, 32), without a copy
        query, key, value = (each.unflatten(2, (heads, HEAD)).flatten(1, 2).transpose(0, 1) for each in found)
        logits = torch.baddbmm(scratch.bias, query, key.mT, out=scratch.logits)
        mixed = torch.bmm(torch.softmax(logits, dim=2, out=logits), value, out=scratch.mixed)
        found[0].view(len(here), -1, HEAD).copy_(mixed.transpose(0, 1))
        out: Tensor = self.plain.to_out(found[0])
        return out

    def _rotated(self, positions: Positions) -> tuple[Tensor, Tensor, Tensor]:
        """Return the projections (F, C, heads * 32) to queries, keys and values, one for each coefficient."""
        count = positions.bias.shape[1]
        query, key, value = (w.T for w in (self.plain.to_q.weight, *self.plain.to_kv.weight.chunk(2)))
        query, key = (
            positions.rotated(w.unflatten(1, (-1, HEAD))[None, None])[0].flatten(2) for w in (query * HEAD**-0.5, key)
        )
        return query.contiguous(), key.contiguous(), value.contiguous().expand(count, -1, -1)


class Scratch(NamedTuple):
    """Where `FastFrequencyAttention` puts what it finds of some pixels, one part after the other in the same place.

    Attributes:
        projected: queries, keys and values, (F, n, heads * 32) each.
        bias: (n * heads, F, F) of the logits.
        logits: (n * heads, F, F).
        mixed: (n * heads, F, 32).
    """

    projected: tuple[Tensor, ...]
    bias: Tensor
    logits: Tensor
    mixed: Tensor

    @classmethod
    def of(cls, like: Tensor, pixels: int, bias: Tensor) -> Scratch:
        """Return room for some pixels, of the dtype of ``like``; ``bias`` is that of `Positions`."""
        heads, count = bias.shape[:2]
        return cls(
            like.new_empty(3, count, pixels, heads * HEAD).unbind(),
            bias.repeat(pixels, 1, 1),
            like.new_empty(pixels * heads, count, count),
            like.new_empty(pixels * heads, count, HEAD),
        )

    def first(self, pixels: int) -> Scratch:
        """Return the room for fewer pixels."""
        count, room = self.projected[0].shape[:2]
        if pixels == room:
            return self
        rows = pixels * self.bias.shape[0] // room
        projected = tuple(each.flatten(0, 1)[: count * pixels].unflatten(0, (count, pixels)) for each in self.projected)
        return Scratch(projected, self.bias[:rows], self.logits[:rows], self.mixed[:rows])


class FastLinearAttention(nn.Module):
    """`LinearAttention` that sums the features themselves by the keys, and projects what little is found.

    Values and the last projection are linear, so that neither is computed pixel by pixel.
    """

    def __init__(self, attention: LinearAttention) -> None:
        super().__init__()
        self.heads, self.norm = attention.heads, attention.norm
        query, key, value = attention.to_qkv.weight.flatten(1).chunk(3)
        self.to_query, self.to_key = Product(query.T), Product(key.T)
        self.register_buffer("value", value.unflatten(0, (self.heads, HEAD)).mT * HEAD**-0.5)
        self.register_buffer("matrix", attention.to_out.weight.flatten(1).T.unflatten(0, (self.heads, HEAD)).clone())
        self.register_buffer("bias", attention.to_out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W, C), the same shape out."""
        frames = x.flatten(0, 1).flatten(1, 2)
        out = torch.empty_like(frames, memory_format=torch.contiguous_format)
        step = max(1, TOKENS // frames.shape[1])
        for here, found in zip(frames.split(step), out.split(step), strict=True):
            normed = self.norm(here)
            key = self.to_key(normed.flatten(0, 1)).view(*here.shape[:2], -1)
            key.sub_(key.amax(dim=1, keepdim=True)).exp_()
            # (n, heads * 32, C), of which each row is a mean of pixels
            means = torch.bmm(key.mT, normed).div_(key.sum(dim=1).unsqueeze(2)).unflatten(1, (self.heads, HEAD))
            matrix = (means @ cast(Tensor, self.value) @ cast(Tensor, self.matrix)).flatten(1, 2)
            query = self.to_query(normed.flatten(0, 1)).view(*here.shape[:2], self.heads, HEAD)
            torch.baddbmm(here, torch.softmax(query, dim=3).flatten(2), matrix, out=found)
        return out.add_(cast(Tensor, self.bias)).view_as(x)


class FastCrossAttention(CrossAttention):
    """`CrossAttention` that joins few tokens with the projections before and behind: one number a head and token."""

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(B, F, H, W, C) and keys and values (B, heads, n, 32); the shape of the former out."""
        count = keys.shape[2]
        if count >= HEAD:
            return super().forward(x, keys, values)
        inwards = self.to_q.weight.unflatten(0, (self.heads, HEAD)) * HEAD**-0.5
        outwards = self.to_out.weight.T.unflatten(0, (self.heads, HEAD))
        logits = self.norm(x).flatten(1, 3) @ (keys @ inwards).flatten(1, 2).mT
        shares = logits.unflatten(2, (self.heads, count)).softmax(dim=-1).flatten(2)
        return torch.baddbmm(x.flatten(1, 3), shares, (values @ outwards).flatten(1, 2)).view_as(x)
