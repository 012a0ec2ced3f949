"""VGG-19 (Simonyan and Zisserman 2015) up to a layer, whose features tell style and content of images.

Tensors have torchvision's names, ``features.N.weight`` and ``features.N.bias``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError
from ..weights.state_dicts import load_into, read_state_dict

BLOCKS = ((1, 2), (2, 2), (4, 4), (8, 4), (8, 4))
"""Channels of each block, as a multiple of the first one's, and its convolutions; blocks are parted by max pooling."""
LAYERS = tuple(
    name
    for block, (_, count) in enumerate(BLOCKS, start=1)
    for name in (*(f"{kind}{block}_{i}" for i in range(1, count + 1) for kind in ("conv", "relu")), f"pool{block}")
)
"""Layers in their order."""
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""By which RGB in [0, 1] is normalised."""


class VGG19(nn.Module):
    """The convolutions of VGG-19, frozen.

    Args:
        width: channels of the first block; the published network has 64.
        last: the last layer there is, such as ``relu4_1`` for the first ReLU of the fourth block.

    Raises:
        InputError: if there is no such layer.
    """

    def __init__(self, width: int = 64, last: str = "relu5_1") -> None:
        super().__init__()
        check_layers((last,))
        self.config: dict[str, int | str] = {"width": width, "last": last}
        """Settings, by which a fingerprint tells drawn ones apart too."""
        self.places = {name: place for place, name in enumerate(LAYERS) if name.startswith("relu")}
        """Places of the layers that have a name."""
        layers: list[nn.Module] = []
        channels = 3
        for name in LAYERS[: self.places[last] + 1]:
            if name.startswith("conv"):
                layers.append(nn.Conv2d(channels, channels_of(name, width), 3, padding=1))
                channels = channels_of(name, width)
            else:
                layers.append(nn.ReLU(inplace=True) if name.startswith("relu") else nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)

    def load_torchvision(self, path: str | Path) -> None:
        """Fill it from a file of torchvision's whole network; its later layers are left out.

        Raises:
            InputError: if the file cannot be read or holds something else.
        """
        state, own = read_state_dict(path), self.state_dict()
        load_into(self, {name: state[name] for name in state if name in own}, where=str(path))

    def forward(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return the output of layers by name, in the order of the network; nothing behind the last one is computed.

        Args:
            images: (B, 3, H, W) RGB in [0, 1], H and W at least `least_side` of the deepest layer.
            layers: such as ``relu1_1``.

        Raises:
            InputError: if there is no such layer.
        """
        wanted = {self.places[name]: name for name in check_layers(layers)}
        deepest = max(wanted, default=-1)
        if deepest >= len(self.features):
            raise InputError(f"{wanted[deepest]} lies behind the last layer of this VGG-19")
        x = (images - images.new_tensor(MEAN)[:, None, None]) / images.new_tensor(STD)[:, None, None]
        found = {}
        for place, layer in enumerate(self.features[: deepest + 1]):
            x = layer(x)
            if place in wanted:
                found[wanted[place]] = x
        return found


def check_layers(layers: Iterable[str]) -> tuple[str, ...]:
    """Validate names of layers and return them.

    Raises:
        InputError: naming the first one that VGG-19 does not have.
    """
    names = tuple(layers)
    known = [name for name in LAYERS if name.startswith("relu")]
    for name in names:
        if name not in known:
            raise InputError(f"{name!r} is no layer of VGG-19; those are {', '.join(known)}")
    return names


def channels_of(layer: str, width: int = 64) -> int:
    """Return how many channels a layer has."""
    return BLOCKS[int(layer[4]) - 1][0] * width


def least_side(layers: Iterable[str]) -> int:
    """Return the smallest side in pixels of images for which layers have a value at all."""
    return int(2 ** max((int(name[4]) - 1 for name in check_layers(layers)), default=0))


def read_vgg(path: str | Path, last: str = "relu5_1") -> VGG19:
    """Return the network with the weights in a file of torchvision's VGG-19, see `VGG19.load_torchvision`."""
    vgg = VGG19(last=last)
    vgg.load_torchvision(path)
    return vgg


def drawn(width: int, seed: int, last: str = "relu5_1") -> VGG19:
    """Return the network with random weights that follow from ``width`` and ``seed`` alone, for tests and demos.

    They are no part of its state dict, as they can be drawn again. Biases are zero; the weights keep the size of what
    goes through, and their bits come from a generator of NumPy whose numbers never change.
    """
    vgg = VGG19(width, last)
    vgg.config["seed"] = seed
    generator = np.random.PCG64(seed)
    for layer in vgg.features:
        if isinstance(layer, nn.Conv2d):
            shape, bound = layer.weight.shape, math.sqrt(6 / layer.weight[0].numel())
            bits = generator.random_raw(layer.weight.numel()).reshape(shape)
            uniform = torch.from_numpy((bits >> 11) * 2.0**-53)
            weight = ((2 * uniform - 1) * bound).to(layer.weight)
            for name, values in (("weight", weight), ("bias", weight.new_zeros(shape[0]))):
                delattr(layer, name)
                layer.register_buffer(name, values, persistent=False)
    return vgg
