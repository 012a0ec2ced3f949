"""The training configuration and one training step; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.metrics.image import psnr
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, describe_run, fit, hold_out
from visioncore.weights.state_dicts import load_into

from ..data.photos import DimPhotos, read_photos
from ..data.synthetic import dim_photo, make_photos
from ..method import METHOD, PACKAGE
from ..network.config import CSCConfig
from ..network.losses import training_losses
from ..network.model import CSC
from ..network.weights import load_model

MOST_HELD_OUT = 100
"""Photos; more would make every validation long."""


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, batch, optimizer, precision, run states.
        model: the network.
        crop: side of the training samples in pixels.
        held_out: share of the photos kept for validation where no validation folder is given.

    Raises:
        InputError: if a value is out of its range.
    """

    loop: LoopConfig
    model: CSCConfig = field(default_factory=CSCConfig)
    crop: int = 64
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if self.crop < 1:
            raise InputError(f"crop is {self.crop}; it must be at least 1")
        if not 0 < self.held_out < 1:
            raise InputError(f"held_out is {self.held_out}; it must lie between 0 and 1")


def train(
    recipe: str | Path,
    data: str | Path | None,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    validation: str | Path | None = None,
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
) -> FitResult:
    """Train a network by a recipe; an interrupted run is resumed.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: a folder of bright photos; None for synthetic ones.
        out: the run's folder; ``out/best`` and ``out/last`` hold the weights.
        weights: start from a trained network of the recipe's shape, whatever `load_model` takes.
        validation: a folder of bright photos for validation; default: a share of the others is held out.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.

    Raises:
        InputError: if the recipe or the data is not what it should be, or ``out`` holds another run or cannot be
            written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    photos = make_photos(16) if data is None else read_photos(data)
    if validation is None:
        where = f"{data or 'synthetic'}: photos"
        split = hold_out(range(len(photos)), config.held_out, most=MOST_HELD_OUT, seed=config.loop.seed, where=where)
        photos, held_out = ([photos[index] for index in part] for part in split)
    else:
        held_out = read_photos(validation)
    model = CSC(config.model)
    if weights is not None:
        load_into(model, load_model(weights).state_dict(), where=str(weights))
    return fit(
        model,
        lambda network, batch: training_losses(network(batch["dim"]), batch["bright"]),
        DimPhotos(photos, config.crop),
        config=config.loop,
        out=Path(out),
        validate=lambda network: validate(network, held_out),
        best="psnr_validation",
        resume=resume,
        run_description=describe_run(METHOD.name, config, {"weights": weights}, photos=len(photos)),
    )


def validate(network: nn.Module, photos: Sequence[Tensor]) -> dict[str, float]:
    """Return the mean PSNR (RGB, dB) of photos that were dimmed, the same at every call, and made bright."""
    device, values = next(network.parameters()).device, []
    for index, photo in enumerate(photos):
        bright = network(dim_photo(photo, np.random.default_rng(index))[None].to(device)).clamp(0, 1)
        values.append(float(psnr(bright, photo[None], "colour")))
    return {"psnr_validation": float(np.mean(values))}
