"""Training data and one training step; the loop itself is `visioncore.training`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES
from visioncore.metrics.image import psnr
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, describe_run, fit, hold_out, tell_shared
from visioncore.weights.state_dicts import load_into

from ..data.pairs import find_pairs, holds_pairs
from ..data.patches import RainyPatches
from ..method import METHOD, PACKAGE
from ..network.losses import training_losses
from ..network.model import NeRDRain
from ..network.weights import load_model
from .config import MOST_HELD_OUT, DataConfig, TrainConfig
from .schedule import published_learning_rate


def train(
    recipe: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = warnings.warn,
) -> FitResult:
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: training images; with ``data.kind: pairs`` what `find_pairs` takes, else clean images.
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights for `NeRDRain.from_pretrained`.
        weights: start from a trained network of the recipe's shape, whatever `load_model` takes.
        validation: images for validation, laid out as ``data``; default: a share of ``data`` is held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.
        say: told of validation images that are trained on as well.

    Raises:
        InputError: if the recipe or the data is not what it should be, ``out`` holds another run or cannot be written,
            or the device has too little memory.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    source, held_out = _sources(config, Path(data), None if validation is None else Path(validation))
    tell_shared(source.clean_files(), held_out.clean_files(), say)
    torch.manual_seed(config.loop.seed)
    model = NeRDRain(config.model).recompute(config.recompute)
    if weights is not None:
        load_into(model, load_model(weights).state_dict(), where=str(weights))
    return fit(
        model,
        _loss,
        source,
        config=config.loop,
        out=Path(out),
        learning_rate=_schedule(config, len(source)),
        validate=lambda network: validate(network, _validation_samples(config, held_out)),
        best="psnr_rgb_validation",
        resume=resume,
        run_description=describe_run(METHOD.name, config, {"weights": weights}, images=len(source)),
        memory_advice="loop.accumulate as large as loop.batch_size, recompute true, loop.precision bfloat16, a smaller "
        "data.patch",
    )


def validate(network: nn.Module, samples: Iterable[Mapping[str, Tensor]]) -> dict[str, float]:
    """Return the mean RGB PSNR (dB, peak 1, clamped) of restored samples and of the rainy ones.

    What equals the clean image, such as a photo on which no rain falls, has no finite PSNR and is left out.
    """
    device = next(network.parameters()).device
    values: dict[str, list[float]] = {"psnr_rgb_validation": [], "psnr_rgb_rainy": []}
    for sample in samples:
        rainy, clean = (sample[name][None].to(device) for name in ("rainy", "clean"))
        for name, image in (("psnr_rgb_validation", network(rainy)), ("psnr_rgb_rainy", rainy)):
            value = float(psnr(image.clamp(0, 1), clean, "colour"))
            values[name] += [value] if math.isfinite(value) else []
    return {name: float(np.mean(each)) if each else math.inf for name, each in values.items()}


def _loss(network: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return training_losses(network(batch["rainy"]), batch["clean"])


def _schedule(config: TrainConfig, samples: int) -> Callable[[int], float] | None:
    if config.schedule == "cosine":
        return None
    loop, steps_per_epoch = config.loop, max(1, samples // config.loop.batch_size)
    epochs = max(4, loop.steps // steps_per_epoch)
    return lambda step: published_learning_rate(
        step // steps_per_epoch + 1, epochs, loop.learning_rate, loop.min_learning_rate
    )


def _sources(config: TrainConfig, data: Path, validation: Path | None) -> tuple[RainyPatches, RainyPatches]:
    """Return the training samples and the held-out ones."""
    source = _source(config.data, data)
    if validation is not None:
        return source, _source(config.data, validation)
    inside, outside = hold_out(
        source.clean_files(),
        config.data.held_out,
        most=MOST_HELD_OUT,
        seed=config.loop.seed,
        where=f"{data}: clean images",
    )
    return source.subset(inside), source.subset(outside)


def _source(config: DataConfig, data: Path) -> RainyPatches:
    if config.kind == "pairs":
        return RainyPatches(find_pairs(data), config.patch, config.rain, config.cache_mb)
    if holds_pairs(data):
        raise InputError(
            f"{data}: holds rainy and clean images, and this recipe lets rain fall on clean ones alone; give it the "
            "folder of the clean ones, or set data.kind to pairs"
        )
    return RainyPatches(expand_inputs([data], IMAGE_SUFFIXES), config.patch, config.rain, config.cache_mb)


def _validation_samples(config: TrainConfig, held_out: RainyPatches) -> Iterator[dict[str, Tensor]]:
    """Yield the centres of the held-out images, with the same rain every time."""
    for index in range(len(held_out)):
        rng = np.random.default_rng([config.loop.seed, index])
        yield held_out.centre(index, config.data.validation_patch, rng)
