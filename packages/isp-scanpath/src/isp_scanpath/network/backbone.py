"""The dilated ResNet of ChenLSTM: an eighth of the image's sides instead of a thirty-second."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

_EXPANSION = 4
_DILATION = (1, 1, 2, 4)
_STRIDE = (1, 1, 2, 1)


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut; the stride is that of the first one, as in Caffe's ResNet.

    Args:
        channels_in: of the input.
        channels: of the two inner layers; the output has four times as many.
        stride: of the first convolution and the shortcut.
        dilation: of the 3x3 convolution.
        shortcut: whether the shortcut has a layer.
    """

    def __init__(self, channels_in: int, channels: int, stride: int, dilation: int, shortcut: bool) -> None:
        super().__init__()
        out = channels * _EXPANSION
        self.conv1 = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(out)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(channels_in, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if shortcut else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(self.conv1(x)).relu()
        y = self.norm2(self.conv2(y)).relu()
        y = self.norm3(self.conv3(y))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        out: Tensor = (y + shortcut).relu()
        return out


class DilatedResNet(nn.Module):
    """Images (B, 3, 8H, 8W) -> features (B, 32 * width, H, W).

    Args:
        width: channels of the first layer.
        blocks: of the four stages.
    """

    def __init__(self, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.stages = nn.ModuleList()
        channels_in = width
        for index, (number, stride, dilation) in enumerate(zip(blocks, _STRIDE, _DILATION, strict=True)):
            channels = width * 2**index
            stage = nn.Sequential()
            for block in range(number):
                stage.append(Bottleneck(channels_in, channels, stride if block == 0 else 1, dilation, block == 0))
                channels_in = channels * _EXPANSION
            self.stages.append(stage)

    def forward(self, image: Tensor) -> Tensor:
        x: Tensor = self.pool(self.norm(self.conv(image)).relu())
        for stage in self.stages:
            x = stage(x)
        return x
