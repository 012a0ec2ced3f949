"""The training configuration and one training step; the loop itself is `visioncore.training`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, fit

from ..data.photos import DimPhotos, read_photos
from ..data.synthetic import make_photos
from ..method import PACKAGE
from ..network.config import BrighterConfig
from ..network.losses import training_losses
from ..network.model import Brighter


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, batch, optimizer, precision, run states.
        model: the network.
    """

    loop: LoopConfig
    model: BrighterConfig = field(default_factory=BrighterConfig)


def train(
    recipe: str | Path, data: str | Path | None, out: str | Path, overrides: Mapping[str, str] | None = None
) -> FitResult:
    """Train a network; the same call goes on with a run that was interrupted.

    Args:
        recipe: name of a shipped recipe or path of a YAML file.
        data: a folder of bright photos; None for synthetic ones.
        out: the run's folder; ``out/last`` holds the weights.
        overrides: recipe fields by dotted name.

    Raises:
        InputError: if the recipe or the data is not what it should be, or ``out`` cannot be written.
    """
    config = load_recipe(TrainConfig, PACKAGE, recipe, overrides)
    return fit(
        Brighter(config.model),
        lambda network, batch: training_losses(network(batch["dim"]), batch["bright"]),
        DimPhotos(make_photos(16) if data is None else read_photos(data)),
        config=config.loop,
        out=Path(out),
    )
