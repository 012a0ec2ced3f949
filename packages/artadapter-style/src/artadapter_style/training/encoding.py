"""Outputs of frozen networks for images: latents by the base's auto-encoder, statistics by VGG-19."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from visioncore.devices import with_backoff
from visioncore.inference.batch import progress
from visioncore.weights.fingerprint import fingerprint

from ..data.features import KeptFeatures
from ..data.preparation import Squares
from ..data.samples import StyleSamples
from ..network.config import LEVELS
from ..network.encoder import LevelEncoder
from ..network.model import ArtAdapter

MOST_CALIBRATED = 1024
"""Images by which it is measured how statistics vary."""
BATCH = 8
"""Images at a time; fewer where memory is short."""


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
        found = self.vae.encode((2 * images - 1).to(self.vae.dtype)).latent_dist
        scale = self.vae.config.scaling_factor
        return found.mean.float() * scale, found.std.float() * scale

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


def keep_features(
    features: KeptFeatures,
    squares: Squares,
    encoder: Encoder,
    mirrors: Sequence[bool],
    *,
    process: int = 0,
    processes: int = 1,
) -> None:
    """Keep the features of all images; what is there already stays.

    Args:
        features: where.
        squares: the images.
        encoder: makes them.
        mirrors: whether images are taken as they are, mirrored, or both.
        process: the number of this one; it takes its share.
        processes: how many share the work.

    Raises:
        InputError: if an image cannot be read, or a file not written.
    """
    every = [(index, mirror) for index in range(len(squares)) for mirror in mirrors]
    missing = [each for each in every if not features.cache.has(features.key(*each))][process::processes]
    with progress(len(missing), "images encoded") as advance:
        for start in range(0, len(missing), BATCH):
            part = missing[start : start + BATCH]
            found = encoder(torch.stack([squares.middle(index, mirror=mirror) for index, mirror in part]))
            for place, each in enumerate(part):
                features.cache.save(features.key(*each), {name: value[place] for name, value in found.items()})
                advance()
