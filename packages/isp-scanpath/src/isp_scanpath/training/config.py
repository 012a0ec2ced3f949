"""The training configuration: what a recipe says."""

from __future__ import annotations

from dataclasses import dataclass, field

from visioncore.configs import check_most
from visioncore.errors import InputError
from visioncore.training import LoopConfig

from ..network.config import ChenLSTMConfig, Config, GazeformerConfig


@dataclass(frozen=True)
class PolicyConfig:
    """The second phase, in which the network is rewarded for samples that match the observer's scanpath.

    Attributes:
        first_step: of the phase, counted from 0; None for supervised training only.
        samples: drawn of each scanpath.
        min_length: steps before which no sample stops.
        most_seconds: longer durations count as so many seconds.
        rate: learning rate at the start of the phase, over that of the recipe.
    """

    first_step: int | None = None
    samples: int = 5
    min_length: int = 1
    most_seconds: float = 100.0
    rate: float = 0.1

    def __post_init__(self) -> None:
        if self.first_step is not None and self.first_step < 0:
            raise InputError(f"policy.first_step is {self.first_step}; it must be at least 0, or none")
        if self.samples < 2:
            raise InputError(f"policy.samples is {self.samples}; it takes 2 to tell better from worse")
        if self.min_length < 0 or not self.most_seconds > 0 or not self.rate > 0:
            raise InputError("policy.min_length must be at least 0, policy.most_seconds and policy.rate above 0")
        check_most(self, "policy.", samples=1000)


@dataclass(frozen=True)
class TrainConfig:
    """A recipe; it has either of the two networks.

    Attributes:
        loop: steps, images in a batch (each with all its observers), optimizer, precision, run states.
        chen_lstm: settings of ChenLSTM-ISP.
        gazeformer: settings of Gazeformer-ISP.
        policy: the second phase.
        individual: whether the network is told who looks; if not, it is the same network for everyone.
        frame: width and height that rewards and validation are measured in; default: the authors' for the network.
        first_pixel: coordinate of the first pixel in targets; default: that of the data set.
        duration_weight: of the loss of durations, beside that of actions.
    """

    loop: LoopConfig
    chen_lstm: ChenLSTMConfig | None = None
    gazeformer: GazeformerConfig | None = None
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    individual: bool = True
    frame: tuple[int, int] | None = None
    first_pixel: int | None = None
    duration_weight: float = 1.0

    def __post_init__(self) -> None:
        if (self.chen_lstm is None) == (self.gazeformer is None):
            raise InputError("a recipe has either chen_lstm or gazeformer")
        if self.policy.first_step is not None and self.policy.first_step >= self.loop.steps:
            raise InputError(f"policy.first_step is {self.policy.first_step}; loop.steps ends at {self.loop.steps}")
        if self.frame is not None and min(self.frame) < 16:
            raise InputError(f"frame is {self.frame}; it must be a width and height of at least 16 pixels")
        if self.duration_weight < 0:
            raise InputError(f"duration_weight is {self.duration_weight}; it must be at least 0")

    @property
    def network(self) -> Config:
        """The settings of the network."""
        config = self.chen_lstm or self.gazeformer
        assert config is not None
        return config
