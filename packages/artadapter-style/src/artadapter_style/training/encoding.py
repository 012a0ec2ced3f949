"""Outputs of frozen networks for images: latents by the base's auto-encoder, statistics by VGG-19."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from visioncore.data.kept_features import BATCH
from visioncore.devices import with_backoff
from visioncore.diffusion.latents import encoded_distribution
from visioncore.weights.fingerprint import fingerprint

from ..data.samples import StyleSamples
from ..network.config import LEVELS
from ..network.encoder import LevelEncoder
from ..network.model import ArtAdapter

MOST_CALIBRATED = 1024
"""Images by which it is measured how statistics vary."""


class Encoder:
    """Latents and statistics of images.

    Args:
        vae: the base's auto-encoder.
        adapter: has VGG-19.
        device: where both run.
    """

    def __init__(self, vae: Any, adapter: ArtAdapter, device: torch.device) -> None:
        self.vae, self.adapter, self.device = vae, adapter, device

    def made_with(self, side: int) -> dict[str, object]:
        """Return all that the features of an image depend on beside its content.

        Args:
            side: of the images in pixels.
        """
        config = self.adapter.config
        return {
            "vae": fingerprint(self.vae),
            "scaling": float(self.vae.config.scaling_factor),
            "vgg": fingerprint(self.adapter.vgg),
            "layers": [list(names) for names in config.layers],
            "side": side,
        }

    @torch.no_grad()
    def latents(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and deviation of the latents (B, 4, h, w) of images (B, 3, H, W) in [0, 1], scaled."""
        return encoded_distribution(self.vae, images)

    @torch.no_grad()
    def statistics(self, images: Tensor) -> dict[str, Tensor]:
        """Return the statistics of each level, (B, 2C), of images (B, 3, H, W) in [0, 1]."""
        return {str(level): found.float() for level, found in self.adapter.style_statistics(images).items()}

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of images (B, 3, H, W), uint8: ``mean`` and ``deviation`` of latents, and statistics."""

        def encoded(batch: int) -> dict[str, Tensor]:
            parts = []
            for part in images.split(batch):
                unit = part.to(self.device).float() / 255
                mean, deviation = self.latents(unit)
                parts.append({"mean": mean, "deviation": deviation, **self.statistics(unit)})
            return {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}

        return with_backoff(encoded, BATCH)


def calibrate(encoder: Encoder, samples: StyleSamples) -> None:
    """Measure for a new style encoder how the statistics of images vary; see `LevelEncoder.calibrate`.

    Args:
        encoder: with the adapter.
        samples: to train on; of many, the images of evenly spaced ones are taken.
    """
    found = []
    for index in samples.indices[:: max(1, len(samples) // MOST_CALIBRATED)]:
        if samples.features is None:
            unit = samples.squares.middle(index)[None].to(encoder.device).float() / 255
            found.append(encoder.statistics(unit))
        else:
            found.append(samples.features(index, mirror=samples.how.flip == 1))
    for level in LEVELS:
        layer = encoder.adapter.style_encoder.get_submodule(level)
        assert isinstance(layer, LevelEncoder)
        layer.calibrate(torch.stack([each[level].flatten() for each in found]).to(encoder.device))
