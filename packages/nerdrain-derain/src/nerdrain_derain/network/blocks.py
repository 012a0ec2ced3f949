"""The blocks of an encoder or decoder level: the transformer block, or the CNN block of the paper's Table 6."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .channel_attention import ChannelAttention
from .config import NeRDRainConfig
from .feed_forward import GatedFeedForward
from .layers import ChannelNorm, Conv3x3, Pointwise, to_map, to_pixels
from .strips import pays, strips


class TransformerBlock(nn.Module):
    """y = x + attention(norm(x)), then y + feed_forward(norm(y)). Shapes: (B, C, H, W), kept.

    Without gradients on a CPU it runs in strips, straight from its parts' weights: hooks on the parts then do not fire.
    """

    def __init__(self, channels: int, heads: int, expansion: float, *, norm_bias: bool = True) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels, bias=norm_bias)
        self.attention = ChannelAttention(channels, heads)
        self.norm2 = ChannelNorm(channels, bias=norm_bias)
        self.feed_forward = GatedFeedForward(channels, expansion)

    def forward(self, x: Tensor) -> Tensor:
        if pays(x):
            return self._in_strips(x)
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))

    def _in_strips(self, x: Tensor) -> Tensor:
        values, mixing = self.attention.in_strips(x, self.norm1)
        feed_forward = self.feed_forward.layers()
        out = torch.empty_like(x, memory_format=torch.channels_last)
        for i, around, rows, inside in strips(x, self.feed_forward.project.in_channels):
            image = slice(i, i + 1)
            attended = x[image, :, around] + to_map(to_pixels(values[image, :, around]) @ mixing[i])
            change = feed_forward(self.norm2(attended))
            torch.add(attended[:, :, inside], change[:, :, inside], out=out[image, :, rows])
        return out


class ChannelAttentionBlock(nn.Module):
    """Two 3x3 convolutions whose result is weighted channel by channel and added. Shapes: (B, C, H, W), kept.

    Args:
        channels: C, divisible by 4.
        slope: the PReLU between the convolutions. The published network has one for all its blocks.
    """

    def __init__(self, channels: int, slope: nn.PReLU) -> None:
        super().__init__()
        self.body = nn.Sequential(Conv3x3(channels, channels), slope, Conv3x3(channels, channels))
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            Pointwise(channels, channels // 4),
            nn.ReLU(),
            Pointwise(channels // 4, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        change = self.body(x)
        return x + change * self.squeeze(change)


class Blocks(nn.Sequential):
    """The blocks of one level, one after the other. Shapes: (B, C, H, W), kept.

    Attributes:
        recompute: in training, keep only each block's input and compute the rest again in the backward pass.
    """

    recompute = False

    def forward(self, x: Tensor) -> Tensor:
        for block in self:
            x = checkpoint(block, x, use_reentrant=False) if self._forgets() else block(x)
        return x

    def _forgets(self) -> bool:
        return self.recompute and self.training and torch.is_grad_enabled()


def make_blocks(config: NeRDRainConfig, slope: nn.PReLU, level: int) -> Blocks:
    """Return the blocks of ``level`` (0, 1 or 2); ``slope`` is what CNN blocks share."""
    channels = config.dim * 2**level
    if config.block == "cab":
        return Blocks(*(ChannelAttentionBlock(channels, slope) for _ in range(2 * config.num_blocks[level])))
    return Blocks(
        *(
            TransformerBlock(channels, config.heads[level], config.ffn_expansion, norm_bias=config.norm == "bias")
            for _ in range(config.num_blocks[level])
        )
    )
