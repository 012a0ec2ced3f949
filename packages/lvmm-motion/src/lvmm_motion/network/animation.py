"""The whole method: a photo, motion that is drawn or taken from a video, and the frames that they make."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .autoencoder import FlowAutoencoder
from .base import LVMM
from .config import AnimationConfig
from .regions import Regions
from .representation import NormalisedRepresentation, OfficialRepresentation
from .unet import FrameUNet, MotionUNet


@dataclass(frozen=True)
class Source:
    """A photo with all that is computed of it once, however many frames it becomes."""

    photo: Tensor
    """(1, 3, H, W) in [0, 1]."""
    small: Tensor
    """(1, 3, h, w) the photo in a size in which regions can be found."""
    regions: Regions
    features: list[Tensor]


class AnimationPipeline(LVMM):
    """A flow auto-encoder with a motion denoiser, and a frame denoiser where there is one.

    Args:
        config: the settings.
    """

    config_class = AnimationConfig
    config: AnimationConfig
    scales: Tensor

    def __init__(self, config: AnimationConfig | str | None = None) -> None:
        super().__init__(config)
        self.autoencoder = FlowAutoencoder(self.config.autoencoder)
        self.denoiser = MotionUNet(self.config.motion)
        self.refiner = None if self.config.frame is None else FrameUNet(self.config.frame)
        self.register_buffer("scales", torch.ones(6, self.config.keep))

    @property
    def representation(self) -> OfficialRepresentation:
        """How motions are coefficients."""
        if self.config.representation == "official":
            return OfficialRepresentation(self.config.frames, self.config.keep)
        return NormalisedRepresentation(self.config.frames, self.config.keep, self.scales)

    def forward(self, photo: Tensor, x: Tensor, t: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of both networks, for counting operations and for exporting.

        Args:
            photo: (B, 3, H, W).
            x: (B, 6, F, h, w) noisy coefficients.
            t: (B,) steps.
            condition: (B, n, context) tokens.

        Returns:
            The photo, reconstructed, and the noise.
        """
        return self.autoencoder(photo, photo).rendered.prediction, self.denoiser(x, t, condition)
