"""The image branch: a frozen encoder, one trained 1x1 convolution, and features of unit length for every pixel."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from visioncore.errors import InputError
from visioncore.weights.pretrained import Pretrained

from .dilated_resnet import DilatedResNet
from .image_config import ImageBranchConfig, ResNetConfig
from .vit import VisionTransformer

_MEAN = 0.485, 0.456, 0.406
_STD = 0.229, 0.224, 0.225


class ImageBranch(Pretrained):
    """Images (B, 3, H, W), RGB in [0, 1] -> features (B, 64, H, W) of unit length over the channels.

    Training never asks for them at full size: `decode` gives the map at the encoder's stride, and
    `network.pooling.pool_pixels` makes segments of it.

    Example:
        >>> ImageBranch(ImageBranchConfig(ResNetConfig(width=4)))(torch.rand(1, 3, 32, 48)).shape
        torch.Size([1, 64, 32, 48])

    Args:
        config: the settings; those of the published branch by default.
    """

    config_class = ImageBranchConfig
    config: ImageBranchConfig

    def __init__(self, config: ImageBranchConfig | None = None) -> None:
        super().__init__()
        self.config = config or ImageBranchConfig()
        encoder = self.config.encoder
        self.encoder = DilatedResNet(encoder) if isinstance(encoder, ResNetConfig) else VisionTransformer(encoder)
        self.decoder = nn.Conv2d(encoder.channels, self.config.channels, 1)
        self.encoder.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set the mode of the decoder; the encoder always evaluates."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of every pixel.

        Raises:
            InputError: as `encode`.
        """
        return full_size(self.decode(self.encode(images)), (images.shape[2], images.shape[3]))

    @torch.no_grad()
    def encode(self, images: Tensor, at_once: int | None = None) -> Tensor:
        """Return the frozen encoder's features (B, C, H / stride, W / stride).

        Args:
            images: (B, 3, H, W), RGB in [0, 1].
            at_once: how many go through it together; all of them by default, one after the other on a CPU.

        Raises:
            InputError: if there is no image, or a side is no multiple of the stride.
        """
        stride = self.config.encoder.stride
        fits = images.ndim == 4 and len(images) and images.shape[1] == 3
        if not fits or images.shape[2] % stride or images.shape[3] % stride:
            raise InputError(
                f"images have shape {tuple(images.shape)}; it must be (B, 3, H, W), H and W multiples of {stride}"
            )
        mean, std = (images.new_tensor(values)[:, None, None] for values in (_MEAN, _STD))
        parts = images.split(at_once or (1 if images.device.type == "cpu" else len(images)))
        features, done = images, 0
        for part in parts:
            found = self.encoder((part - mean) / std)
            if not done:  # one tensor for all parts, which torch.cat would hold twice
                features = found.new_empty(len(images), *found.shape[1:])
            features[done : done + len(found)] = found
            done += len(found)
        return features

    def decode(self, features: Tensor) -> Tensor:
        """Return the map (B, 64, h, w) of the encoder's features (B, C, h, w), not yet of unit length."""
        decoded: Tensor = self.decoder(features)
        return decoded


def full_size(decoded: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (B, C, h, w) at another size (height, width), of unit length over the channels."""
    return F.normalize(F.interpolate(decoded, size, mode="bilinear", align_corners=True), dim=1)
