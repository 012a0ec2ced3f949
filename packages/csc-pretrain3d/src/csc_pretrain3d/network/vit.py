"""The image branch's vision transformer: patch tokens of DINO or DINOv2, whose names of tensors it has."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.errors import InputError

from .image_config import ViTConfig

_EPS = 1e-6
_OFFSET = 0.1
"""Added to the number of patches before positions are resized, as both publications do against rounding."""


class Attention(nn.Module):
    """Self-attention of tokens (B, N, C)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class FeedForward(nn.Module):
    """Two layers on each token, four times as wide inside."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class LayerScale(nn.Module):
    """A factor for each channel, near zero at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """Attention, then the feed-forward network, each beside a shortcut."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        channels = config.channels
        self.norm1 = nn.LayerNorm(channels, eps=_EPS)
        self.attn = Attention(channels, config.heads)
        self.ls1 = LayerScale(channels) if config.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(channels, eps=_EPS)
        self.mlp = FeedForward(channels)
        self.ls2 = LayerScale(channels) if config.layer_scale else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        out: Tensor = x + self.ls2(self.mlp(self.norm2(x)))
        return out


class PatchEmbedding(nn.Module):
    """Images (B, 3, H, W) -> one token a patch (B, C, H / patch, W / patch)."""

    def __init__(self, patch: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, channels, patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.proj(images)
        return tokens


class VisionTransformer(nn.Module):
    """Images (B, 3, H, W), normalised as ImageNet's -> features (B, C, H / patch, W / patch)."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.channels))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.grid**2, config.channels))
        if config.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, config.registers, config.channels))
        self.patch_embed = PatchEmbedding(config.patch, config.channels)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.channels, eps=_EPS)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        """Return the features.

        Raises:
            InputError: if height or width is no multiple of the patch.
        """
        patch = self.config.patch
        if images.shape[2] % patch or images.shape[3] % patch:
            raise InputError(
                f"images are {images.shape[2]} x {images.shape[3]}; both must be multiples of the patch, {patch}"
            )
        patches = self.patch_embed(images)
        batch, _, height, width = patches.shape
        tokens = torch.cat([self.cls_token.expand(batch, -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        tokens = tokens + self.positions(height, width)
        if self.config.registers:
            registers = self.register_tokens.expand(batch, -1, -1)
            tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)
        tokens = self.norm(self.blocks(tokens))[:, 1 + self.config.registers :]
        features: Tensor = tokens.transpose(1, 2).unflatten(2, (height, width))
        return features

    def positions(self, height: int, width: int) -> Tensor:
        """Return the position table (1, 1 + height * width, C) of a grid, resized as the publication does."""
        grid = self.config.grid
        if (height, width) == (grid, grid):
            return self.pos_embed
        table = self.pos_embed[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
        if self.config.registers:
            resized = F.interpolate(table, size=(height, width), mode="bicubic", antialias=True)
        else:
            scale = (height + _OFFSET) / grid, (width + _OFFSET) / grid
            resized = F.interpolate(table, scale_factor=scale, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)
