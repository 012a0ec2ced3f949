"""The training configuration: what a recipe says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..data.rain import Rain
from ..network.config import NeRDRainConfig
from ..network.model import MULTIPLE

MOST_HELD_OUT = 200
"""As many images as the test sets of Rain200L and Rain200H have; more would make every validation long."""


@dataclass(frozen=True)
class DataConfig:
    """Training data.

    Attributes:
        kind: ``pairs`` of rainy and clean images, or clean images on which ``synthetic`` rain falls.
        patch: side of the square patches in pixels, a multiple of 16.
        held_out: share of the clean images kept for validation where no validation folder is given, but no more than
            `MOST_HELD_OUT`; all rainy versions of a clean image stay on one side.
        validation_patch: side of the centre crop that validation looks at.
        cache_mb: memory for decoded images in each loading process.
        rain: the look of synthetic rain.
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
        check_most(self, "data.", patch=16384, validation_patch=65536, cache_mb=10**7)


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        model: the network.
        data: the samples.
        loop: steps, batch, optimizer, precision, run states.
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
