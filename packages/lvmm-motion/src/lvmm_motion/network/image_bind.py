"""The image and the text tower of ImageBind, which make the tokens that a motion is conditioned on."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import ImageBindConfig

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
VOCABULARY = 49408
CONTEXT = 77
EPS = 1e-6
MOST_SCALE = 100.0


class Attention(nn.Module):
    """Multi-head attention with one projection for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, causal: bool) -> Tensor:
        """(B, n, width), the same shape out."""
        query, key, value = self.in_proj(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class TowerBlock(nn.Module):
    """Attention and an MLP, each after a norm and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(width, EPS)
        self.attn = Attention(width, heads)
        self.norm_2 = nn.LayerNorm(width, EPS)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, causal: bool) -> Tensor:
        """(B, n, width), the same shape out."""
        x = x + self.attn(self.norm_1(x), causal)
        out: Tensor = x + self.fc2(functional.gelu(self.fc1(self.norm_2(x))))
        return out


class ImageTower(nn.Module):
    """A vision transformer on 14x14 patches of images of 224x224."""

    size = 224
    patch = 14

    def __init__(self, config: ImageBindConfig) -> None:
        super().__init__()
        width = config.image_width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        # made for two frames of a video; of an image it sees the same one twice
        self.patches = nn.Conv3d(3, width, (2, self.patch, self.patch), (2, self.patch, self.patch), bias=False)
        self.pos_embed = nn.Parameter(torch.zeros(1, (self.size // self.patch) ** 2 + 1, width))
        self.first_norm = nn.LayerNorm(width, EPS)
        self.blocks = nn.ModuleList(TowerBlock(width, config.image_heads) for _ in range(config.image_blocks))
        self.last_norm = nn.LayerNorm(width, EPS)
        self.out = nn.Linear(width, config.outputs, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> (B, outputs) of length 1."""
        weight = self.patches.weight.sum(dim=2)
        resized = self.resized(images)
        normal = (resized - images.new_tensor(MEAN)[:, None, None]) / images.new_tensor(STD)[:, None, None]
        tokens = functional.conv2d(normal, weight, stride=self.patch).flatten(2).mT
        x = torch.cat((self.cls_token.expand(len(tokens), -1, -1), tokens), dim=1) + self.pos_embed
        x = self.first_norm(x)
        for block in self.blocks:
            x = block(x, causal=False)
        return functional.normalize(self.out(self.last_norm(x[:, 0])), dim=-1)

    def resized(self, images: Tensor) -> Tensor:
        """Resize images (B, 3, H, W) to 224x224; the values may then leave [0, 1] a little."""
        return functional.interpolate(images, (self.size, self.size), mode="bicubic", align_corners=False)


class TextTower(nn.Module):
    """A causal transformer on CLIP's tokens."""

    def __init__(self, config: ImageBindConfig) -> None:
        super().__init__()
        width = config.text_width
        self.token_embedding = nn.Embedding(VOCABULARY, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, CONTEXT, width))
        self.blocks = nn.ModuleList(TowerBlock(width, config.text_heads) for _ in range(config.text_blocks))
        self.last_norm = nn.LayerNorm(width, EPS)
        self.out = nn.Linear(width, config.outputs, bias=False)
        self.log_logit_scale = nn.Parameter(torch.tensor(0.0))

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (B, 77) -> (B, outputs), up to 100 times as long as the image's."""
        x = self.token_embedding(ids) + self.pos_embed
        for block in self.blocks:
            x = block(x, causal=True)
        last = x[torch.arange(len(x), device=x.device), ids.argmax(dim=-1)]
        text = functional.normalize(self.out(self.last_norm(last)), dim=-1)
        return text * self.log_logit_scale.exp().clamp(max=MOST_SCALE)


class ImageBind(nn.Module):
    """Both towers; a token of the image and one of the text condition a motion.

    Args:
        config: the settings.
    """

    def __init__(self, config: ImageBindConfig | None = None) -> None:
        super().__init__()
        self.config = config or ImageBindConfig()
        self.image = ImageTower(self.config)
        self.text = TextTower(self.config)

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [0, 1] and token ids (B, 77) -> (B, 2, outputs)."""
        return torch.stack((self.image(images), self.text(ids)), dim=1)
