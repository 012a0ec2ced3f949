"""Features of VGG-19, at which images are compared as people see them."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from visioncore.backbones import vgg

READ = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""Layers whose output is compared, the first ReLU of each block."""


class VGG19(vgg.VGG19):
    """VGG-19 that gives the compared features alone; frozen."""

    def forward(self, images: Tensor) -> list[Tensor]:  # type: ignore[override]
        """(B, 3, H, W) in [0, 1] -> five features, the largest first."""
        return list(super().forward(images, READ).values())


def read_vgg(path: str | Path) -> VGG19:
    """Return the network with the weights in a file of torchvision's VGG-19.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    features = VGG19()
    features.load_torchvision(path)
    return features


class Pixels(nn.Module):
    """The images themselves in place of features, where no weights of VGG-19 are at hand, or images are small."""

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) -> a list of them alone."""
        return [images]
