"""Training an encoder from photos alone, for networks that CLIP's own weights do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.images.photo_cache import Photos
from visioncore.recipes import load_recipe
from visioncore.training import FitResult, LoopConfig, describe_run, fit

from ..data.datasets import find_photos
from ..method import METHOD, PACKAGE
from .contrastive import ContrastiveConfig, ContrastiveTower, Views, contrastive_loss


@dataclass(frozen=True)
class PretrainConfig:
    """A recipe for an encoder.

    Attributes:
        loop: steps, batch (in photos, of two views each), optimizer, precision, run states.
        model: the tower.
        side: of the views, in pixels.
        temperature: of the loss, see `contrast.contrastive_loss`.
        cache_mb: memory for decoded photos in each loading process.

    Raises:
        InputError: if a value is out of its range.
    """

    loop: LoopConfig
    model: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    side: int = 64
    temperature: float = 0.1
    cache_mb: int = 1024

    def __post_init__(self) -> None:
        if self.side < 32:
            raise InputError(f"side is {self.side}; it must be at least 32")
        if not self.temperature > 0:
            raise InputError(f"temperature is {self.temperature}; it must be above 0")
        if self.cache_mb < 0:
            raise InputError(f"cache_mb is {self.cache_mb}; it must be at least 0")
        if self.loop.batch_size < 2 * self.loop.accumulate:
            raise InputError(
                f"loop.batch_size is {self.loop.batch_size} and loop.accumulate {self.loop.accumulate}; the first must "
                "be at least twice the second, for photos are told from others of the same part of a batch"
            )


def pretrain(
    data: str | Path,
    out: str | Path,
    *,
    recipe: str | Path = "encoder",
    overrides: Mapping[str, str] | None = None,
    resume: bool = True,
) -> FitResult:
    """Train an encoder on clean photos; an interrupted run is resumed.

    Args:
        data: folder of clean photos.
        out: the run's folder; ``out/last/model.safetensors`` is what `train` takes as ``clip``.
        recipe: name of a shipped recipe or path of a YAML file.
        overrides: recipe fields by dotted name, such as ``{"loop.steps": "1000"}``.
        resume: go on from the newest run state in ``out``; False removes an earlier run.

    Raises:
        InputError: if the recipe or the data is not what it should be, there are fewer photos than a batch takes, or
            ``out`` holds another run or cannot be written.
        visioncore.training.TrainingDiverged: if the loss is no longer finite.
    """
    config = load_recipe(PretrainConfig, PACKAGE, recipe, overrides)
    photos = find_photos(data)
    if len(photos) < config.loop.batch_size:
        raise InputError(
            f"{data}: {len(photos)} photos, but loop.batch_size is {config.loop.batch_size}; a batch must be of "
            "different photos"
        )
    torch.manual_seed(config.loop.seed)
    model = ContrastiveTower(config.model)

    def losses(network: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"contrastive": contrastive_loss(network(batch["views"].flatten(0, 1)), config.temperature)}

    return fit(
        model,
        losses,
        Views(photos, config.side, Photos(config.cache_mb)),
        config=config.loop,
        out=Path(out),
        resume=resume,
        run_description=describe_run(f"{METHOD.name} encoder", config, images=len(photos)),
    )
