"""The hierarchy of two mask decoders (paper, section 3.2): the masks of the first guide the second."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from visioncore.devices import without_autocast

from .gate import ClassBalancedGate
from .hypernetworks import Hypernetworks
from .two_way_transformer import TwoWayTransformer
from .upscaling import output_upscaling, skip_connection, unnest

COARSE_DOUBLINGS = 2
FINE_DOUBLINGS = 4
NOISE = 0.2
"""Standard deviation of the noise on what the second decoder is trained with, over the embedding's range of values."""


class Coarse(NamedTuple):
    """Output of the first decoder.

    Attributes:
        logits: (B, K, 4g, 4g).
        features: (B, K, N) how well each position of the image matches each mask token.
        maps: (B, 16 N, width / 8) the upsampled embedding, on nested positions.
    """

    logits: Tensor
    features: Tensor
    maps: Tensor


class CoarseDecoder(nn.Module):
    """The first decoder: SAM's, with a mask token for each class and another order inside its blocks.

    Args:
        channels: classes K, background included.
        width: channels of the image embedding.
        hidden: hidden width of the transformer's MLPs.
        grid: positions g of the embedding along one side.
    """

    def __init__(self, channels: int, width: int, hidden: int, grid: int) -> None:
        super().__init__()
        self.grid = (grid, grid)
        self.transformer = TwoWayTransformer(width, hidden, masked=False)
        self.iou_token = nn.Parameter(torch.randn(1, width))
        self.mask_tokens = nn.Parameter(torch.randn(channels, width))
        self.output_upscaling = output_upscaling(width)
        self.hypernetworks = Hypernetworks(channels, (width, width, width, width // 8))

    def forward(self, image: Tensor, code: Tensor) -> Coarse:
        """Return coarse logits and the inputs of the second decoder.

        Args:
            image: (B, N, width), the image embedding with the missing prompt.
            code: (1, N, width), its position code.
        """
        tokens = torch.cat((self.iou_token, self.mask_tokens))[None]
        tokens, image = self.transformer(tokens, image, code)
        tokens = tokens[:, 1:]
        maps = self.output_upscaling(image)
        logits = mask_logits(self.hypernetworks(tokens), maps)
        return Coarse(unnest(logits, self.grid, COARSE_DOUBLINGS), tokens @ image.transpose(1, 2), maps)


class FineDecoder(nn.Module):
    """The second decoder: its own mask tokens, attention guided by the first decoder's masks, full resolution.

    Args:
        channels: classes K, background included.
        width: channels of the image embedding.
        hidden: hidden width of the transformer's MLPs.
        grid: positions g of the embedding along one side.
        gated: look again where `ClassBalancedGate` says; otherwise everywhere alike, as released.
    """

    def __init__(self, channels: int, width: int, hidden: int, grid: int, *, gated: bool) -> None:
        super().__init__()
        self.grid = (grid, grid)
        self.transformer = TwoWayTransformer(width, hidden, masked=True)
        self.mask_tokens = nn.Parameter(torch.randn(channels, width))
        self.output_upscaling = output_upscaling(width)
        self.skip_connect = skip_connection(width)
        self.hypernetworks = Hypernetworks(channels, (width, width, width, width, width, width // 16))
        self.gate = ClassBalancedGate(channels, grid * grid) if gated else None

    def forward(self, image: Tensor, code: Tensor, coarse: Coarse) -> Tensor:
        """Return logits at full size, (B, K, 16g, 16g).

        Args:
            image: (B, N, width), the image embedding with the missing prompt.
            code: (1, N, width), its position code.
            coarse: what the first decoder found.
        """
        prior = class_prior(coarse.logits)
        # Where no gate works, the released code's is 1: the embedding counts twice.
        again = image if self.gate is None else image * self.gate(coarse.features, prior)[..., None]
        tokens, image = self.transformer(self.mask_tokens[None], image + again, code, prior)
        maps = self.skip_connect(torch.cat((self.output_upscaling(image), coarse.maps), dim=-1))
        return unnest(mask_logits(self.hypernetworks(tokens), maps), self.grid, FINE_DOUBLINGS)


def class_prior(logits: Tensor) -> Tensor:
    """Return the probability of each class at each position of the embedding, (B, K, N) for logits (B, K, 4g, 4g)."""
    # Bilinear to a quarter of the side: the mean of the middle 2x2 of each 4x4 cell.
    middle = F.avg_pool2d(logits[..., 1:-1, 1:-1], kernel_size=2, stride=4)
    return middle.softmax(dim=1).flatten(2)


def mask_logits(weights: Tensor, maps: Tensor) -> Tensor:
    """Return the logits of all classes, (B, positions, K), for weights (B, K, C) and maps (B, positions, C)."""
    # Not in half precision: the differences between classes decide.
    with without_autocast(maps.device):
        precise = torch.promote_types(maps.dtype, torch.float32)
        return maps.to(precise) @ weights.to(precise).transpose(1, 2)


def training_noise(embedding: Tensor) -> Tensor:
    """Return an image embedding with the second decoder's training noise; its scale is the range of the whole batch."""
    return embedding + NOISE * (embedding.amax() - embedding.amin()) * torch.randn_like(embedding)
