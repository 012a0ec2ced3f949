"""The image branch's ResNet: strides of the last three stages are replaced by dilation.

Modules are called as in torchvision, whose layout ImageNet, MoCo, SwAV and DINO weights of ResNet-50 have.
"""

from __future__ import annotations

from torch import Tensor, nn

from .image_config import ResNetConfig

_EXPANSION = 4


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut.

    Args:
        channels_in: of the input.
        channels: of the two inner layers; the output has four times as many.
        dilation: of the 3x3 convolution.
    """

    def __init__(self, channels_in: int, channels: int, dilation: int, shortcut: bool) -> None:
        super().__init__()
        out = channels * _EXPANSION
        self.conv1 = nn.Conv2d(channels_in, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels_in, out, 1, bias=False), nn.BatchNorm2d(out)) if shortcut else None
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(y))
        out: Tensor = (y + (x if self.downsample is None else self.downsample(x))).relu()
        return out


class DilatedResNet(nn.Module):
    """Images (B, 3, 4H, 4W), normalised as ImageNet's -> features (B, 32 * width, H, W)."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, config.width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels_in = config.width
        for stage, blocks in enumerate(config.blocks):
            channels, layer = config.width * 2**stage, nn.Sequential()
            for block in range(blocks):
                # the first block of a stage still has the dilation of the one before
                dilation = 2**stage if block else 2 ** max(stage - 1, 0)
                layer.append(Bottleneck(channels_in, channels, dilation, shortcut=not block))
                channels_in = channels * _EXPANSION
            setattr(self, f"layer{stage + 1}", layer)

    def forward(self, images: Tensor) -> Tensor:
        x: Tensor = self.maxpool(self.bn1(self.conv1(images)).relu())
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return x
