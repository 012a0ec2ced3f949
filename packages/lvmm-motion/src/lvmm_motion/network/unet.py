"""Denoisers: of a motion's Fourier coefficients, and of the features of one frame."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .attention import CrossAttention, FrequencyAttention, LinearAttention, PositionBias, Positions, SpatialAttention
from .base import LVMM
from .config import FrameUNetConfig, MotionUNetConfig, UNetConfig
from .unet_blocks import NumberEmbedding, ResnetBlock, per_frame, per_pixel


class Level(nn.Module):
    """Layers of one size: two residual blocks and three kinds of attention.

    Args:
        inputs: channels in.
        outputs: channels out.
        config: of the network.
        embedding: width of the embeddings.
    """

    def __init__(self, inputs: int, outputs: int, config: UNetConfig, embedding: int) -> None:
        super().__init__()
        self.resnet1 = ResnetBlock(inputs, outputs, embedding)
        self.resnet2 = ResnetBlock(outputs, outputs, embedding)
        self.linear_attention = LinearAttention(outputs, config.heads)
        self.cross_attention = CrossAttention(outputs, config.context, config.heads)
        self.attention = last_attention(outputs, config)

    def forward(self, x: Tensor, embedding: Tensor, condition: KeyValue, positions: Positions) -> Tensor:
        """(B, F, H, W, inputs) -> (B, F, H, W, outputs)."""
        x = self.resnet2(self.resnet1(x, embedding), embedding)
        x = self.cross_attention(self.linear_attention(x), *condition)
        return attend(self.attention, x, positions)


class Middle(nn.Module):
    """Layers of the smallest size."""

    def __init__(self, channels: int, config: UNetConfig, embedding: int) -> None:
        super().__init__()
        self.block1 = ResnetBlock(channels, channels, embedding)
        self.spatial_attention = SpatialAttention(channels, config.heads)
        self.cross_attention = CrossAttention(channels, config.context, config.heads)
        self.attention = last_attention(channels, config)
        self.block2 = ResnetBlock(channels, channels, embedding)

    def forward(self, x: Tensor, embedding: Tensor, condition: KeyValue, positions: Positions) -> Tensor:
        """(B, F, H, W, channels), the same shape out."""
        x = self.cross_attention(self.spatial_attention(self.block1(x, embedding)), *condition)
        out: Tensor = self.block2(attend(self.attention, x, positions), embedding)
        return out


class Head(nn.Module):
    """The last block and a 1x1 convolution."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.block = ResnetBlock(inputs, width)
        self.out = nn.Conv2d(width, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, H, W, inputs) -> (B, F, H, W, outputs)."""
        return per_pixel(self.out, self.block(x))


def last_attention(channels: int, config: UNetConfig) -> nn.Module:
    """Return the attention that ends a level: between coefficients, or between the pixels of one frame."""
    kind = FrequencyAttention if isinstance(config, MotionUNetConfig) else SpatialAttention
    return kind(channels, config.heads)


def attend(attention: nn.Module, x: Tensor, positions: Positions) -> Tensor:
    """Apply what `last_attention` returns."""
    out: Tensor = attention(x) if isinstance(attention, SpatialAttention) else attention(x, positions)
    return out


KeyValue = tuple[Tensor, Tensor]
"""Keys and values (B, heads, n, 32) that one layer makes of a condition."""


@dataclass(frozen=True)
class Prepared:
    """A condition as the layers of one denoiser see it, computed once for all the steps that it is the same in.

    Attributes:
        layers: those that look at it, in the order in which they run.
    """

    layers: tuple[KeyValue, ...]

    def with_none(self) -> Prepared:
        """Return the condition twice, the second time without what it says, as a condition of zeros is."""
        return Prepared(tuple((_and_zeros(key), _and_zeros(value)) for key, value in self.layers))

    def none(self) -> Prepared:
        """Return it without what it says."""
        return Prepared(tuple((torch.zeros_like(key), torch.zeros_like(value)) for key, value in self.layers))


def _and_zeros(values: Tensor) -> Tensor:
    return torch.cat((values, torch.zeros_like(values)))


Condition = Tensor | Prepared
"""Tokens (B, n, context), or what `UNet.prepared` makes of them."""


class UNet(LVMM):
    """Both denoisers' common layers.

    Args:
        config: the settings.
        embeddings: numbers that they are told of, in units of four times their width.
    """

    config: UNetConfig

    def __init__(self, config: UNetConfig | str | None, embeddings: int) -> None:
        super().__init__(config)
        config = self.config
        embedding = 4 * embeddings * config.width
        width = config.width
        widths = [width, *(width * multiple for multiple in config.multiples)]
        pairs = list(itertools.pairwise(widths))
        self.position_bias = PositionBias(config.heads)
        self.init_conv = nn.Conv2d(config.channels, width, 7, padding=3)
        self.init_attention = FrequencyAttention(width, config.heads)
        self.time = NumberEmbedding(width)
        self.downs = nn.ModuleList(Level(a, b, config, embedding) for a, b in pairs)
        self.downsamples = nn.ModuleList(nn.Conv2d(b, b, 4, stride=2, padding=1) for _, b in pairs[:-1])
        self.middle = Middle(widths[-1], config, embedding)
        self.ups = nn.ModuleList(Level(2 * b, a, config, embedding) for a, b in reversed(pairs))
        upsampled = [a for a, _ in reversed(pairs)][:-1]
        self.upsamples = nn.ModuleList(nn.ConvTranspose2d(a, a, 4, stride=2, padding=1) for a in upsampled)

    def prepared(self, tokens: Tensor) -> Prepared:
        """Return a condition (B, n, context) as the layers see it, for many steps."""
        levels = [*self.downs, self.middle, *self.ups]
        return Prepared(tuple(level.cross_attention.keys_and_values(tokens) for level in levels))

    def positions(self, count: int) -> Positions:
        """Return the position tables of the attention between coefficients."""
        return Positions.of(self.position_bias(count))

    def trunk(self, x: Tensor, embedding: Tensor, condition: Condition) -> Tensor:
        """(B, F, H, W, channels) -> (B, F, H, W, 2 * width)."""
        positions = self.positions(x.shape[1])
        layers = condition if isinstance(condition, Prepared) else self.prepared(condition)
        down, middle, up = (
            layers.layers[: len(self.downs)],
            layers.layers[len(self.downs)],
            layers.layers[-len(self.ups) :],
        )
        first = per_frame(self.init_conv, x)
        x, skips = self.init_attention(first, positions), []
        for i, (level, seen) in enumerate(zip(self.downs, down, strict=True)):
            x = level(x, embedding, seen, positions)
            skips.append(x)
            if i < len(self.downsamples):
                x = per_frame(self.downsamples[i], x)
        x = self.middle(x, embedding, middle, positions)
        for i, (level, seen) in enumerate(zip(self.ups, up, strict=True)):
            x = level(torch.cat((x, skips.pop()), dim=-1), embedding, seen, positions)
            if i < len(self.upsamples):
                x = per_frame(self.upsamples[i], x)
        return torch.cat((x, first), dim=-1)


class MotionUNet(UNet):
    """Predicts the noise in a motion's Fourier coefficients, published as unet-flow.

    Args:
        config: the settings.
    """

    config_class = MotionUNetConfig
    config: MotionUNetConfig

    def __init__(self, config: MotionUNetConfig | str | None = None) -> None:
        super().__init__(config, embeddings=1)
        config = self.config
        # the authors call them flow and occlusion; what they predict is told by the order of the channels
        self.final_conv = Head(2 * config.width, config.width, config.outputs - 2)
        self.occlusion_map = Head(2 * config.width, config.width, 2)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Return the noise in noisy coefficients.

        Args:
            x: (B, 6, F, h, w), real parts of x, y and occlusion, then the imaginary ones; h and w divisible by
                ``config.multiple``.
            t: (B,) steps from 0 to 999.
            condition: (B, n, 1024) tokens, zeros where there is none; or what `prepared` makes of them.

        Returns:
            A tensor like ``x``.
        """
        hidden = self.trunk(x.permute(0, 2, 3, 4, 1), self.time(t), condition)
        return torch.cat((self.final_conv(hidden), self.occlusion_map(hidden)), dim=-1).permute(0, 4, 1, 2, 3)


class FrameUNet(UNet):
    """Predicts the noise in a frame's features, published as unet-frame (FDM).

    Args:
        config: the settings.
    """

    config_class = FrameUNetConfig
    config: FrameUNetConfig

    def __init__(self, config: FrameUNetConfig | str | None = None) -> None:
        super().__init__(config, embeddings=2)
        config = self.config
        self.sequence = NumberEmbedding(config.width)
        self.final_conv = Head(2 * config.width, config.width, config.outputs)

    def forward(self, x: Tensor, t: Tensor, condition: Condition, reference: Tensor, index: Tensor) -> Tensor:
        """Return the noise in noisy features of a frame.

        Args:
            x: (B, 512, h, w), h and w divisible by ``config.multiple``.
            t: (B,) steps from 0 to 999.
            condition: (B, n, 512) features of the frame before, a pixel each, zeros where there is none; or what
                `prepared` makes of them.
            reference: (B, 512, h, w) features of the source image, moved.
            index: (B,) of the frame.

        Returns:
            A tensor like ``x``.
        """
        embedding = torch.cat((self.time(t), self.sequence(index)), dim=1)
        images = torch.cat((x, reference), dim=1).permute(0, 2, 3, 1)
        out: Tensor = self.final_conv(self.trunk(images.unsqueeze(1), embedding, condition))
        return out.squeeze(1).permute(0, 3, 1, 2)


def guided(model: Any, scale: float, x: Tensor, t: Tensor, condition: Condition, *more: Tensor) -> Tensor:
    """Return a denoiser's noise, led away from that without a condition.

    Args:
        model: the denoiser.
        scale: 0 without the condition, 1 with it, above 1 more than that.
        x: as the denoiser takes it, and so are the next.
        t: steps.
        condition: tokens, or what `UNet.prepared` makes of them.
        *more: what else it takes.
    """
    if scale == 1:
        out: Tensor = model(x, t, condition, *more)
        return out
    if scale == 0:
        return model(x, t, condition.none() if isinstance(condition, Prepared) else torch.zeros_like(condition), *more)
    both = condition.with_none() if isinstance(condition, Prepared) else _and_zeros(condition)
    x, t, *more_twice = (torch.cat((value, value)) for value in (x, t, *more))
    given, without = model(x, t, both, *more_twice).chunk(2)
    return without + scale * (given - without)
