"""The image tower of the fast path: fewer passes over the tokens, the same numbers to rounding."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.backbones.clip_transformer import QUICK, CLIPBlock, CLIPViT

from .alignment import precise
from .merging import match, merge_sizes, merge_source, merge_tokens
from .output import Regions
from .packed_linear import After, PackedLinear


class FastBlock(nn.Module):
    """A block of the tower, with shortcuts and activation inside the linear layers.

    x sigmoid(1.702 x) is silu(1.702 x) / 1.702, so that the two layers around it take the factors.
    """

    def __init__(self, block: CLIPBlock, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        attention, mlp = block.attn, block.mlp
        quick = mlp.activation == "quick_gelu"
        self.heads = attention.heads
        self.after: After = "silu" if quick else "gelu"
        factor = QUICK if quick else 1.0
        self.norm_1, self.norm_2 = block.ln_1, block.ln_2
        self.packed = PackedLinear(attention.in_proj_weight, attention.in_proj_bias, device, dtype)
        self.out = PackedLinear(attention.out_proj.weight, attention.out_proj.bias, device, dtype)
        self.wide = PackedLinear(mlp.c_fc.weight * factor, mlp.c_fc.bias * factor, device, dtype)
        self.narrow = PackedLinear(mlp.c_proj.weight / factor, mlp.c_proj.bias, device, dtype)

    def attend(self, x: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return tokens (F, n, d) after attention with its shortcut, and the keys (F, heads, n, d / heads)."""
        packed = self.packed(self.norm_1(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.out.onto(x, mixed.transpose(1, 2).flatten(2)), key

    def feed(self, x: Tensor) -> Tensor:
        """Return tokens (F, n, d) after the MLP with its shortcut."""
        return self.narrow.onto(x, self.wide(self.norm_2(x), self.after))


class FastTower(nn.Module):
    """The tower on one device in one precision.

    Args:
        visual: a tower of its own, in that precision on that device.
        merges: tokens to merge away in each block.
        device: where it runs.
        dtype: precision of its arithmetic.
    """

    def __init__(self, visual: CLIPViT, merges: Sequence[int], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.merges = list(merges)
        self.blocks: nn.ModuleList = nn.ModuleList(
            FastBlock(block, device, dtype) for block in visual.transformer.blocks()
        )
        visual.transformer.resblocks = nn.ModuleList()
        self.visual = visual
        self.project = PackedLinear(visual.proj.T, None, device, dtype)

    def forward(self, frames: Tensor) -> Regions:
        """Return the regions of frames (F, 3, S, S)."""
        x = self.visual.embed(frames)
        size = torch.ones(x.shape[:2], dtype=torch.int64, device=x.device)
        source = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
        bias = None
        blocks = [block for block in self.blocks if isinstance(block, FastBlock)]
        for block, r in zip(blocks, self.merges, strict=True):
            x, key = block.attend(x, bias)
            if r:
                merge = match(key.mean(dim=1), r)
                x, source = merge_tokens(x, size, merge), merge_source(source, merge)
                size = merge_sizes(size, merge)
                bias = size.to(x.dtype).log()[:, None, None]
            x = block.feed(x)
        tokens = self.visual.ln_post(x)
        features = F.normalize(precise(self.project(tokens)), dim=-1)
        return Regions(tokens, features, size, source)
