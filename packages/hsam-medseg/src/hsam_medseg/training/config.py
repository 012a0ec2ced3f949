"""The training configuration: what a recipe says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..network.config import HSAMConfig

VOLUMES_PER_SEED = 1000
"""Synthetic volumes to train on have seeds of their own, so many for each seed of the data."""
HELD_OUT_SEED = 10_000
"""Synthetic volumes from this seed on are never trained on."""


@dataclass(frozen=True)
class DataConfig:
    """Training data.

    Attributes:
        kind: slices of scans, from a ``folder`` that `prepare` wrote or Synapse's own, or ``synthetic`` volumes.
        listed: which list of slices of Synapse's folder: ``train``, or ``train_220`` for the published 10 %.
        cases: which cases: a published list by its name (see `fewshot.PUBLISHED`), or one case; None for all.
        slices: which part of their slices is trained on, in (0, 1].
        foreground: only slices with a class on them.
        balanced: draw slices so that every class is seen about as often; else each is drawn once an epoch.
        augmented: how often a slice is turned, cropped or bent at random, from 0 to 1, which is published.
        held_out: volumes that are validated on instead of trained on; 0 for none, as published.
        folds: deal the cases into so many parts, see `few_shot.deal`, and hold out one of them instead; 0 for not.
        fold: which part, from 0.
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
    folds: int = 0
    fold: int = 0
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
        if self.folds < 0 or self.folds == 1 or not 0 <= self.fold < max(self.folds, 1):
            raise InputError(
                f"data.fold is {self.fold} of data.folds {self.folds}; there must be 2 folds or more, counted from 0"
            )
        if self.folds and self.kind == "synthetic":
            raise InputError(
                f"data.folds is {self.folds}; of synthetic volumes there are none, set data.kind to folder"
            )
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
        loop: steps, batch, optimizer, precision, run states. The Dice loss is of what is in memory at a time, as is
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
