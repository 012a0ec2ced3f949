"""The training configuration."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..data.augmentation import Augmentation
from ..data.mixing import Mixing
from ..network.config import ALTConfig
from ..network.losses import SMOOTHING


@dataclass(frozen=True)
class TrainConfig:
    """A recipe.

    Attributes:
        loop: batch, optimizer, precision, run states; ``learning_rate`` is that of new layers, ``steps`` the most of
            them.
        model: the network; of one that starts from CLIP or from weights, what those say of it counts instead.
        start: weights whose image tower, entities and labels a new adapter stands on, where neither weights nor CLIP
            are given: whatever `load_model` takes; empty for a network that is all new.
        epochs: the most passes over the videos; whichever of it and ``loop.steps`` is reached first ends the run.
        warmup_epochs: of the linear warm-up, where ``loop.warmup_steps`` is 0.
        tower_rate: learning rate of the image tower, as a share of that of new layers.
        freeze_backbone: train the adapter alone, which needs far less memory.
        shots: videos of each class that are drawn from the data; 0 for all.
        held_out: share of the videos kept for validation where no others are given.
        smoothing: share of a target that is spread over all classes.
        augmentation: of training clips.
        mixing: of training clips.

    Raises:
        InputError: if a value is out of its range.
    """

    loop: LoopConfig
    model: ALTConfig = field(default_factory=ALTConfig)
    start: str = ""
    epochs: int = 30
    warmup_epochs: float = 5.0
    tower_rate: float = 0.1
    freeze_backbone: bool = False
    shots: int = 0
    held_out: float = 0.1
    smoothing: float = SMOOTHING
    augmentation: Augmentation = field(default_factory=Augmentation)
    mixing: Mixing = field(default_factory=Mixing)

    def __post_init__(self) -> None:
        for name, holds, right in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("warmup_epochs", self.warmup_epochs >= 0, "at least 0"),
            ("tower_rate", 0 <= self.tower_rate <= 1, "from 0 to 1"),
            ("shots", self.shots >= 0, "at least 0"),
            ("held_out", 0 < self.held_out < 1, "between 0 and 1"),
            ("smoothing", 0 <= self.smoothing < 1, "from 0 to below 1"),
        ):
            if not holds:
                raise InputError(f"{name} is {getattr(self, name)}; it must be {right}")

    def loop_for(self, videos: int) -> LoopConfig:
        """Return the settings of the loop for a number of videos to train on."""
        epoch = videos / self.loop.batch_size
        steps = min(self.loop.steps, -int(-self.epochs * epoch // 1))
        warmup = self.loop.warmup_steps or round(self.warmup_epochs * epoch)
        return replace(self.loop, steps=max(steps, 1), warmup_steps=min(warmup, steps // 2))
