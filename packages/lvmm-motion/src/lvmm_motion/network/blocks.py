"""Convolution blocks that the parts of the flow auto-encoder are made of."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional


class Same(nn.Module):
    """Convolution that keeps the size, batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        return functional.relu(self.norm(self.conv(x)))


class Down(Same):
    """A 3x3 convolution as `Same`, then the mean of each 2x2 square."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel=3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H/2, W/2)."""
        return functional.avg_pool2d(super().forward(x), 2)


class Up(Same):
    """Each pixel repeated twice along both axes, then a 3x3 convolution as `Same`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel=3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, 2H, 2W)."""
        return super().forward(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Residual(nn.Module):
    """Two 3x3 convolutions, each after batch norm and ReLU, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W), the same shape out."""
        hidden = self.conv1(functional.relu(self.norm1(x)))
        out: Tensor = self.conv2(functional.relu(self.norm2(hidden))) + x
        return out


class Encoder(nn.Module):
    """`Down` blocks that double the width up to a maximum.

    Args:
        inputs: channels in.
        width: C; block i has ``min(most, C * 2 ** (i + 1))`` channels.
        most: the maximum.
        blocks: how many.
    """

    def __init__(self, inputs: int, width: int, most: int, blocks: int) -> None:
        super().__init__()
        widths = [inputs, *(min(most, width * 2 ** (i + 1)) for i in range(blocks))]
        self.down_blocks = nn.ModuleList(Down(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, inputs, H, W) -> the input and what each block returns, H and W divisible by ``2 ** blocks``."""
        features = [x]
        for block in self.down_blocks:
            features.append(block(features[-1]))
        return features


class Decoder(nn.Module):
    """`Up` blocks, each followed by the encoder's feature of its size; ``channels`` come out."""

    def __init__(self, inputs: int, width: int, most: int, blocks: int) -> None:
        super().__init__()
        self.up_blocks = nn.ModuleList()
        for i in reversed(range(blocks)):
            skipped = 1 if i == blocks - 1 else 2
            self.up_blocks.append(Up(skipped * min(most, width * 2 ** (i + 1)), min(most, width * 2**i)))
        self.channels = min(most, width) + inputs

    def forward(self, features: list[Tensor]) -> Tensor:
        """Features of `Encoder` at all sizes -> (B, channels, H, W)."""
        *skips, x = features
        for block, skip in zip(self.up_blocks, reversed(skips), strict=True):
            x = torch.cat((block(x), skip), dim=1)
        return x


class Hourglass(nn.Module):
    """`Encoder` and `Decoder`; ``channels`` come out, the last of which are the input."""

    def __init__(self, inputs: int, width: int, most: int, blocks: int) -> None:
        super().__init__()
        self.encoder = Encoder(inputs, width, most, blocks)
        self.decoder = Decoder(inputs, width, most, blocks)
        self.channels = self.decoder.channels

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, channels, H, W)."""
        out: Tensor = self.decoder(self.encoder(x))
        return out


class BlurDownsample(nn.Module):
    """Gaussian blur, then every n-th pixel from the first on.

    The kernel is a buffer, in single precision, as in the authors' checkpoints. A factor of 1 changes nothing and has
    no buffer.
    """

    weight: Tensor

    def __init__(self, channels: int, factor: float) -> None:
        super().__init__()
        self.step = round(1 / factor)
        if self.step > 1:
            self.register_buffer("weight", gaussian_kernel(self.step).expand(channels, 1, -1, -1).clone())

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, channels, H/n, W/n)."""
        if self.step == 1:
            return x
        weight = self.weight.to(x.dtype)
        return functional.conv2d(x, weight, stride=self.step, padding=weight.shape[-1] // 2, groups=len(weight))


def gaussian_kernel(step: int) -> Tensor:
    """Return the (k, k) kernel that blurs before every ``step``-th pixel is kept; its sum is 1."""
    sigma = (step - 1) / 2
    radius = round(sigma * 4)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    line = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = line[:, None] * line
    return kernel / kernel.sum()
