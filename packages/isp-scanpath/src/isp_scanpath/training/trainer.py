"""Training data, validation and the run; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, describe_run, fit
from visioncore.weights.fetched import backbone_file
from visioncore.weights.state_dicts import load_into

from ..data.datasets import read_scanpaths
from ..data.inputs import Inputs, inputs_for
from ..data.samples import ScanpathSamples
from ..data.synthetic import write_synthetic
from ..data.trials import ScanpathData, Trial
from ..inference.running import predict_trials, published_frame
from ..method import METHOD, PACKAGE
from ..network.config import Config
from ..network.imagenet import start_from_imagenet
from ..network.model import ISP, ChenLSTMISP
from ..network.scanmatch import scanmatch
from ..network.scanpaths import Frame
from ..network.weights import load_model
from .config import TrainConfig
from .schedule import published_schedule
from .steps import TrainingStep

SYNTHETIC = 1000
"""Training images that are made where no data is given."""


def train(
    recipe: str | Path,
    data: str | Path | None = None,
    out: str | Path = "run",
    *,
    images: str | Path | None = None,
    features: str | Path | None = None,
    texts: str | Path | None = None,
    weights: str | Path | None = None,
    imagenet: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
) -> FitResult:
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: scanpaths, whatever `read_scanpaths` takes; without it synthetic ones are made, to try it out.
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights.
        images: the folder of photos, for ChenLSTM; OSIE's is found beside its scanpaths.
        features: the folder of stored features, for Gazeformer.
        texts: embeddings of tasks, for Gazeformer, as `read_texts` takes them; default: zeros for free viewing.
        weights: start from a trained network of the recipe's shape, whatever `load_model` takes.
        imagenet: start the backbone of a ChenLSTM from torchvision's ResNet-50: its file, or a name of weights list.
        validation: scanpaths of the same observers to validate on; default: those of the validation split, or of a
            tenth of the images where there is none.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.

    Raises:
        InputError: if the recipe or the data is not what it should be, or ``out`` holds another run or cannot be
            written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    if data is None:
        given = {"images": images, "features": features, "texts": texts, "validation": validation}
        if named := [name for name, value in given.items() if value is not None]:
            raise InputError(f"{named[0]} belongs to data, which is missing")
        with TemporaryDirectory() as folder:
            data = write_synthetic(Path(folder), SYNTHETIC)
            more = {"weights": weights, "imagenet": imagenet, "overrides": overrides, "resume": resume}
            return train(recipe, data, out, images=Path(folder) / "images", **more)  # type: ignore[arg-type]
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    scanpaths = read_scanpaths(data, images)
    other = None if validation is None else read_scanpaths(validation, images)
    start = None if weights is None else load_model(weights)
    if config.individual and (start is not None or config.network.names):
        scanpaths = scanpaths.as_known_to(config.network if start is None else start.config)
    network = _fitting(config, scanpaths)
    frame = published_frame(network) if config.frame is None else Frame(*config.frame)
    inputs = inputs_for(network, scanpaths, features, texts)
    judged_inputs = inputs if other is None else inputs_for(network, other, features, texts)
    trained, held_out = scanpaths.training_parts(other)
    torch.manual_seed(config.loop.seed)
    model = ISP(network)
    if imagenet is not None:
        if weights is not None or not isinstance(model, ChenLSTMISP):
            raise InputError("imagenet is for a ChenLSTM that starts without weights, which bring their own backbone")
        start_from_imagenet(model.backbone, backbone_file(METHOD, imagenet))
    if start is not None:
        load_into(model, start.state_dict(), where=str(weights))
    return fit(
        model,
        TrainingStep(config, frame),
        ScanpathSamples(
            scanpaths, trained, inputs, network, frame, individual=config.individual, first_pixel=config.first_pixel
        ),
        config=config.loop,
        out=Path(out),
        learning_rate=published_schedule(config),
        validate=lambda net: validate(
            net, network, other or scanpaths, held_out, judged_inputs, frame, individual=config.individual
        ),
        best="scanmatch_validation",
        resume=resume,
        run_description=describe_run(
            METHOD.name,
            config,
            {"weights": weights, "imagenet": imagenet, "validation": validation},
            scanpaths=len(trained),
        ),
        memory_advice="a smaller loop.batch_size, loop.precision bfloat16",
    )


def validate(
    network: nn.Module,
    config: Config,
    data: ScanpathData,
    trials: list[Trial],
    inputs: Inputs,
    frame: Frame,
    *,
    individual: bool = True,
) -> dict[str, float]:
    """Return the harmonic mean of ScanMatch without and with duration, of one sample for each trial, and both."""
    (predicted,) = predict_trials(network, config, trials, inputs, frame, (0,), individual=individual)
    reference = data.scaled(trials, frame)
    without, with_duration = (
        scanmatch(predicted, reference, frame, with_duration=which).mean() for which in (False, True)
    )
    both = without + with_duration
    return {
        "scanmatch_validation": float(2 * without * with_duration / both) if both else 0.0,
        "scanmatch_without_duration": float(np.mean(without)),
        "scanmatch_with_duration": float(np.mean(with_duration)),
    }


def _fitting(config: TrainConfig, data: ScanpathData) -> Config:
    """Return the settings of a recipe's network for the observers of the data."""
    network = config.network
    if not config.individual:
        return replace(network, observers=1, names=())
    if network.observers < len(data.observers):
        raise InputError(
            f"{data.source}: has {len(data.observers)} observers; the recipe's network knows {network.observers}: set "
            "its observers"
        )
    # a vector that nobody's scanpaths train would be part of the mean
    return replace(network, observers=len(data.observers), names=data.observers)
