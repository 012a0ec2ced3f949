"""The training configuration: the contents of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from visioncore.configs import check_choices, check_most
from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..data.looks import LookAugmentation
from ..network.config import Encoder, Form

MULTIPLE = 8
"""Sides of training images are divisible by it, for the latents."""


@dataclass(frozen=True)
class ModelConfig:
    """Settings of the injector that a recipe decides; the rest is as the base model is.

    Attributes:
        form: the method, or edge control that reads the prompt, for comparison.
        encoder: what the semantic route sees of an element: patch tokens of CLIP, or small patches of its pixels.
        tokens: of each element.
        layers: of the resampler.
        heads: of its attention.
        width: inside it.
    """

    form: Form = "anyscene"
    encoder: Encoder = "clip"
    tokens: int = 16
    layers: int = 4
    heads: int = 12
    width: int = 768


@dataclass(frozen=True)
class Drops:
    """Shares of the samples whose condition is left out; of what is left, both are there.

    Attributes:
        text: the prompt is empty.
        foreground: the base does not see the foreground's tokens.
        both: neither.

    Raises:
        InputError: if one is not from 0 to 1, or they leave nothing.
    """

    text: float = 0.1
    foreground: float = 0.1
    both: float = 0.05

    def __post_init__(self) -> None:
        for name in ("text", "foreground", "both"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"drops.{name} is {getattr(self, name)}; it must be from 0 to 1")
        if (whole := self.text + self.foreground + self.both) > 1:
            raise InputError(f"drops.text, foreground and both are {whole:.4g} together; at most 1")
        if self.foreground + self.both == 1:
            raise InputError("drops.foreground and both leave no foreground to train on; they must be below 1 together")


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, samples in a batch, optimizer, precision, run states; ``learning_rate`` is that of the semantic
            route: resampler and projections.
        model: settings of the injector.
        clip: file or folder with the weights of CLIP's image tower, or the name of a fetched one; where
            ``model.encoder`` is clip.
        side: of the training images in pixels.
        least_side: images whose shorter side is shorter are dropped.
        crop: a random square, encoded in every step; or the middle, whose latents are kept.
        flip: probability that a scene is mirrored.
        keep_duplicates: take images that are nearly equal all the same.
        elements: most of a foreground; a random number of those of a scene is taken.
        area: share of the image that an element takes, at least and at most; others are taken where there are none.
        looks: how the foreground's look differs from its scene's.
        kept_looks: looks of each element that are drawn once, whose features are kept; 0 draws new ones in every step.
        drops: shares of conditions that are left out.
        spatial_rate: learning rate of the spatial route, as a share of ``loop.learning_rate``.
        min_snr: largest signal-to-noise ratio that counts (Min-SNR weighting, usually 5); none weighs all steps alike.
        recompute: compute the blocks of U-Net and spatial route again in the backward pass, to save memory.
        held_out: share of the images kept for validation where none are given.
        cache_mb: memory for prepared images, and for what is kept of them, in each process that loads them.

    Raises:
        InputError: if a value is out of its range, or one does not fit another.
    """

    loop: LoopConfig
    model: ModelConfig = field(default_factory=ModelConfig)
    clip: str = "clip-vit-l-14"
    side: int = 512
    least_side: int = 256
    crop: Literal["random", "middle"] = "random"
    flip: float = 0.5
    keep_duplicates: bool = False
    elements: int = 4
    area: tuple[float, float] = (0.01, 0.7)
    looks: LookAugmentation = field(default_factory=LookAugmentation)
    kept_looks: int = 0
    drops: Drops = field(default_factory=Drops)
    spatial_rate: float = 0.1
    min_snr: float | None = None
    recompute: bool = False
    held_out: float = 0.02
    cache_mb: int = 0

    def __post_init__(self) -> None:
        check_choices(self)
        check_choices(self.model)
        for name, holds, right in (
            ("side", self.side >= MULTIPLE and self.side % MULTIPLE == 0, f"a multiple of {MULTIPLE}"),
            ("least_side", self.least_side >= 1, "at least 1"),
            ("flip", 0 <= self.flip <= 1, "from 0 to 1"),
            ("elements", self.elements >= 1, "at least 1"),
            ("area", 0 <= self.area[0] < self.area[1] <= 1, "two shares from 0 to 1, the smaller one first"),
            ("kept_looks", self.kept_looks >= 0, "at least 0"),
            ("spatial_rate", self.spatial_rate >= 0, "at least 0"),
            ("min_snr", self.min_snr is None or self.min_snr > 0, "above 0, or none"),
            ("held_out", 0 < self.held_out < 1, "between 0 and 1"),
            ("cache_mb", self.cache_mb >= 0, "at least 0"),
        ):
            if not holds:
                raise InputError(f"{name} is {getattr(self, name)}; it must be {right}")
        if self.kept_looks and (self.crop != "middle" or self.model.form == "canny"):
            raise InputError("kept_looks needs crop middle and model.form anyscene; otherwise set it to 0")
        check_most(self, side=8192, cache_mb=2**20, elements=64, kept_looks=1024)
