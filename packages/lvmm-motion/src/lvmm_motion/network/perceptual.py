"""Features of VGG-19, at which images are compared as people see them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from visioncore.weights.state_dicts import load_into, read_state_dict

WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
"""Channels of the convolutions up to the fifth block's first; 0 stands for a pooling."""
READ = (1, 6, 11, 20, 29)
"""Layers whose output is compared, the first ReLU of each block."""
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class VGG19(nn.Module):
    """The first 30 layers, named as torchvision names them; frozen."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in WIDTHS:
            if width:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.requires_grad_(False)

    def load_torchvision(self, state: Mapping[str, Tensor], where: str) -> None:
        """Fill it from the weights of torchvision's whole network; its later layers are left out.

        Raises:
            InputError: if tensors are missing or of another shape.
        """
        load_into(self, {name: state[name] for name in state if name in self.state_dict()}, where=where)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [0, 1] -> five features, the largest first."""
        x = (images - images.new_tensor(MEAN)[:, None, None]) / images.new_tensor(STD)[:, None, None]
        found = []
        for index, layer in enumerate(self.features):
            x = functional.relu(x) if isinstance(layer, nn.ReLU) else layer(x)
            if index in READ:
                found.append(x)
        return found


def read_vgg(path: str | Path) -> VGG19:
    """Return the network with the weights in a file of torchvision's VGG-19.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    vgg = VGG19()
    vgg.load_torchvision(read_state_dict(path), str(path))
    return vgg


class Pixels(nn.Module):
    """The images themselves in place of features, where no weights of VGG-19 are at hand, or images are small."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> a list of them alone."""
        return [images]
