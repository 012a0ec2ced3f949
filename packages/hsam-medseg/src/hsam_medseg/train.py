"""The training configuration, and what one step does; the loop itself is `visioncore.training`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.device import is_out_of_memory
from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, fit, warmup_cosine

from .config import HSAMConfig
from .data import Slices, SliceSamples, to_sample
from .fewshot import choose
from .losses import training_losses
from .method import METHOD, PACKAGE
from .model import HSAM
from .slices import SETTINGS_FILE, SliceFiles, open_slices, read_settings
from .synthetic import SYNTHETIC_CLASSES, synthetic_slices, synthetic_volume

HELD_OUT_SEED = 10_000
"""Synthetic volumes from this seed on are never trained on."""

Volume = tuple["np.ndarray[tuple[int, ...], np.dtype[np.float32]]", "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]"]


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    Attributes:
        kind: slices of scans, from a ``folder`` that `prepare` wrote or Synapse's own, or ``synthetic`` volumes.
        listed: which list of slices of Synapse's folder: ``train``, or ``train_220`` for the published 10 %.
        cases: which cases: a published list by its name (see `fewshot.PUBLISHED`); None for all.
        slices: which part of their slices is trained on, in (0, 1].
        foreground: only slices with a class on them.
        balanced: draw slices so that every class is seen about as often; else each is drawn once an epoch.
        augmented: turn, crop and bend slices at random as published.
        held_out: volumes that are validated on instead of trained on; 0 for none, as published.
        volumes: how many synthetic volumes there are to train on.
        seed: decides which slices and volumes are drawn, and the synthetic volumes themselves.
    """

    kind: Literal["folder", "synthetic"] = "folder"
    listed: str = "train"
    cases: str | None = None
    slices: float = 1.0
    foreground: bool = False
    balanced: bool = False
    augmented: bool = True
    held_out: int = 0
    volumes: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.slices <= 1:
            raise InputError(f"data.slices is {self.slices}; it must be above 0 and at most 1")
        if self.held_out < 0 or self.volumes < 1:
            raise InputError(
                f"data.held_out is {self.held_out} and data.volumes {self.volumes}; they must be at least 0 and 1"
            )


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, batch, optimizer, precision, checkpoints.
        model: the network; for ``data.kind: folder`` its classes are those of the data.
        data: the slices.
        schedule: the ``official`` polynomial, which ends at about a tenth of what it began with, or a ``cosine``; both
            after ``loop.warmup_steps`` of warm-up.
        recompute: trade time for memory, see `HSAM.recompute`.
    """

    loop: LoopConfig
    model: HSAMConfig = field(default_factory=HSAMConfig)
    data: DataConfig = field(default_factory=DataConfig)
    schedule: Literal["official", "cosine"] = "official"
    recompute: bool = False


def official_learning_rate(step: int, steps: int, highest: float, warmup: int = 250) -> float:
    """Return the authors' learning rate of a step counted from 0: linear up, then a polynomial of power 0.9 down."""
    if step <= warmup:
        return highest * max(1, step) / max(1, warmup)
    return highest * (1 - (step - 1 - warmup) / steps) ** 0.9


def train(
    recipe: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    sam: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = warnings.warn,
) -> FitResult:
    """Train a network by a recipe; an interrupted run goes on where it was.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: a folder that `prepare` wrote, or the official Synapse folder; None for synthetic volumes.
        out: the run's folder; ``out/last`` and, with validation, ``out/best`` hold the weights.
        sam: SAM's own checkpoint of the recipe's backbone, to start from; the small encoder needs none.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest checkpoint in ``out``; False removes an earlier run.
        say: told what is worth knowing about the data.

    Raises:
        InputError: if the recipe, the data or SAM's file is not what it should be, ``out`` holds another run or cannot
            be written, or the device has too little memory.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    config, slices, volumes = _open(config, data)
    torch.manual_seed(config.loop.seed)
    model = _initial(config.model, sam).recompute(config.recompute)
    source = SliceSamples(
        slices, config.model.image_size, augmented=config.data.augmented, balanced=config.data.balanced
    )
    say(f"{len(slices)} slices to train on, {len(volumes)} volumes held out; classes {', '.join(config.model.classes)}")
    epoch_steps = math.ceil(len(source) / config.loop.batch_size)
    try:
        return fit(
            model,
            lambda network, batch: step_losses(network, batch, epoch_steps),
            source,
            config=config.loop,
            out=Path(out),
            learning_rate=_schedule(config),
            validate=(lambda network: validate(network, volumes, config.model)) if volumes else None,
            best="dice" if volumes else None,
            resume=resume,
            run_description=_description(config, slices),
        )
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(
            "out of memory; what helps, in this order: loop.accumulate as large as loop.batch_size, recompute true, "
            "loop.precision bfloat16, a smaller model.image_size"
        ) from error


def step_losses(network: nn.Module, batch: Mapping[str, Tensor], epoch_steps: int) -> dict[str, Tensor]:
    """Return the losses of a batch; the decoders' weights depend on the epoch, which has ``epoch_steps`` steps."""
    epoch = int(batch["step"]) // epoch_steps
    return training_losses(network(batch["image"]), batch["label"], batch["low_label"], epoch)


@torch.no_grad()
def validate(network: nn.Module, volumes: Iterable[Volume], config: HSAMConfig) -> dict[str, float]:
    """Return the mean Dice over volumes and the classes that are on them, of both decoders fused and of each.

    Everything is compared at the network's size.

    Args:
        network: in evaluation mode.
        volumes: slices (D, H, W) or (D, H, W, 3) in [0, 1] with their labels (D, H, W).
        config: the network's settings.
    """
    device = next(network.parameters()).device
    values: dict[str, list[float]] = {"dice": [], "dice_coarse": [], "dice_fine": []}
    for images, labels in volumes:
        sums = torch.zeros(3, 2, config.channels, dtype=torch.float64)
        for image, label in zip(images, labels, strict=True):
            sample = to_sample(image, label, config.image_size)
            output = network(sample["image"][None].to(device))
            coarse = output._replace(fine_logits=None).logits
            fine = coarse if output.fine_logits is None else output.fine_logits
            truth = nn.functional.one_hot(sample["label"].to(device), config.channels).bool()
            for sum_, logits in zip(sums, (output.logits, coarse, fine), strict=True):
                found = nn.functional.one_hot(logits.argmax(dim=1)[0], config.channels).bool()
                sum_[0] += (found & truth).sum(dim=(0, 1)).cpu()
                sum_[1] += (found.sum(dim=(0, 1)) + truth.sum(dim=(0, 1))).cpu()
        there = np.isin(np.arange(1, config.channels), labels)
        for name, (overlap, sizes) in zip(values, sums.numpy()[:, :, 1:], strict=True):
            values[name] += list(2 * overlap[there] / sizes[there])
    return {name: float(np.mean(each)) for name, each in values.items()}


def _initial(config: HSAMConfig, sam: str | Path | None) -> HSAM:
    """Return the network that training starts from."""
    if config.train_encoder and sam is None:
        return HSAM(config)
    return HSAM.from_sam(config, sam)


def _schedule(config: TrainConfig) -> Callable[[int], float]:
    loop = config.loop
    if config.schedule == "cosine":
        return warmup_cosine(loop)
    return lambda step: official_learning_rate(step, loop.steps, loop.learning_rate, loop.warmup_steps)


def _open(config: TrainConfig, data: str | Path | None) -> tuple[TrainConfig, Slices, list[Volume]]:
    """Return the recipe with the data's classes, the slices to train on, and the volumes held out."""
    wanted = config.data
    if wanted.kind == "synthetic":
        seeds = range(1000 * wanted.seed, 1000 * wanted.seed + wanted.volumes)
        config = replace(config, model=replace(config.model, classes=SYNTHETIC_CLASSES))
        held_out = [synthetic_volume(HELD_OUT_SEED + index) for index in range(wanted.held_out)]
        return config, synthetic_slices(seeds, wanted.slices, wanted.seed), held_out
    if data is None:
        raise InputError("this recipe trains on slices of scans; give the folder that holds them as data")
    slices = open_slices(data, wanted.listed)
    if wanted.cases is not None:
        slices = slices.select(cases=wanted.cases)
    if wanted.held_out >= len(slices.cases):
        raise InputError(f"data.held_out is {wanted.held_out}, of {len(slices.cases)} cases; one at least must be left")
    held_out = choose(slices.cases, wanted.held_out, wanted.seed) if wanted.held_out else []
    volumes = [slices.volume(case) for case in held_out]
    training = slices.of_cases([case for case in slices.cases if case not in held_out])
    training = training.select(foreground=wanted.foreground, slices=wanted.slices, seed=wanted.seed)
    preprocessing = replace(config.model.preprocessing, **_preprocessing(Path(data)))
    model = replace(config.model, classes=slices.classes, preprocessing=preprocessing)
    return replace(config, model=model), training, volumes


def _preprocessing(data: Path) -> dict[str, str]:
    """Return what was done to the scans that slices are of, to be done to those that are predicted on."""
    if not (data / SETTINGS_FILE).is_file():
        return {"window": "abdomen", "orientation": "stored"}
    settings = read_settings(data)
    return {name: settings[name] for name in ("window", "orientation")}


def _description(config: TrainConfig, slices: Slices) -> dict[str, object]:
    """Return what makes a run this run, beside the loop: all that changes what is computed."""
    recipe = asdict(replace(config, recompute=False))
    del recipe["loop"]
    names = slices.names if isinstance(slices, SliceFiles) else []
    return {"method": METHOD.name, "recipe": recipe, "slices": len(slices), "named": names}
