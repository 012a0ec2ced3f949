"""Losses of the flow auto-encoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from visioncore.devices import without_autocast

from .autoencoder import Reconstruction
from .blocks import BlurDownsample
from .perceptual import VGG19, Pixels
from .regions import RegionPredictor, inverse
from .thin_plate import ThinPlate

SCALES = (1.0, 0.5, 0.25, 0.125)
WEIGHT = 10.0
"""Of every term."""


class AutoencoderLosses(NamedTuple):
    """The terms, weighted; their sum is the loss."""

    perceptual: Tensor
    shift: Tensor
    affine: Tensor


class PerceptualLoss(nn.Module):
    """Mean difference of features at four sizes of the images.

    Args:
        features: of VGG-19, as published, or the pixels themselves.
    """

    def __init__(self, features: VGG19 | Pixels) -> None:
        super().__init__()
        self.features = features
        self.sizes = nn.ModuleList(BlurDownsample(3, scale) for scale in SCALES)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Two (B, 3, H, W) in [0, 1], for VGG-19 H and W at least 128 -> a number."""
        total = made.new_zeros(())
        for size in self.sizes:
            with torch.no_grad():
                wanted = self.features(size(real))
            for found, target in zip(self.features(size(made)), wanted, strict=True):
                total = total + WEIGHT * (found - target).abs().mean()
        return total


def autoencoder_losses(
    perceptual: PerceptualLoss, regions: RegionPredictor, driving: Tensor, made: Reconstruction, plate: ThinPlate
) -> AutoencoderLosses:
    """Return the losses of reconstructed frames.

    Args:
        perceptual: compares images.
        regions: the motion encoder, asked for the regions of deformed frames as well.
        driving: (B, 3, H, W) frames that were to be reconstructed.
        made: what the auto-encoder made of them.
        plate: deformations of these frames.
    """
    with without_autocast(driving.device):
        frames = plate.frames(driving)
    deformed = regions(frames)
    with without_autocast(driving.device):
        shift = (made.driving.shift - plate.points(deformed.shift)).abs().mean()
        value = inverse(made.driving.affine) @ (plate.jacobian(deformed.shift) @ deformed.affine)
        value = value * torch.sign(value[..., :1, :1])
        affine = (torch.eye(2).to(value) - value).abs().mean()
    return AutoencoderLosses(perceptual(made.rendered.prediction, driving), WEIGHT * shift, WEIGHT * affine)
