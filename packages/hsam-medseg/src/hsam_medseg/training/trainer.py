"""The training configuration, and what one step does; the loop itself is `visioncore.training`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.devices import is_out_of_memory
from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, fit, warmup_cosine

from ..data.few_shot import choose
from ..data.samples import Slices, SliceSamples, to_sample
from ..data.slices import SETTINGS_FILE, SliceFiles, open_slices, read_settings
from ..data.synthetic import SYNTHETIC_CLASSES, synthetic_slices, synthetic_volume
from ..method import METHOD, PACKAGE
from ..network.config import HSAMConfig, Preprocessing
from ..network.losses import training_losses
from ..network.model import HSAM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    LabelledVolume = tuple[NDArray[np.float32], NDArray[np.uint8]]

VOLUMES_PER_SEED = 1000
"""Synthetic volumes to train on have seeds of their own, so many for each seed of the data."""
SYNTHETIC_DEPTH = 24
"""Slices of a synthetic volume; its rows and columns are as many as the network's."""

HELD_OUT_SEED = 10_000
"""Synthetic volumes from this seed on are never trained on."""


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    Attributes:
        kind: slices of scans, from a ``folder`` that `prepare` wrote or Synapse's own, or ``synthetic`` volumes.
        listed: which list of slices of Synapse's folder: ``train``, or ``train_220`` for the published 10 %.
        cases: which cases: a published list by its name (see `fewshot.PUBLISHED`), or one case; None for all.
        slices: which part of their slices is trained on, in (0, 1].
        foreground: only slices with a class on them.
        balanced: draw slices so that every class is seen about as often; else each is drawn once an epoch.
        augmented: how often a slice is turned, cropped or bent at random, from 0 to 1, which is published.
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
    augmented: float = 1.0
    held_out: int = 0
    volumes: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.slices <= 1:
            raise InputError(f"data.slices is {self.slices}; it must be above 0 and at most 1")
        if not 0 <= self.augmented <= 1:
            raise InputError(f"data.augmented is {self.augmented}; it must be from 0 to 1")
        for name, least in (("held_out", 0), ("seed", 0), ("volumes", 1)):
            if getattr(self, name) < least:
                raise InputError(f"data.{name} is {getattr(self, name)}; it must be at least {least}")
        seeds = HELD_OUT_SEED // VOLUMES_PER_SEED
        if self.kind == "synthetic" and (self.volumes > VOLUMES_PER_SEED or self.seed >= seeds):
            raise InputError(
                f"data.volumes is {self.volumes} and data.seed {self.seed}; of synthetic volumes there are "
                f"{VOLUMES_PER_SEED} for each seed from 0 to {seeds - 1}"
            )


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, batch, optimizer, precision, checkpoints. The Dice loss is of what is in memory at a time, as is
            the scale of the second decoder's noise: ``batch_size / accumulate`` slices in each process.
        model: the network; its classes, window and orientation are those of the data.
        data: the slices.
        schedule: the ``official`` polynomial, which does not reach zero, or a ``cosine``, which ends at
            ``loop.min_learning_rate``; both after ``loop.warmup_steps`` of warm-up.
        recompute: trade time for memory, see `HSAM.recompute`.
    """

    loop: LoopConfig
    model: HSAMConfig = field(default_factory=HSAMConfig)
    data: DataConfig = field(default_factory=DataConfig)
    schedule: Literal["official", "cosine"] = "official"
    recompute: bool = False


def official_learning_rate(step: int, steps: int, highest: float, warmup: int = 250) -> float:
    """Return the authors' learning rate of a step counted from 0: linear up, then a polynomial of power 0.9 down.

    Args:
        step: counted from 0.
        steps: of the whole run.
        highest: the rate at the end of the warm-up.
        warmup: steps of warm-up; the polynomial takes as many steps as the whole run, so it does not reach zero.
    """
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
    say: Callable[[str], None] = print,
) -> FitResult:
    """Train a network by a recipe; an interrupted run goes on where it was.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: a folder that `prepare` wrote, or the official Synapse folder; None for synthetic volumes.
        out: the run's folder; ``out/last`` and, with validation, ``out/best`` hold the weights.
        sam: SAM's own checkpoint of the recipe's backbone, to start from; none for an encoder that is trained itself.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest checkpoint in ``out``; False removes an earlier run.
        say: told what is trained on.

    Raises:
        InputError: if the recipe, the data or SAM's file is not what it should be, ``out`` holds another run or cannot
            be written, or the device has too little memory.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    recipe_config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    config, slices, volumes = _open(recipe_config, data)
    if (window := config.model.preprocessing.window) != (named := recipe_config.model.preprocessing.window):
        say(f"the slices were prepared with the window {window}, not {named} as the recipe has it; {window} it is")
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
            "out of memory; what helps, in this order: recompute true, loop.precision bfloat16, loop.accumulate up to "
            "loop.batch_size (the Dice loss is then of fewer slices at a time), a smaller model.image_size"
        ) from error


def step_losses(network: nn.Module, batch: Mapping[str, Tensor], epoch_steps: int) -> dict[str, Tensor]:
    """Return the losses of a batch, as `training_losses` does.

    Args:
        network: in training mode.
        batch: ``image`` (B, 3, S, S), ``label`` (B, S, S), ``low_label`` (B, S/4, S/4), and ``step``, counted from 0.
        epoch_steps: steps of an epoch, on which the decoders' weights depend.
    """
    epoch = int(batch["step"]) // epoch_steps
    return training_losses(network(batch["image"]), batch["label"], batch["low_label"], epoch)


@torch.no_grad()
def validate(network: nn.Module, volumes: Iterable[LabelledVolume], config: HSAMConfig) -> dict[str, float]:
    """Return the mean Dice over volumes and the classes that are on them, compared at the network's size.

    Args:
        network: in evaluation mode.
        volumes: slices (D, H, W) or (D, H, W, 3) in [0, 1] with their labels (D, H, W); on each is a class at least.
        config: the network's settings.

    Returns:
        ``dice`` of both decoders fused, ``dice_coarse`` and ``dice_fine`` of each, in [0, 1]; all the same for a
        network with one decoder.
    """
    device = next(network.parameters()).device
    values: dict[str, list[float]] = {"dice": [], "dice_coarse": [], "dice_fine": []}
    for images, labels in volumes:
        sums = torch.zeros(3, 2, config.channels, dtype=torch.float64)
        there = torch.zeros(config.channels, dtype=torch.bool)
        for image, label in zip(images, labels, strict=True):
            sample = to_sample(image, label, config.image_size)
            output = network(sample["image"][None].to(device))
            coarse = output._replace(fine_logits=None).logits
            fine = coarse if output.fine_logits is None else output.fine_logits
            truth = nn.functional.one_hot(sample["label"].to(device), config.channels).bool()
            there |= truth.any(dim=0).any(dim=0).cpu()
            for sum_, logits in zip(sums, (output.logits, coarse, fine), strict=True):
                found = nn.functional.one_hot(logits.argmax(dim=1)[0], config.channels).bool()
                sum_[0] += (found & truth).sum(dim=(0, 1)).cpu()
                sum_[1] += (found.sum(dim=(0, 1)) + truth.sum(dim=(0, 1))).cpu()
        there[0] = False  # the background
        for name, (overlap, sizes) in zip(values, sums, strict=True):
            values[name] += (2 * overlap[there] / sizes[there]).tolist()
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


def _open(config: TrainConfig, data: str | Path | None) -> tuple[TrainConfig, Slices, list[LabelledVolume]]:
    """Return the recipe as the data complete it, the slices to train on, and the volumes held out."""
    if config.data.kind == "synthetic":
        if data is not None:
            raise InputError(
                f"{data}: this recipe trains on synthetic volumes; give no data, or set data.kind to folder"
            )
        return _synthetic(config)
    if data is None:
        raise InputError("this recipe trains on slices of scans; give the folder that holds them as data")
    return _scans(config, Path(data))


def _synthetic(config: TrainConfig) -> tuple[TrainConfig, Slices, list[LabelledVolume]]:
    wanted = config.data
    first = VOLUMES_PER_SEED * wanted.seed
    shape = (SYNTHETIC_DEPTH, config.model.image_size, config.model.image_size)
    slices = synthetic_slices(range(first, first + wanted.volumes), wanted.slices, wanted.seed, shape)
    held_out = [synthetic_volume(HELD_OUT_SEED + index, shape) for index in range(wanted.held_out)]
    preprocessing = replace(config.model.preprocessing, window="unit", orientation="stored")
    model = replace(config.model, classes=SYNTHETIC_CLASSES, preprocessing=preprocessing)
    return replace(config, model=model), slices, held_out


def _scans(config: TrainConfig, data: Path) -> tuple[TrainConfig, Slices, list[LabelledVolume]]:
    wanted = config.data
    slices = open_slices(data, wanted.listed)
    if wanted.cases is not None:
        slices = slices.select(cases=wanted.cases)
    cases = slices.cases
    if wanted.held_out >= len(cases):
        raise InputError(f"data.held_out is {wanted.held_out}, of {len(cases)} cases; one at least must be left")
    held_out = choose(cases, wanted.held_out, wanted.seed) if wanted.held_out else []
    volumes = [slices.volume(case) for case in held_out]
    for case, (_, labels) in zip(held_out, volumes, strict=True):
        if not labels.any():
            raise InputError(f"{data}: {case} is held out, and no class is on it; choose others by another data.seed")
    training = slices.of_cases([case for case in cases if case not in held_out])
    training = training.select(foreground=wanted.foreground, slices=wanted.slices, seed=wanted.seed)
    model = replace(
        config.model, classes=slices.classes, preprocessing=_preprocessing(config.model.preprocessing, data)
    )
    return replace(config, model=model), training, volumes


def _preprocessing(wanted: Preprocessing, data: Path) -> Preprocessing:
    """Return what was done to the scans that slices are of, to be done to those that are predicted on."""
    if not (data / SETTINGS_FILE).is_file():
        return replace(wanted, window="abdomen", orientation="stored")
    settings = read_settings(data)
    return replace(wanted, window=settings["window"], orientation=settings["orientation"])


def _description(config: TrainConfig, slices: Slices) -> dict[str, object]:
    """Return what makes a run this run, beside the loop: all that changes what is computed."""
    recipe = asdict(replace(config, recompute=False))
    del recipe["loop"]
    names = slices.names if isinstance(slices, SliceFiles) else []
    return {"method": METHOD.name, "recipe": recipe, "slices": len(slices), "named": names}
