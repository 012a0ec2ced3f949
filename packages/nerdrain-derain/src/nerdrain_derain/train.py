"""The training configuration, and what one step does; the loop itself is `visioncore.training`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES
from visioncore.metrics.image import psnr
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, fit

from .config import NeRDRainConfig
from .data import Rain, RainyPatches
from .losses import training_losses
from .model import MULTIPLE, NeRDRain
from .pairing import find_pairs


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    Attributes:
        kind: ``pairs`` of rainy and clean pictures, or clean pictures on which ``synthetic`` rain falls.
        patch: side of the square patches in pixels, a multiple of 16.
        held_out: share of the pictures kept for validation where no validation folder is given.
        validation_patch: side of the centre crop that validation looks at.
        cache_mb: memory for decoded pictures in each loading process.
        rain: what synthetic rain may look like.
    """

    kind: Literal["pairs", "synthetic"] = "pairs"
    patch: int = 256
    held_out: float = 0.05
    validation_patch: int = 256
    cache_mb: int = 1024
    rain: Rain = field(default_factory=Rain)

    def __post_init__(self) -> None:
        for name in ("patch", "validation_patch"):
            side = getattr(self, name)
            if side < MULTIPLE or side % MULTIPLE:
                raise InputError(f"data.{name} is {side}; it must be a positive multiple of {MULTIPLE}")
        if not 0 < self.held_out < 1:
            raise InputError(f"data.held_out is {self.held_out}; it must lie between 0 and 1")


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        model: the network.
        data: the samples.
        loop: steps, batch, optimizer, precision, checkpoints.
        schedule: ``cosine`` by steps with a warm-up above zero, or the ``official`` table by epochs, whose first epoch
            has a learning rate of zero; there ``loop.steps`` is divided into epochs of the data's size.
        recompute: trade time for memory, see `NeRDRain.recompute`.
    """

    loop: LoopConfig
    model: NeRDRainConfig = field(default_factory=NeRDRainConfig)
    data: DataConfig = field(default_factory=DataConfig)
    schedule: Literal["cosine", "official"] = "cosine"
    recompute: bool = False


def official_learning_rate(epoch: int, epochs: int, highest: float = 1e-4, lowest: float = 1e-6) -> float:
    """Return the authors' learning rate of an ``epoch`` counted from 1: three epochs up from zero, then a cosine."""
    warmup = 3
    if epoch <= warmup:
        return highest * (epoch - 1) / warmup
    # the cosine begins one epoch after the warm-up has ended
    progress = max(0, epoch - warmup - 2) / (epochs - warmup)
    return lowest + (highest - lowest) * (1 + math.cos(math.pi * progress)) / 2


def train(
    recipe: str | Path,
    data: Path,
    out: Path,
    *,
    validation: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
) -> FitResult:
    """Train a network by a recipe; an interrupted run goes on where it was.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: training pictures; with ``data.kind: pairs`` what `find_pairs` takes, else clean pictures.
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights for `NeRDRain.from_pretrained`.
        validation: pictures for validation, laid out as ``data``; default: a share of ``data`` is held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest checkpoint in ``out``.

    Raises:
        InputError: if the recipe or the data is not what it should be.
    """
    config = load_recipe(TrainConfig, "nerdrain_derain", recipe, overrides)
    source, held_out = _sources(config, data, validation)
    torch.manual_seed(config.loop.seed)
    model = NeRDRain(config.model).recompute(config.recompute)
    return fit(
        model,
        _loss,
        source,
        config=config.loop,
        out=out,
        learning_rate=_schedule(config, len(source)),
        validate=lambda network: validate(network, held_out),
        best="psnr_rgb_validation",
        resume=resume,
        run_description={"method": "nerdrain-derain", "recipe": asdict(config), "pictures": len(source)},
    )


def validate(network: nn.Module, samples: Sequence[Mapping[str, Tensor]]) -> dict[str, float]:
    """Return the mean RGB PSNR (dB, peak 1, clamped) of restored samples and of the rainy ones."""
    device = next(network.parameters()).device
    values: dict[str, list[float]] = {"psnr_rgb_validation": [], "psnr_rgb_rainy": []}
    for sample in samples:
        rainy, clean = (sample[name][None].to(device) for name in ("rainy", "clean"))
        for name, picture in (("psnr_rgb_validation", network(rainy)), ("psnr_rgb_rainy", rainy)):
            values[name].append(float(psnr(picture.clamp(0, 1), clean, "colour")))
    return {name: float(np.mean(each)) for name, each in values.items()}


def _loss(network: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return training_losses(network(batch["rainy"]), batch["clean"])


def _schedule(config: TrainConfig, samples: int) -> Callable[[int], float] | None:
    if config.schedule == "cosine":
        return None
    loop, steps_per_epoch = config.loop, max(1, samples // config.loop.batch_size)
    epochs = max(4, loop.steps // steps_per_epoch)
    return lambda step: official_learning_rate(
        step // steps_per_epoch + 1, epochs, loop.learning_rate, loop.min_learning_rate
    )


def _sources(config: TrainConfig, data: Path, validation: Path | None) -> tuple[RainyPatches, list[dict[str, Tensor]]]:
    """Return the training samples, and the validation samples, drawn once and for all."""
    source, seed = _source(config.data, data), config.loop.seed
    if validation is not None:
        held_out = _source(config.data, validation)
    else:
        order = np.random.default_rng(seed).permutation(len(source))
        count = max(1, round(config.data.held_out * len(source)))
        if count == len(source):
            raise InputError(f"{data}: one picture alone; at least two are needed, one of them for validation")
        source, held_out = source.subset(sorted(order[count:])), source.subset(sorted(order[:count]))
    side = config.data.validation_patch
    return source, [held_out.centre(i, side, np.random.default_rng([seed, i])) for i in range(len(held_out))]


def _source(config: DataConfig, data: Path) -> RainyPatches:
    pictures = find_pairs(data) if config.kind == "pairs" else expand_inputs([data], IMAGE_SUFFIXES)
    return RainyPatches(pictures, config.patch, config.rain, config.cache_mb)
