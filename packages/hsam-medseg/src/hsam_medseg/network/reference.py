"""The reference path: the network computed as the paper and the published layout have it, slow and obviously right."""

from __future__ import annotations

import copy
import math
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncore import lora
from visioncore.backbones.sam import SAMImageEncoder

from .attention import Attention
from .hypernetworks import Hypernetworks
from .mask_attention import MaskedAttention
from .upscaling import Doubling

Network = TypeVar("Network", bound=nn.Module)


def as_reference(model: Network) -> Network:
    """Return a copy of a model that computes the plain way; the low-rank additions are not folded in it."""
    reference = copy.deepcopy(model)
    lora.unfold(reference)
    for module in reference.modules():
        if type(module) in _REFERENCE:
            module.__class__ = _REFERENCE[type(module)]
    return reference


class ReferenceImageEncoder(SAMImageEncoder):
    """SAM's image encoder as its own package computes it: padding projected, a bias for every pair of positions."""

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch_embed(images) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.neck(x.permute(0, 3, 1, 2))


class ReferenceAttention(Attention):
    """Attention written out."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = self.project(q, k, v)
        return self.merge((q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(dim=-1) @ v)


class ReferenceMaskedAttention(MaskedAttention):
    """Masked attention head by head."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, prior: Tensor | None = None) -> Tensor:
        assert prior is not None
        q, k, v = self.project(q, k, v)
        heads = []
        for head in range(self.heads):
            scores = q[:, head] @ k[:, head].transpose(1, 2) / math.sqrt(q.shape[-1])
            heads.append((scores.softmax(dim=-1) * prior) @ v[:, head])
        return self.merge(torch.stack(heads, dim=1))


class ReferenceDoubling(Doubling):
    """A transposed convolution of a map; in and out go nested positions, as from the fast one."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        # Each position is a map of its own: patches do not overlap.
        patches = F.conv_transpose2d(x.flatten(0, 1)[:, :, None, None], self.weight, self.bias, stride=2)
        return patches.flatten(2).transpose(1, 2).reshape(x.shape[0], -1, self.out_channels)


class ReferenceHypernetworks(Hypernetworks):
    """One MLP after the other."""

    def forward(self, tokens: Tensor) -> Tensor:
        outputs = []
        for index in range(tokens.shape[1]):
            x = tokens[:, index]
            for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
                x = F.linear(x if layer == 0 else F.relu(x), weight[index], bias[index])
            outputs.append(x)
        return torch.stack(outputs, dim=1)


_REFERENCE: dict[type[nn.Module], type[Any]] = {
    SAMImageEncoder: ReferenceImageEncoder,
    Attention: ReferenceAttention,
    MaskedAttention: ReferenceMaskedAttention,
    Doubling: ReferenceDoubling,
    Hypernetworks: ReferenceHypernetworks,
}
