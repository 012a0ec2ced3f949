"""The training configuration: the contents of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from visioncore.configs import check_choices, check_most
from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..data.colours import ColourAugmentation
from ..network.config import Form

MULTIPLE = 8
"""Sides of training images are divisible by it, for the latents."""


@dataclass(frozen=True)
class ModelConfig:
    """Settings of the adapter that a recipe decides; the rest is as the base model is.

    Attributes:
        layers: of VGG-19 whose statistics make the low, the mid and the high level.
        tokens: style tokens of each level.
        hidden: width inside the style encoder.
        vgg_width: channels of VGG-19's first block, 64 as published.
        vgg_seed: draws VGG-19's weights in place of the published ones.
        form: one softmax over style and text, as published, or two whose results are added, for comparison.
    """

    layers: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] = (("relu2_1",), ("relu3_1",), ("relu4_1",))
    tokens: int = 3
    hidden: int = 768
    vgg_width: int = 64
    vgg_seed: int | None = None
    form: Form = "explicit"


@dataclass(frozen=True)
class Drops:
    """Shares of the samples whose condition is left out; of what is left, both are there.

    Attributes:
        text: the prompt is empty.
        style: there are no style tokens.
        both: neither is there.
        content: the content adapter adds nothing, as at inference; independent of the others.

    Raises:
        InputError: if one is not from 0 to 1, or they leave nothing.
    """

    text: float = 0.05
    style: float = 0.05
    both: float = 0.05
    content: float = 0.1

    def __post_init__(self) -> None:
        for name in ("text", "style", "both", "content"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"drops.{name} is {getattr(self, name)}; it must be from 0 to 1")
        if self.text + self.style + self.both > 1:
            raise InputError(f"drops.text, style and both are {self.text + self.style + self.both} together; at most 1")
        if self.style + self.both == 1:
            raise InputError("drops.style and both leave no style to train on; they must be below 1 together")


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, samples in a batch, optimizer, precision, run states; ``learning_rate`` is that of the style
            encoder.
        model: settings of the adapter.
        vgg: file with torchvision's weights of VGG-19, or the name of a fetched one; unless ``model.vgg_seed`` is set.
        side: of the training images in pixels.
        least_side: images whose shorter side is shorter are dropped.
        crop: a random square, encoded in every step; or the middle, whose latents and statistics are kept.
        flip: probability that an image is mirrored.
        keep_duplicates: take images that are nearly equal all the same.
        reference: style is read from the image itself, or from another image of its style group.
        content: train with the content adapter.
        colours: how the content adapter's images are changed.
        drops: shares of conditions that are left out.
        attention_rate: learning rate of keys and values, as a share of ``loop.learning_rate``.
        content_rate: the same of the content adapter.
        min_snr: largest signal-to-noise ratio that counts (Min-SNR weighting, usually 5); none weighs all steps alike.
        recompute: compute the blocks of the U-Net again in the backward pass, to save memory.
        held_out: share of the images kept for validation where none are given.
        cache_mb: memory for prepared images, and for what is kept of them, in each process that loads them.

    Raises:
        InputError: if a value is out of its range, or one does not fit another.
    """

    loop: LoopConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    vgg: str = "vgg19"
    side: int = 512
    least_side: int = 256
    crop: Literal["random", "middle"] = "random"
    flip: float = 0.5
    keep_duplicates: bool = False
    reference: Literal["own", "other"] = "own"
    content: bool = True
    colours: ColourAugmentation = field(default_factory=ColourAugmentation)
    drops: Drops = field(default_factory=Drops)
    attention_rate: float = 0.1
    content_rate: float = 1.0
    min_snr: float | None = None
    recompute: bool = False
    held_out: float = 0.02
    cache_mb: int = 0

    def __post_init__(self) -> None:
        check_choices(self)
        for name, holds, right in (
            ("side", self.side >= MULTIPLE and self.side % MULTIPLE == 0, f"a multiple of {MULTIPLE}"),
            ("least_side", self.least_side >= 1, "at least 1"),
            ("flip", 0 <= self.flip <= 1, "from 0 to 1"),
            ("attention_rate", self.attention_rate >= 0, "at least 0"),
            ("content_rate", self.content_rate >= 0, "at least 0"),
            ("min_snr", self.min_snr is None or self.min_snr > 0, "above 0, or none"),
            ("held_out", 0 < self.held_out < 1, "between 0 and 1"),
            ("cache_mb", self.cache_mb >= 0, "at least 0"),
        ):
            if not holds:
                raise InputError(f"{name} is {getattr(self, name)}; it must be {right}")
        check_most(self, side=8192, cache_mb=2**20)
