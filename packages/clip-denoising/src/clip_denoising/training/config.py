"""The training configuration: what a recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import LoopConfig

from ..data.camera import CAMERAS
from ..data.noise import parse_noise
from ..method import PACKAGE
from ..network.config import CLIPDenoiserConfig
from ..network.model import MULTIPLE

MOST_HELD_OUT = 68
"""As many images as CBSD68 has; more would make every validation long."""


@dataclass(frozen=True)
class DataConfig:
    """Training data.

    Attributes:
        kind: clean ``photos`` to which noise is added; ``pairs`` of noisy and clean photos; or ``slices`` of CT at full
            dose, to which noise is added.
        noise: added to photos and slices: a kind and its level (`noise.parse_noise`); for photos also ``camera``, the
            published simulated cameras, or ``camera-blind``, such of varying noise (`camera.parse_corruption`).
        curves: folder of CBDNet's response curves of cameras; None takes `response.smooth_curves`.
        patients: whose slices; None for all.
        patch: side of the square patches in pixels, a multiple of 32.
        mixup: blend half of the batches with themselves in another order.
        held_out: share of the images kept for validation where no validation folder is given, but no more than
            `MOST_HELD_OUT`; 0 for no validation. Versions of an image, and slices of a patient, stay on one side.
        validation_noise: added to clean images in validation; None takes ``noise``.
        validation_patch: side of the centre crop that validation looks at; None for whole images.
        cache_mb: memory for decoded photos in each loading process.
    """

    kind: Literal["photos", "pairs", "slices"] = "photos"
    noise: str = "gaussian:15"
    curves: Path | None = None
    patients: tuple[str, ...] | None = None
    patch: int = 128
    mixup: bool = True
    held_out: float = 0.05
    validation_noise: str | None = None
    validation_patch: int | None = 256
    cache_mb: int = 1024

    def __post_init__(self) -> None:
        if self.patch < MULTIPLE or self.patch % MULTIPLE:
            raise InputError(f"data.patch is {self.patch}; it must be a positive multiple of {MULTIPLE}")
        if self.validation_patch is not None and self.validation_patch < 1:
            raise InputError(f"data.validation_patch is {self.validation_patch}; it must be at least 1, or none")
        if not 0 <= self.held_out < 1:
            raise InputError(f"data.held_out is {self.held_out}; it must be at least 0 and below 1")
        if self.cache_mb < 0:
            raise InputError(f"data.cache_mb is {self.cache_mb}; it must be at least 0")
        check_most(self, "data.", patch=16384, validation_patch=65536, cache_mb=10**7)
        for noise in (self.noise, self.validation_noise or self.noise):
            if self.kind == "slices" or noise not in CAMERAS:
                parse_noise(noise)


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, batch, optimizer, precision, run states.
        model: the network.
        data: the samples.
        schedule: ``cyclic`` as for the published RGB networks, see `schedule.cyclic_learning_rate`, without a warm-up;
            or half a ``cosine`` after a warm-up, which is as for the published CT network if that takes no steps.
    """

    loop: LoopConfig
    model: CLIPDenoiserConfig = field(default_factory=CLIPDenoiserConfig)
    data: DataConfig = field(default_factory=DataConfig)
    schedule: Literal["cyclic", "cosine"] = "cyclic"

    def __post_init__(self) -> None:
        if (self.data.kind == "slices") != (self.model.channels == 1):
            right = "slices, of one channel, or photos and pairs, of three"
            raise InputError(
                f"data.kind is {self.data.kind} and model.channels {self.model.channels}; it must be {right}"
            )
        if self.schedule == "cyclic" and self.loop.warmup_steps:
            raise InputError(f"loop.warmup_steps is {self.loop.warmup_steps}; the cyclic schedule has no warm-up")


_NOISE_FIELDS = {"data.kind", "data.noise", "data.curves"}


def load_train_recipe(recipe: str | Path, overrides: Mapping[str, str] | None = None) -> TrainConfig:
    """Return the configuration of a recipe; arguments and errors as of `train`."""
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    given = set(overrides or ())
    if "model.noise_sigma" not in given and (not config.model.noise_sigma or given & _NOISE_FIELDS):
        config = replace(config, model=replace(config.model, noise_sigma=_sigma(config.data)))
    if "model.noise" not in given and given & _NOISE_FIELDS:
        # what the recipe says of its noise is no longer true
        config = replace(config, model=replace(config.model, noise=_in_words(config.data)))
    return config


def _sigma(data: DataConfig) -> float:
    return 0.0 if data.kind == "pairs" or data.noise in CAMERAS else parse_noise(data.noise).sigma


def _in_words(data: DataConfig) -> str:
    if data.kind == "pairs":
        return "stored pairs of noisy and clean photos"
    return f"{data.noise} noise on {'CT slices' if data.kind == 'slices' else 'photos'}"
