"""The transformers of CLIP (Radford et al. 2021), on patches of an image and on the tokens of a text.

Tensors have CLIP's names, those of the image tower without the ``visual.`` in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..configs import check_choices, check_most
from ..errors import InputError

Activation = Literal["quick_gelu", "gelu"]
"""OpenAI's approximation x sigmoid(1.702 x), or the exact function; which of them is not among the tensors."""

QUICK = 1.702
"""Factor in OpenAI's approximation of GELU."""


def _check_counts(config: CLIPViTConfig | CLIPTextConfig, *names: str) -> None:
    for name in names:
        if getattr(config, name) < 1:
            raise InputError(f"{name} is {getattr(config, name)}; it must be at least 1")
    check_choices(config)
    if config.width % config.heads:
        raise InputError(f"width is {config.width}; it must be a multiple of heads, {config.heads}")


@dataclass(frozen=True)
class CLIPViTConfig:
    """Configuration of an image tower; the default is ViT-B/16.

    Attributes:
        width: length d of a token.
        layers: number of blocks.
        heads: of attention, a divisor of the width.
        patch: side of a patch in pixels.
        image_size: side of the square images in pixels, a multiple of the patch.
        embed_dim: length D of the vectors that images and texts share.
        activation: inside the blocks.

    Raises:
        InputError: if a value is out of its range.
    """

    width: int = 768
    layers: int = 12
    heads: int = 12
    patch: int = 16
    image_size: int = 224
    embed_dim: int = 512
    activation: Activation = "quick_gelu"

    def __post_init__(self) -> None:
        _check_counts(self, "width", "layers", "heads", "patch", "image_size", "embed_dim")
        check_most(self, width=16384, layers=256, image_size=16384, embed_dim=16384)
        if self.image_size % self.patch:
            raise InputError(f"image_size is {self.image_size}; it must be a multiple of patch, {self.patch}")

    @property
    def patches(self) -> int:
        """Patches N of an image."""
        return (self.image_size // self.patch) ** 2


@dataclass(frozen=True)
class CLIPTextConfig:
    """Configuration of a text tower; the default is that of ViT-B/16.

    Attributes:
        width: length d of a token.
        layers: number of blocks.
        heads: of attention, a divisor of the width.
        context: tokens of a text, filled up with zeros.
        vocabulary: number of different tokens; the last one ends a text.
        embed_dim: length D of the vectors that images and texts share.
        activation: inside the blocks.

    Raises:
        InputError: if a value is out of its range.
    """

    width: int = 512
    layers: int = 12
    heads: int = 8
    context: int = 77
    vocabulary: int = 49408
    embed_dim: int = 512
    activation: Activation = "quick_gelu"

    def __post_init__(self) -> None:
        _check_counts(self, "width", "layers", "heads", "context", "vocabulary", "embed_dim")


CLIP_VITS: Mapping[str, tuple[CLIPViTConfig, CLIPTextConfig]] = {
    "ViT-B-32": (CLIPViTConfig(patch=32), CLIPTextConfig()),
    "ViT-B-16": (CLIPViTConfig(), CLIPTextConfig()),
    "ViT-L-14": (CLIPViTConfig(1024, 24, 16, 14, 224, 768), CLIPTextConfig(768, 12, 12, embed_dim=768)),
    "ViT-L-14-336": (CLIPViTConfig(1024, 24, 16, 14, 336, 768), CLIPTextConfig(768, 12, 12, embed_dim=768)),
}
"""OpenAI's image and text towers by name."""


class CLIPAttention(nn.Module):
    """Attention of a token to others, with query, key and value packed in this order."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (B, heads, N, d / heads), of tokens (B, N, d)."""
        packed = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = packed.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return query, key, value

    def mix(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """Return tokens (B, N, d) of what `project` returns.

        Args:
            query: as key and value, (B, heads, N, d / heads).
            key: as query.
            value: as query.
            bias: added to the logits, of a shape that goes with (B, heads, N, N).
            causal: let no token see those after it.
        """
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, is_causal=causal)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out

    def forward(self, x: Tensor, causal: bool = False) -> Tensor:
        """Return tokens (B, N, d) of tokens (B, N, d)."""
        return self.mix(*self.project(x), causal=causal)


class CLIPMLP(nn.Module):
    """Two linear layers, four times as wide between them."""

    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (B, N, d) of tokens (B, N, d)."""
        x = self.c_fc(x)
        x = x * torch.sigmoid(QUICK * x) if self.activation == "quick_gelu" else F.gelu(x)
        out: Tensor = self.c_proj(x)
        return out


class CLIPBlock(nn.Module):
    """Attention and MLP, each behind a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int, activation: Activation) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(width), CLIPAttention(width, heads)
        self.ln_2, self.mlp = nn.LayerNorm(width), CLIPMLP(width, activation)

    def forward(self, x: Tensor, causal: bool = False) -> Tensor:
        """Return tokens (B, N, d) of tokens (B, N, d); where causal, none sees those after it."""
        x = x + self.attn(self.ln_1(x), causal)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class CLIPTransformer(nn.Module):
    """Blocks, one after the other."""

    def __init__(self, config: CLIPViTConfig | CLIPTextConfig) -> None:
        super().__init__()
        blocks = (CLIPBlock(config.width, config.heads, config.activation) for _ in range(config.layers))
        self.resblocks: nn.ModuleList = nn.ModuleList(blocks)

    def forward(self, x: Tensor, causal: bool = False) -> Tensor:
        """Return tokens (B, N, d) of tokens (B, N, d); where causal, none sees those after it."""
        for block in self.blocks():
            x = block(x, causal)
        return x

    def blocks(self) -> list[CLIPBlock]:
        """Return the blocks, first to last."""
        return [block for block in self.resblocks if isinstance(block, CLIPBlock)]


class CLIPViT(nn.Module):
    """CLIP's image tower on patches.

    Args:
        config: its shape; weights are random until loaded.
    """

    def __init__(self, config: CLIPViTConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.conv1 = nn.Conv2d(3, width, config.patch, config.patch, bias=False)
        self.class_embedding = nn.Parameter(width**-0.5 * torch.randn(width))
        self.positional_embedding = nn.Parameter(width**-0.5 * torch.randn(config.patches + 1, width))
        self.ln_pre, self.transformer = nn.LayerNorm(width), CLIPTransformer(config)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(width**-0.5 * torch.randn(width, config.embed_dim))

    def embed(self, images: Tensor) -> Tensor:
        """Return the tokens (B, 1 + N, d) that enter the first block, the class token first.

        Args:
            images: (B, 3, S, S) for the image size S, normalised by CLIP's mean and deviation.

        Raises:
            InputError: if the images are of another shape.
        """
        side = self.config.image_size
        if images.ndim != 4 or images.shape[1:] != (3, side, side):
            raise InputError(f"images are {tuple(images.shape)}; they must be (B, 3, {side}, {side})")
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(images.shape[0], 1, -1)
        tokens: Tensor = self.ln_pre(torch.cat([first, patches], dim=1) + self.positional_embedding)
        return tokens

    def forward(self, images: Tensor) -> Tensor:
        """Return image features (B, D), not normalised; argument and errors as `embed`."""
        tokens = self.transformer(self.embed(images))
        features: Tensor = self.ln_post(tokens)[:, 0] @ self.proj
        return features


class CLIPText(nn.Module):
    """CLIP's text tower.

    Args:
        config: its shape; weights are random until loaded.
    """

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.token_embedding = nn.Embedding(config.vocabulary, width)
        self.positional_embedding = nn.Parameter(0.01 * torch.randn(config.context, width))
        self.transformer, self.ln_final = CLIPTransformer(config), nn.LayerNorm(width)
        self.text_projection = nn.Parameter(width**-0.5 * torch.randn(width, config.embed_dim))

    def forward(self, ids: Tensor) -> Tensor:
        """Return text features (B, D), not normalised, for token ids (B, context) as `clip_tokens` gives them.

        Raises:
            InputError: if the ids are of another shape.
        """
        if ids.ndim != 2 or ids.shape[1] != self.config.context:
            raise InputError(f"token ids are {tuple(ids.shape)}; they must be (B, {self.config.context})")
        x = self.token_embedding(ids) + self.positional_embedding
        x = self.ln_final(self.transformer(x, causal=True))
        # The end of a text has the largest number of all tokens.
        last = x[torch.arange(ids.shape[0], device=ids.device), ids.argmax(dim=-1)]
        features: Tensor = last @ self.text_projection
        return features


def resize_positions(positions: Tensor, grid: int) -> Tensor:
    """Return position embeddings (1 + g^2, d) for another number of patches, (1 + grid^2, d).

    That of the class token stays, the others are interpolated bicubically with antialiasing.

    Args:
        positions: (1 + g^2, d), of the class token and g x g patches.
        grid: patches along a side.
    """
    old = round((len(positions) - 1) ** 0.5)
    if old == grid:
        return positions
    patches = positions[1:].T.unflatten(1, (old, old))[None].float()
    resized = F.interpolate(patches, size=(grid, grid), mode="bicubic", align_corners=False, antialias=True)
    return torch.cat([positions[:1], resized[0].flatten(1).T.to(positions.dtype)])
