"""The training configuration: the contents of a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..data.augmentation import AugmentationConfig
from ..data.splits import SplitBy
from ..network.config import AnimationConfig

Stage = Literal["autoencoder", "motion", "frame"]

PIXELS = "pixels"
LEAST_FOR_VGG = 128
"""Pixels; at an eighth of it, the last features of VGG-19 are one pixel."""


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, samples in a batch, optimizer, precision, run states.
        stage: ``autoencoder`` from pairs of frames; ``motion``, the denoiser of the motion that a trained auto-encoder
            finds in clips; ``frame``, the denoiser of features of frames that this motion makes.
        model: settings of the networks; those that are trained already have the settings of their weights.
        stride: frames of a clip from one that is taken to the next.
        fps: frames per second to take from videos; none for those that they have.
        split: of the clips that a list names; empty for all.
        skip_broken: whether clips that cannot be read or are too short are left out, and not the end of the run.
        hold_by: what is held out for validation where none is given: clips by ``name``, or by ``group`` or ``label``.
        held_out: share of them that is held out.
        held_out_names: which ones, instead of a share.
        cache_mb: memory for decoded frames in each process that loads them.
        perceptual: file with torchvision's weights of VGG-19, or the name of a fetched one, by whose features frames
            are compared; or ``pixels``, for colours alone.
        augmentation: random changes of pairs.
        milestones: steps at which the learning rate falls to a tenth; none for half a cosine.
        windows: runs of ``model.frames`` frames that are taken of each clip, whose motion is kept.
        drop: share of the samples whose condition is left out.

    Raises:
        InputError: if a value is out of its range, or one does not fit another.
    """

    loop: LoopConfig
    stage: Stage = "autoencoder"
    model: AnimationConfig = field(default_factory=AnimationConfig)
    stride: int = 1
    fps: float | None = None
    split: str = ""
    skip_broken: bool = False
    hold_by: SplitBy = "name"
    held_out: float = 0.1
    held_out_names: tuple[str, ...] = ()
    cache_mb: int = 0
    perceptual: str = PIXELS
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    milestones: tuple[int, ...] = ()
    windows: int = 1
    drop: float = 0.1

    def __post_init__(self) -> None:
        for name in ("stride", "windows"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        check_most(self, stride=10_000, windows=100_000, cache_mb=2**20)
        if self.cache_mb < 0:
            raise InputError(f"cache_mb is {self.cache_mb}; it must be at least 0")
        if not 0 <= self.drop < 1:
            raise InputError(f"drop is {self.drop}; it must be from 0 to below 1")
        if self.stage == "autoencoder":
            side, multiple = self.model.autoencoder.side, self.model.autoencoder.multiple
            if side % multiple:
                raise InputError(f"model.autoencoder.side is {side}; here it must be a multiple of {multiple}")
            if self.perceptual != PIXELS and side < LEAST_FOR_VGG:
                raise InputError(
                    f"model.autoencoder.side is {side}; VGG-19 needs at least {LEAST_FOR_VGG}; below it set perceptual "
                    f"{PIXELS}"
                )
