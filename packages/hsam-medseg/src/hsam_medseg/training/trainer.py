"""Training data and one training step; the loop itself is `visioncore.training`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from visioncore.errors import InputError, some
from visioncore.ranks import rank_and_processes
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, describe_run, fit, tell_shared, warmup_cosine
from visioncore.weights.state_dicts import load_into

from ..data.few_shot import choose, deal
from ..data.samples import Slices, SliceSamples, to_sample
from ..data.slices import SETTINGS_FILE, SliceFiles, open_slices, read_settings
from ..data.synthetic import SYNTHETIC_CLASSES, synthetic_slices, synthetic_volume
from ..method import METHOD, PACKAGE
from ..network.config import HSAMConfig, Preprocessing
from ..network.losses import training_losses
from ..network.model import HSAM
from ..network.weights import load_model
from .config import HELD_OUT_SEED, VOLUMES_PER_SEED, TrainConfig
from .curve import LOG, draw_curve
from .schedule import published_learning_rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    LabelledVolume = tuple[NDArray[np.float32], NDArray[np.uint8]]

SYNTHETIC_DEPTH = 24
"""Slices of a synthetic volume; its rows and columns are as many as the network's."""


def train(
    recipe: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    sam: str | Path | None = None,
    weights: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = print,
) -> FitResult:
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: a folder that `prepare` wrote, or the published Synapse folder; None for synthetic volumes.
        out: the run's folder; ``out/last`` and, with validation, ``out/best`` hold the weights.
        sam: SAM's own checkpoint of the recipe's backbone, to start from; none for an encoder that is trained itself.
        weights: start from a trained network of the recipe's shape instead, whatever `load_model` takes but an adapter.
        validation: a folder of slices as ``data``, all of whose cases are validated on; default: ``data.held_out``
            cases of ``data`` are held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.
        say: told what is trained on, and of slices that are validated on as well.

    Raises:
        InputError: if the recipe, the data or SAM's file is not what it should be, ``out`` holds another run or cannot
            be written, or the device has too little memory.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    recipe_config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    config, slices, volumes = _open(recipe_config, data, validation, say)
    if (window := config.model.preprocessing.window) != (named := recipe_config.model.preprocessing.window):
        say(f"the slices were prepared with the window {window}, not {named} as the recipe has it; {window} it is")
    torch.manual_seed(config.loop.seed)
    model = _initial(config.model, sam, weights).recompute(config.recompute)
    source = SliceSamples(
        slices, config.model.image_size, augmented=config.data.augmented, balanced=config.data.balanced
    )
    say(f"{len(slices)} slices to train on, {len(volumes)} volumes held out; classes {', '.join(config.model.classes)}")
    epoch_steps = math.ceil(len(source) / config.loop.batch_size)
    result = fit(
        model,
        lambda network, batch: step_losses(network, batch, epoch_steps),
        source,
        config=config.loop,
        out=Path(out),
        learning_rate=_schedule(config),
        validate=(lambda network: validate(network, volumes, config.model)) if volumes else None,
        best="dice" if volumes else None,
        resume=resume,
        run_description=describe_run(
            METHOD.name,
            config,
            {"weights": weights},
            slices=len(slices),
            named=slices.names if isinstance(slices, SliceFiles) else [],
        ),
        memory_advice="recompute true, loop.precision bfloat16, loop.accumulate up to loop.batch_size (the Dice loss "
        "is then of fewer slices at a time), a smaller model.image_size",
    )
    if rank_and_processes()[0] == 0 and (Path(out) / LOG).is_file():
        draw_curve(Path(out))
    return result


def step_losses(network: nn.Module, batch: Mapping[str, Tensor], epoch_steps: int) -> dict[str, Tensor]:
    """Return the losses of a batch, as `training_losses` does.

    Args:
        network: in training mode.
        batch: ``image`` (B, 3, S, S), ``label`` (B, S, S), ``low_label`` (B, S/4, S/4), and ``step``, counted from 0.
        epoch_steps: steps of an epoch, on which the decoders' weights depend.
    """
    epoch = int(batch["step"]) // epoch_steps
    return training_losses(network(batch["image"]), batch["label"], batch["low_label"], epoch)


def labelled_synthetic_slices(config: TrainConfig) -> list[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Return the slices (H, W), with values in [0, 1], and labels that a recipe with synthetic volumes trains on."""
    wanted, side = config.data, config.model.image_size
    first = VOLUMES_PER_SEED * wanted.seed
    volumes = range(first, first + wanted.volumes)
    return synthetic_slices(volumes, wanted.slices, wanted.seed, (SYNTHETIC_DEPTH, side, side))


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


def _initial(config: HSAMConfig, sam: str | Path | None, weights: str | Path | None) -> HSAM:
    """Return the network that training starts from."""
    if weights is not None:
        if sam is not None:
            raise InputError("sam and weights are both given; a trained network brings its own encoder")
        model = HSAM(config)
        state = load_model(weights).state_dict()
        if not config.keep_unused:
            state = {name: value for name, value in state.items() if not name.startswith("unused.")}
        load_into(model, state, where=str(weights))
        return model
    if config.train_encoder and sam is None:
        return HSAM(config)
    return HSAM.from_sam(config, sam)


def _schedule(config: TrainConfig) -> Callable[[int], float]:
    loop = config.loop
    if config.schedule == "cosine":
        return warmup_cosine(loop)
    return lambda step: published_learning_rate(step, loop.steps, loop.learning_rate, loop.warmup_steps)


def _open(
    config: TrainConfig, data: str | Path | None, validation: str | Path | None, say: Callable[[str], None]
) -> tuple[TrainConfig, Slices, list[LabelledVolume]]:
    """Return the recipe as the data complete it, the slices to train on, and the volumes to validate on."""
    if validation is not None and config.data.folds:
        raise InputError(f"{validation}: given to validate on, but data.folds is {config.data.folds}; leave out one")
    if config.data.kind == "synthetic":
        for name, given in (("data", data), ("validation", validation)):
            if given is not None:
                raise InputError(
                    f"{given}: this recipe trains on synthetic volumes; give no {name}, or set data.kind to folder"
                )
        return _synthetic(config)
    if data is None:
        raise InputError("this recipe trains on slices of scans; give the folder that holds them as data")
    return _scans(config, Path(data), None if validation is None else Path(validation), say)


def _synthetic(config: TrainConfig) -> tuple[TrainConfig, Slices, list[LabelledVolume]]:
    shape = (SYNTHETIC_DEPTH, config.model.image_size, config.model.image_size)
    slices = labelled_synthetic_slices(config)
    held_out = [synthetic_volume(HELD_OUT_SEED + index, shape) for index in range(config.data.held_out)]
    preprocessing = replace(config.model.preprocessing, window="unit", orientation="stored")
    model = replace(config.model, classes=SYNTHETIC_CLASSES, preprocessing=preprocessing)
    return replace(config, model=model), slices, held_out


def _scans(
    config: TrainConfig, data: Path, validation: Path | None, say: Callable[[str], None]
) -> tuple[TrainConfig, Slices, list[LabelledVolume]]:
    wanted = config.data
    slices = open_slices(data, wanted.listed)
    if wanted.cases is not None:
        slices = slices.select(cases=wanted.cases)
    cases = slices.cases
    if validation is None:
        if wanted.held_out >= len(cases):
            raise InputError(f"data.held_out is {wanted.held_out}, of {len(cases)} cases; one at least must be left")
        if wanted.folds:
            held_out = deal(cases, wanted.folds, wanted.seed)[wanted.fold]
            say(f"fold {wanted.fold} of {wanted.folds} is held out: {some(held_out)}")
        else:
            held_out = choose(cases, wanted.held_out, wanted.seed) if wanted.held_out else []
        volumes = [slices.volume(case) for case in held_out]
        for case, (_, labels) in zip(held_out, volumes, strict=True):
            if not labels.any():
                raise InputError(
                    f"{data}: {case} is held out, and no class is on it; choose others by another data.seed"
                )
        slices = slices.of_cases([case for case in cases if case not in held_out])
    else:
        volumes = _validation_volumes(validation, slices, _preprocessing(config.model.preprocessing, data), say)
    training = slices.select(foreground=wanted.foreground, slices=wanted.slices, seed=wanted.seed)
    model = replace(
        config.model, classes=slices.classes, preprocessing=_preprocessing(config.model.preprocessing, data)
    )
    return replace(config, model=model), training, volumes


def _validation_volumes(
    folder: Path, slices: SliceFiles, expected: Preprocessing, say: Callable[[str], None]
) -> list[LabelledVolume]:
    """Return the volumes of a folder that are validated on, those without any class aside.

    Raises:
        InputError: if they are not of the classes, or were not prepared as, the slices that are trained on.
    """
    others, prepared = open_slices(folder), _preprocessing(expected, folder)
    if others.classes != slices.classes:
        raise InputError(
            f"{folder}: its classes are {', '.join(others.classes)}; those trained on are {', '.join(slices.classes)}"
        )
    if prepared != expected:
        raise InputError(
            f"{folder}: prepared with window {prepared.window} and orientation {prepared.orientation}, what is trained "
            f"on with {expected.window} and {expected.orientation}; prepare both alike"
        )
    files, held_out = (list(map(each.path, range(len(each)))) for each in (slices, others))
    tell_shared(files, held_out, say)
    volumes = [others.volume(case) for case in others.cases]
    return [(images, labels) for images, labels in volumes if labels.any()]


def _preprocessing(wanted: Preprocessing, data: Path) -> Preprocessing:
    """Return the preprocessing of the scans that the slices are from, for use in prediction."""
    if not (data / SETTINGS_FILE).is_file():
        return replace(wanted, window="abdomen", orientation="stored")
    settings = read_settings(data)
    return replace(wanted, window=settings["window"], orientation=settings["orientation"])
