"""The training configuration, and what one step does; the loop itself is `visioncore.training`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.devices import is_out_of_memory
from visioncore.errors import InputError, some
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES
from visioncore.metrics.image import psnr
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, fit, hold_out

from ..data.pairs import duplicates, find_pairs, holds_pairs
from ..data.patches import RainyPatches
from ..data.rain import Rain
from ..method import METHOD, PACKAGE
from ..network.config import NeRDRainConfig
from ..network.losses import training_losses
from ..network.model import MULTIPLE, NeRDRain

MOST_HELD_OUT = 200
"""As many pictures as the test sets of Rain200L and Rain200H have; more would make every validation long."""


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    Attributes:
        kind: ``pairs`` of rainy and clean pictures, or clean pictures on which ``synthetic`` rain falls.
        patch: side of the square patches in pixels, a multiple of 16.
        held_out: share of the clean pictures kept for validation where no validation folder is given, but no more than
            `MOST_HELD_OUT`; all rainy versions of a clean picture stay on one side.
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
        if self.cache_mb < 0:
            raise InputError(f"data.cache_mb is {self.cache_mb}; it must be at least 0")


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        model: the network.
        data: the samples.
        loop: steps, batch, optimizer, precision, checkpoints.
        schedule: ``cosine`` by steps with a warm-up above zero, or the ``official`` table by epochs, whose first epoch
            has a learning rate of zero; there ``loop.steps`` is divided into epochs of the size of the training data,
            and ``loop.warmup_steps`` has no meaning.
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
    data: str | Path,
    out: str | Path,
    *,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = warnings.warn,
) -> FitResult:
    """Train a network by a recipe; an interrupted run goes on where it was.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: training pictures; with ``data.kind: pairs`` what `find_pairs` takes, else clean pictures.
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights for `NeRDRain.from_pretrained`.
        validation: pictures for validation, laid out as ``data``; default: a share of ``data`` is held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest checkpoint in ``out``; False removes an earlier run.
        say: told of validation pictures that are trained on as well.

    Raises:
        InputError: if the recipe or the data is not what it should be, ``out`` holds another run or cannot be written,
            or the device has too little memory.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    source, held_out = _sources(config, Path(data), None if validation is None else Path(validation))
    if shared := duplicates(source.clean_files(), held_out.clean_files()):
        names = some([group[0].name for group in shared])
        say(f"{len(shared)} of the validation pictures are trained on as well, so their figures mean little: {names}")
    torch.manual_seed(config.loop.seed)
    model = NeRDRain(config.model).recompute(config.recompute)
    try:
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
            run_description=_description(config, source),
        )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            "out of memory; what helps, in this order: loop.accumulate as large as loop.batch_size, recompute true, "
            "loop.precision bfloat16, a smaller data.patch"
        ) from error


def validate(network: nn.Module, samples: Iterable[Mapping[str, Tensor]]) -> dict[str, float]:
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


def _description(config: TrainConfig, source: RainyPatches) -> dict[str, object]:
    """Return what makes a run this run, beside the loop: all that changes what is computed."""
    recipe = asdict(replace(config, recompute=False, data=replace(config.data, cache_mb=0)))
    del recipe["loop"]
    return {"method": METHOD.name, "recipe": recipe, "pictures": len(source)}


def _sources(config: TrainConfig, data: Path, validation: Path | None) -> tuple[RainyPatches, RainyPatches]:
    """Return what is trained on and what is held out."""
    source = _source(config.data, data)
    if validation is not None:
        return source, _source(config.data, validation)
    inside, outside = hold_out(
        source.clean_files(),
        config.data.held_out,
        most=MOST_HELD_OUT,
        seed=config.loop.seed,
        where=f"{data}: clean pictures",
    )
    return source.subset(inside), source.subset(outside)


def _source(config: DataConfig, data: Path) -> RainyPatches:
    if config.kind == "pairs":
        return RainyPatches(find_pairs(data), config.patch, config.rain, config.cache_mb)
    if holds_pairs(data):
        raise InputError(
            f"{data}: holds rainy and clean pictures, and this recipe lets rain fall on clean ones alone; give it the "
            "folder of the clean ones, or set data.kind to pairs"
        )
    return RainyPatches(expand_inputs([data], IMAGE_SUFFIXES), config.patch, config.rain, config.cache_mb)


def _validation_samples(config: TrainConfig, held_out: RainyPatches) -> Iterator[dict[str, Tensor]]:
    """Yield the centres of the pictures that are held out, with the same rain every time."""
    for index in range(len(held_out)):
        rng = np.random.default_rng([config.loop.seed, index])
        yield held_out.centre(index, config.data.validation_patch, rng)
