"""Configuration of the network, and the published variants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from visioncore.configs import check_choices, check_most
from visioncore.errors import InputError


@dataclass(frozen=True)
class CLIPDenoiserConfig:
    """The network's settings; the defaults are the published RGB network's.

    Attributes:
        channels: of the images: 3 for RGB, 1 for CT.
        width: channels w of CLIP's stem and of the decoder's finest level, an even number; 64 is CLIP's RN50.
        blocks: bottlenecks in the encoder's four stages. Of the last stage nothing is used, see ``keep_layer4``.
        aug_level: strength of the feature augmentation in training: the standard deviation of the factors on the
            stem's features; deeper ones get two, three and four times as much.
        encoder_bn: what the encoder's batch norms normalise with in training: statistics of the ``batch``, as
            published, which also re-estimates the running ones; or the ``frozen`` running ones, for small batches.
        train_encoder: train the encoder's weights too. Published networks leave them as CLIP has them.
        keep_layer4: hold the encoder's last stage, whose output is thrown away, for writing the authors' layout again.
        encoder: CLIP's ``clip`` tower, as published, or ``lite0``, EfficientNet-Lite0, which has neither ``blocks`` nor
            batch norms of its own.
        noise: what the weights were trained against, in words.
        noise_sigma: the standard deviation of that noise, for values in [0, 1], if it is independent noise of one
            level; else 0.
    """

    channels: Literal[1, 3] = 3
    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    aug_level: float = 0.025
    encoder_bn: Literal["batch", "frozen"] = "batch"
    train_encoder: bool = False
    keep_layer4: bool = False
    encoder: Literal["clip", "lite0"] = "clip"
    noise: str = ""
    noise_sigma: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        check_choices(self)
        check_tower(self.width, self.blocks)
        check_most(self, width=4096, blocks=1000)
        if self.keep_layer4 and self.encoder != "clip":
            raise InputError(f"keep_layer4 is true and encoder {self.encoder}; only clip has such a stage")
        if not 0 <= self.aug_level < math.inf:
            raise InputError(f"aug_level is {self.aug_level}; it must be at least 0")
        if not 0 <= self.noise_sigma < math.inf:
            raise InputError(f"noise_sigma is {self.noise_sigma}; at least 0, which stands for none")


def check_tower(width: int, blocks: Sequence[int]) -> None:
    """Validate the shape of an encoder.

    Raises:
        InputError: if ``width`` is not positive and even, or ``blocks`` are not four, each at least 1.
    """
    if width < 2 or width % 2:
        raise InputError(f"width is {width}; it must be a positive even number")
    if len(blocks) != 4 or min(blocks) < 1:
        raise InputError(f"blocks are {blocks}; they must be four numbers, one a stage, each at least 1")


VARIANTS: dict[str, CLIPDenoiserConfig] = {
    "synthetic": CLIPDenoiserConfig(noise="Gaussian noise of sigma 15/255 on RGB photos", noise_sigma=15 / 255),
    "srgb": CLIPDenoiserConfig(
        aug_level=0.05, noise="camera noise in sRGB photos: raw noise of one level, through a simulated camera"
    ),
    "ldct": CLIPDenoiserConfig(
        channels=1,
        noise="Gaussian noise of sigma 5/255 on CT slices of -1024 to 3072 HU, which is 80 HU",
        noise_sigma=5 / 255,
    ),
}
"""The published variants by name."""


def facts(config: CLIPDenoiserConfig) -> dict[str, str]:
    """Return further lines of info for a network, besides its settings."""
    return {"trained on": config.noise or "not said"}
