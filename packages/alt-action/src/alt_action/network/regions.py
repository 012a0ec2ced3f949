"""CLIP's image tower that merges patches into regions on the way."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from visioncore.backbones.clip_transformer import CLIPViT

from .alignment import precise_product
from .merging import match, merge_sizes, merge_source, merge_tokens
from .output import Regions


def find_regions(visual: CLIPViT, frames: Tensor, merges: Sequence[int]) -> Regions:
    """Return the regions of frames.

    Between attention and MLP of a block, tokens with keys alike are merged. In the blocks after it, attention counts a
    token as often as the patches that it stands for.

    Args:
        visual: the tower.
        frames: (F, 3, S, S), normalised.
        merges: tokens to merge away in each block.

    Raises:
        InputError: if the frames are of another shape.
    """
    x = visual.embed(frames)
    size = torch.ones(x.shape[:2], dtype=torch.int64, device=x.device)
    source = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    bias = None
    for block, r in zip(visual.transformer.blocks(), merges, strict=True):
        query, key, value = block.attn.project(block.ln_1(x))
        x = x + block.attn.mix(query, key, value, bias)
        if r:
            merge = match(key.mean(dim=1), r)
            x, source = merge_tokens(x, size, merge), merge_source(source, merge)
            size = merge_sizes(size, merge)
            bias = size.to(x.dtype).log()[:, None, None]
        x = x + block.mlp(block.ln_2(x))
    tokens = visual.ln_post(x)
    return Regions(tokens, F.normalize(precise_product(tokens, visual.proj), dim=-1), size, source)
