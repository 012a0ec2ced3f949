"""The training configuration, the data of a run, and one training step; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, describe_run, fit
from visioncore.weights.fetched import backbone_file
from visioncore.weights.state_dicts import load_into

from ..data.augmentation import Augmentation
from ..data.conventions import angle_between, official_vectors
from ..data.faces import FaceSamples, network_inputs
from ..data.ivgaze import FOLDS, read_fold
from ..data.procedural_drivers import procedural_drivers
from ..data.zones import zone_map
from ..inference.folds import predict_fold
from ..method import METHOD, PACKAGE
from ..network.config import GazeConfig, Variant
from ..network.losses import training_losses
from ..network.model import NETWORKS, GazeNetwork
from ..network.stream import Stream
from ..network.weights import load_model
from .schedule import published_schedule


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: batch, optimizer, precision, run states; ``steps`` is the most of them.
        model: the network.
        test_fold: the fold, 1, 2 or 3, that is validated on and not trained on, unless other data are for validation.
        epochs: the most passes over the samples; whichever of it and ``loop.steps`` is reached first ends the run.
        schedule: of the learning rate: ``published`` (warm-up over 5 epochs, half the rate from epoch 66 on), or a
            ``cosine`` after ``loop.warmup_steps``.
        augmentation: of training samples; the authors have none.

    Raises:
        InputError: if a value is out of its range.
    """

    loop: LoopConfig
    model: GazeConfig = field(default_factory=GazeConfig)
    test_fold: int = 1
    epochs: int = 80
    schedule: Literal["published", "cosine"] = "published"
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.test_fold not in FOLDS:
            raise InputError(f"test_fold is {self.test_fold}; it must be 1, 2 or 3")
        if self.epochs < 1:
            raise InputError(f"epochs is {self.epochs}; it must be at least 1")


def train(
    recipe: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    imagenet: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
    say: Callable[[str], None] = print,
) -> FitResult:
    """Train a network by a recipe, on two folds by default, and validate it; an interrupted run is resumed.

    ``out/last`` holds the weights: which step is the best is not chosen, as the fold held out is the one to test on.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: the folder of IVGaze, or of data laid out as it; None for a few rendered drivers with procedural heads.
        out: the run's folder.
        weights: start from a trained network of the recipe's shape, whatever `load_model` takes.
        imagenet: start trunks from torchvision's ResNet-18: its file, or the name under which it was fetched.
        validation: a folder laid out as ``data``, all folds of which are validated on, and all of ``data`` trained on;
            default: fold ``test_fold`` of ``data`` is held out.
        overrides: recipe fields by dotted name, such as ``{"test_fold": "2"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.
        say: told what is trained on.

    Raises:
        InputError: if the recipe, the data or the weights are not what they should be, or ``out`` holds another run or
            cannot be written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    torch.manual_seed(config.loop.seed)
    model = initial_network(config.model, weights, imagenet)
    variant, size = config.model.variant, config.model.image_size
    zones = config.model.zones if variant == "gazedptr_v2" else None
    folder = procedural_drivers(size) if data is None else data
    folds = [read_fold(folder, number, zones) for number in FOLDS]
    coarse = zone_map(folder if validation is None else validation, zones)
    inside = [fold for fold in folds if fold.number != config.test_fold]
    outside = [folds[config.test_fold - 1]]
    if validation is not None:
        inside, outside = folds, [read_fold(validation, number, zones) for number in FOLDS]
    source = FaceSamples(inside, variant, size, augmentation=config.augmentation, say=say)
    held_out = FaceSamples(outside, variant, size, say=lambda _: None)
    batch_size = config.loop.batch_size
    loop = replace(config.loop, steps=min(config.loop.steps, -(-config.epochs * len(source) // batch_size)))
    where = f"fold {config.test_fold}" if validation is None else str(validation)
    say(f"{len(source)} samples to train on, {loop.steps} steps; {len(held_out)} of {where} to validate on")
    rate = published_schedule(len(source), batch_size, loop.learning_rate)
    return fit(
        model,
        lambda network, batch: step_losses(network, batch, variant),
        source,
        config=loop,
        out=Path(out),
        learning_rate=rate if config.schedule == "published" else None,
        validate=lambda network: validate(network, held_out, config.model, coarse),
        resume=resume,
        run_description=describe_run(
            METHOD.name,
            config,
            {"weights": weights, "imagenet": imagenet, "validation": validation},
            samples=len(source),
        ),
    )


def initial_network(
    config: GazeConfig, weights: str | Path | None = None, imagenet: str | Path | None = None
) -> GazeNetwork:
    """Return the network that training starts from; arguments as of `train`.

    Raises:
        InputError: if both are given, or a file cannot be read or does not fit.
    """
    if weights is not None and imagenet is not None:
        raise InputError("weights and imagenet are both given; a trained network brings its own trunks")
    model = NETWORKS[config.variant](config)
    if weights is not None:
        trained = load_model(weights)
        if trained.config.variant != config.variant:
            told = f"{weights}: holds {trained.config.variant}, but the recipe is of {config.variant}"
            raise InputError(f"{told}; --set.model.variant {trained.config.variant} makes it fit")
        load_into(model, trained.state_dict(), where=str(weights))
    if imagenet is not None:
        file = backbone_file(METHOD, imagenet)
        for stream in model.modules():
            if isinstance(stream, Stream):
                stream.trunk.load_imagenet(file)
    return model


def step_losses(network: nn.Module, batch: Mapping[str, Tensor], variant: Variant) -> dict[str, Tensor]:
    """Return the losses of a batch of `FaceSamples`, as `training_losses` does."""
    out = network(**network_inputs(batch, variant), auxiliary=True)
    return training_losses(out, batch["normalised_gaze"], batch["original_gaze"], batch["zone"])


def validate(
    network: nn.Module, samples: FaceSamples, config: GazeConfig, coarse: NDArray[np.int64] | None
) -> dict[str, float]:
    """Return the mean angular error in degrees and, of each zone head, the shares of right fine and coarse zones.

    Samples that look elsewhere do not count for the coarse ones, as in the paper.

    Args:
        network: in evaluation mode.
        samples: the held-out fold.
        config: the network's settings.
        coarse: (Z,) coarse zone of each fine one; None if unknown.
    """
    found = predict_fold(network, samples, config)
    gazes = (official_vectors(gaze) for gaze in (found.gaze, samples.labels["normalised_gaze"].numpy()))
    values, truth = {"angular_error": float(angle_between(*gazes).mean())}, samples.labels["zone"].numpy()
    for head, zone in found.zones.items():
        values[f"zone {head}"] = float((zone == truth).mean())
        if coarse is not None and (somewhere := coarse[truth] > 0).any():
            values[f"coarse zone {head}"] = float((coarse[zone] == coarse[truth])[somewhere].mean())
    return values
