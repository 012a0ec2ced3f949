"""The training configuration: the contents of a recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..data.augmentation import AugmentationConfig
from ..network.config import Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from ..network.image_config import ImageBranchConfig

Stage = Literal["pretrain", "finetune", "probe", "panoptic"]


@dataclass(frozen=True)
class SGDConfig:
    """Stochastic gradient descent with momentum; its weight decay is that of the loop."""

    momentum: float = 0.9
    dampening: float = 0.1

    def __post_init__(self) -> None:
        if not (0 <= self.momentum < 1 and 0 <= self.dampening < 1):
            raise InputError("sgd.momentum and sgd.dampening must be from 0 to below 1")


@dataclass(frozen=True)
class PrototypeConfig:
    """The consistency across scenes.

    Attributes:
        first_epoch: from which the term counts, from 0; before it the contrastive term is alone.
        every: epochs after which the prototypes are computed again, by a pass over all training frames.
        categories: of the segments, 1 to this number.
        official: row r holds category r + 2 and is the target of category r + 1, as in the authors' code, instead of
            both being category r + 1.
    """

    first_epoch: int = 5
    every: int = 5
    categories: int = 150
    official: bool = False

    def __post_init__(self) -> None:
        if self.first_epoch < 0 or self.every < 1 or self.categories < 2:
            raise InputError(
                "prototypes.first_epoch must be at least 0, prototypes.every at least 1, prototypes.categories 2"
            )
        check_most(self, "prototypes.", categories=100_000)


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: steps, scans in a batch, optimizer, precision, run states.
        stage: ``pretrain`` from images; ``finetune`` all weights on labelled scans; ``probe`` the last layer alone;
            ``panoptic`` fine-tunes a Cylinder3D on labelled scans with instances.
        model: settings of the LiDAR network; in all stages but the first, its outputs are the classes of the data.
        image: settings of the image branch, for pre-training.
        cached: keep the frozen encoder's features of every frame in memory; only where images do not vary.
        prototypes: the consistency across scenes; none for contrast inside a batch alone.
        temperature: of the contrastive term.
        trained_images: whether the image branch's decoder and the prototypes' head are trained too; the authors' script
            for Cylinder3D does not.
        augmentation: random changes of samples; in fine-tuning the scan alone is rotated and flipped.
        epoch_steps: steps of an epoch, between which the learning rate stays and prototypes age.
        milestones: epochs at which the learning rate is halved; none for half a cosine over all epochs.
        sgd: momentum of plain gradient descent; none for Adam with the settings of the loop.
        trunk_rate: learning rate of all but the last layer, over that of the last layer, in fine-tuning.
        semantic: ids of the data's segments mean the same category in every image.
        label_every: of the labelled training scenes, or scans, every n-th is used.
        label_unit: what is counted.
        lovasz: whether the Lovasz-Softmax is added to the cross entropy.
        official_panoptic: the means of the authors' panoptic losses, whose masks cancel out, instead of masked ones.

    Raises:
        InputError: if a value is out of its range, or one does not fit another.
    """

    loop: LoopConfig
    stage: Stage = "pretrain"
    model: MinkUNetConfig | VoxelNetConfig | Cylinder3DConfig = field(default_factory=MinkUNetConfig)
    image: ImageBranchConfig = field(default_factory=ImageBranchConfig)
    cached: bool = False
    prototypes: PrototypeConfig | None = field(default_factory=PrototypeConfig)
    temperature: float = 0.07
    trained_images: bool = True
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    epoch_steps: int = 1758
    milestones: tuple[int, ...] = ()
    sgd: SGDConfig | None = None
    trunk_rate: float = 1.0
    semantic: bool = True
    label_every: int = 1
    label_unit: Literal["scene", "scan"] = "scene"
    lovasz: bool = True
    official_panoptic: bool = False

    def __post_init__(self) -> None:
        for name in ("epoch_steps", "label_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not (self.temperature > 0 and math.isfinite(self.temperature)):
            raise InputError(f"temperature is {self.temperature}; it must be above 0")
        if not (self.trunk_rate > 0 and math.isfinite(self.trunk_rate)):
            raise InputError(f"trunk_rate is {self.trunk_rate}; it must be above 0")
        drawn = self.augmentation
        if self.cached and (drawn.crop < 1 or drawn.flip or drawn.cuboid):
            raise InputError("cached is for images that do not vary; set augmentation.crop 1, flip false and cuboid 0")
        if self.stage == "pretrain" and self.model.out_channels != self.image.channels:
            raise InputError(
                f"model.out_channels is {self.model.out_channels} and image.channels {self.image.channels}; points and "
                "pixels must have equally many"
            )
        if self.stage == "panoptic" and not isinstance(self.model, Cylinder3DConfig):
            raise InputError("stage panoptic is for a Cylinder3D; set fields of it in model, such as its grid")
