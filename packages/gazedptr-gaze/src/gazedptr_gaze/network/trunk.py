"""The trunk of a stream: ResNet-18 without its classifier, whose tensors have torchvision's names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.weights.state_dicts import load_into, read_state_dict

from .config import GazeConfig


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return a map (B, C', H', W') for one (B, C, H, W)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        inside = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(inside)) + shortcut, inplace=True)


class Trunk(nn.Module):
    """Four stages of residual blocks.

    Args:
        widths: channels of the stages.
        blocks: blocks in each of them.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(widths[0])
        before = widths[0]
        for number, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
            stride = 1 if number == 1 else 2
            stage = [BasicBlock(before, width, stride), *(BasicBlock(width, width, 1) for _ in range(count - 1))]
            self.add_module(f"layer{number}", nn.Sequential(*stage))
            before = width

    def forward(self, face: Tensor) -> list[Tensor]:
        """Return the maps behind each stage, at 1/4, 1/8, 1/16 and 1/32 of the size of faces (B, 3, H, W)."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(face)), inplace=True), 3, 2, 1)
        stages = []
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
            stages.append(x)
        return stages

    def load_imagenet(self, path: str | Path) -> None:
        """Start from a ResNet-18 as torchvision publishes it, of which the classifier is left out.

        Raises:
            InputError: if the file cannot be read or does not fit.
        """
        state = {name: tensor for name, tensor in read_state_dict(path).items() if not name.startswith("fc.")}
        # Files from before 2018 hold no counters.
        own = {name: tensor for name, tensor in self.state_dict().items() if name.endswith("num_batches_tracked")}
        load_into(self, own | state, where=str(path))


def read_imagenet(path: str | Path) -> Trunk:
    """Return the trunk of the published networks with torchvision's weights.

    Raises:
        InputError: if the file cannot be read or is no ResNet-18.
    """
    config = GazeConfig()
    trunk = Trunk(config.widths, config.blocks)
    trunk.load_imagenet(path)
    return trunk
