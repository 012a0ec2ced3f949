"""The detector's backbone whose features Gazeformer was trained on: ResNet-50 of the COCO Mask R-CNN, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from visioncore.errors import InputError
from visioncore.weights.state_dicts import read_state_dict, strip_prefix

CHANNELS = 2048
STRIDE = 32
_BLOCKS = (3, 4, 6, 3)


class Detector(nn.Module):
    """Images (B, 3, 32H, 32W) with ImageNet's mean and deviation -> features (B, 2048, H, W).

    Batch norms are put into the convolutions; their epsilon is 0, as torchvision sets it for these weights.

    Args:
        state: tensors under the names of torchvision's ResNet.
        where: the file that they came from.

    Raises:
        InputError: if tensors are missing or misshapen.
    """

    def __init__(self, state: Mapping[str, Tensor], where: str) -> None:
        super().__init__()
        self.stem = _folded(state, "conv1", "bn1", (64, 3, 7, 7), 2, where)
        self.blocks = nn.ModuleList()
        channels_in = 64
        for stage, number in enumerate(_BLOCKS):
            inner = 64 * 2**stage
            for index in range(number):
                stem, stride = f"layer{stage + 1}.{index}.", 2 if stage and not index else 1
                shapes = (inner, channels_in, 1, 1), (inner, inner, 3, 3), (4 * inner, inner, 1, 1)
                layers = [
                    _folded(state, f"{stem}conv{n}", f"{stem}bn{n}", shape, stride if n == 2 else 1, where)
                    for n, shape in enumerate(shapes, start=1)
                ]
                if not index:
                    shape = 4 * inner, channels_in, 1, 1
                    layers.append(_folded(state, f"{stem}downsample.0", f"{stem}downsample.1", shape, stride, where))
                self.blocks.append(nn.ModuleList(layers))
                channels_in = 4 * inner
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        x = functional.max_pool2d(self.stem(images).relu(), 3, stride=2, padding=1)
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            first, second, third, *shortcut = block
            y = third(second(first(x).relu()).relu())
            x = (y + (shortcut[0](x) if shortcut else x)).relu()
        return x


def read_detector(path: str | Path) -> Detector:
    """Return the backbone from torchvision's ``maskrcnn_resnet50_fpn_coco``.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    prefix = "backbone.body."
    found = {name: tensor for name, tensor in read_state_dict(path).items() if name.startswith(prefix)}
    if not found:
        raise InputError(f"{path}: not a checkpoint of torchvision's Mask R-CNN: no tensor begins with {prefix}")
    return Detector(strip_prefix(found, prefix), str(path)).eval()


def _folded(
    state: Mapping[str, Tensor], convolution: str, norm: str, shape: tuple[int, ...], stride: int, where: str
) -> nn.Conv2d:
    wanted = {f"{convolution}.weight": shape} | {
        f"{norm}.{name}": shape[:1] for name in ("weight", "bias", "running_mean", "running_var")
    }
    for name, size in wanted.items():
        if name not in state or tuple(state[name].shape) != size:
            there = tuple(state[name].shape) if name in state else "missing"
            raise InputError(f"{where}: {name} is {there}; it must be {size}")
    weight, gain, bias, mean, variance = (state[name].double() for name in wanted)
    scale = gain / variance.sqrt()
    out, channels_in, side, _ = shape
    layer = nn.Conv2d(channels_in, out, side, stride, padding=side // 2)
    with torch.no_grad():
        layer.weight.copy_(weight * scale[:, None, None, None])
        assert layer.bias is not None
        layer.bias.copy_(bias - mean * scale)
    return layer
