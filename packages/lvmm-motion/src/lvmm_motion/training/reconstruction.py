"""Stage ``autoencoder``: pairs of frames of a clip, of which one is to be made from the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.metrics.image import psnr
from visioncore.weights.fetched import backbone_file

from ..data.augmentation import AugmentationConfig, augment
from ..data.clips import Clip
from ..data.samples import FramePairs, PreparedFrames
from ..method import METHOD
from ..network.autoencoder import FlowAutoencoder
from ..network.losses import PerceptualLoss, autoencoder_losses
from ..network.perceptual import Pixels, read_vgg
from ..network.thin_plate import ThinPlate
from .config import PIXELS

Batch = dict[str, Tensor]

JUDGED = 4
"""Frames of each clip that are reconstructed from its first one in validation."""
MOST_DB = 100.0
"""Of frames that are equal."""


class DeformedPairs:
    """Samples ``source`` and ``driving``, each (3, size, size) in [0, 1], and a deformation of the latter.

    Args:
        pairs: as they are in the clips.
        augmentation: what varies.
    """

    def __init__(self, pairs: FramePairs, augmentation: AugmentationConfig) -> None:
        self.pairs, self.augmentation = pairs, augmentation

    def __len__(self) -> int:
        return len(self.pairs)

    def sample(self, index: int, rng: np.random.Generator) -> Batch:
        """Return a pair of clip ``index``, with ``affine`` (2, 3) and ``bend`` (25,) of a `ThinPlate`."""
        found = self.pairs.sample(index, rng)
        pair = torch.stack((found["source"], found["driving"])).float() / 255
        source, driving = augment(pair, self.augmentation, rng)
        drawn = torch.Generator().manual_seed(int(rng.integers(2**63)))
        plate = ThinPlate.drawn(1, source, drawn)
        return {"source": source, "driving": driving, "affine": plate.affine[0], "bend": plate.bend[0]}


class Reconstructing(nn.Module):
    """A flow auto-encoder that takes a batch and returns the terms of its loss."""

    def __init__(self, autoencoder: FlowAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, batch: Batch, perceptual: PerceptualLoss) -> dict[str, Tensor]:
        """Return the terms, each a number.

        Args:
            batch: of `DeformedPairs`.
            perceptual: compares images; no part of what is saved.
        """
        made = self.autoencoder(batch["source"], batch["driving"])
        plate = ThinPlate(batch["affine"], batch["bend"])
        regions = self.autoencoder.region_predictor
        return autoencoder_losses(perceptual, regions, batch["driving"], made, plate)._asdict()

    def save_pretrained(self, folder: object) -> None:
        """Write the auto-encoder."""
        self.autoencoder.save_pretrained(folder)  # type: ignore[arg-type]


class ReconstructionStep:
    """The loss of a batch.

    Args:
        perceptual: of `read_perceptual`.
    """

    def __init__(self, perceptual: PerceptualLoss) -> None:
        self.perceptual = perceptual

    def __call__(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss."""
        terms: dict[str, Tensor] = network(batch, self.perceptual.to(batch["source"].device))
        return terms


def read_perceptual(name: str) -> PerceptualLoss:
    """Return the comparison of images that a recipe names.

    Args:
        name: ``pixels``, a file of torchvision's weights of VGG-19, or the name of one that was fetched.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    if name == PIXELS:
        return PerceptualLoss(Pixels())
    return PerceptualLoss(read_vgg(backbone_file(METHOD, name)))


def validate(autoencoder: FlowAutoencoder, clips: Sequence[Clip], read: PreparedFrames) -> dict[str, float]:
    """Return how well frames of clips are reconstructed from the first one of each: PSNR (dB) and mean difference.

    Args:
        autoencoder: in evaluation mode.
        clips: of which four frames each are taken, evenly spaced.
        read: their frames.
    """
    device, found = next(autoencoder.parameters()).device, []
    for clip in clips:
        numbers = np.linspace(0, clip.length - 1, min(JUDGED + 1, clip.length)).round().astype(int).tolist()
        source, *driving = (frame[None].to(device).float() / 255 for frame in read(clip, numbers))
        for frame in driving:
            made = autoencoder(source, frame).rendered.prediction.clamp(0, 1)
            found.append((min(float(psnr(made, frame, "colour")), MOST_DB), float((made - frame).abs().mean())))
    psnrs, differences = np.array(found).T
    return {"psnr_validation": float(psnrs.mean()), "l1_validation": float(differences.mean())}
