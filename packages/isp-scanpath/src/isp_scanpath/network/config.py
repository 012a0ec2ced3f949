"""Configurations of the two networks, and the eight published variants."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from visioncore.configs import check_most
from visioncore.errors import InputError, some

CATEGORIES = (
    *("bottle", "bowl", "car", "chair", "clock", "cup", "fork", "keyboard", "knife", "laptop", "microwave", "mouse"),
    *("oven", "potted plant", "sink", "stop sign", "toilet", "tv"),
)
"""Targets of COCO-Search18, in the order of their indices."""

MEAN_OBSERVER = "mean"
"""Name of the average observer, who stands for anyone the network does not know."""

CELL = 8
"""Sides of a cell of ChenLSTM's map in pixels of its input."""


@dataclass(frozen=True)
class ChenLSTMConfig:
    """Settings of ChenLSTM-ISP; the defaults are those of OSIE.

    Attributes:
        observers: how many the network knows.
        steps: longest scanpath T.
        action_maps: maps K that are predicted at every step and mixed for the observer.
        categories: targets of a search, each with a layer of its own before the head; none for other tasks.
        grid: rows and columns of the map; images have 8 times as many.
        channels: of visual features and of the recurrent state.
        observer_channels: numbers that describe an observer.
        hidden: width inside the attention layers and the observer's two MLPs.
        width: channels of the backbone's first layer; its output has 32 times as many.
        blocks: of the backbone's four stages.
        observer_std: standard deviation of the observers' vectors before training.
        names: of these observers, in the order of their vectors; none where they are not known, as in the authors'
            checkpoints.

    Raises:
        InputError: if a value is out of its range.
    """

    observers: int = 15
    steps: int = 16
    action_maps: int = 4
    categories: tuple[str, ...] = ()
    grid: tuple[int, int] = (30, 40)
    channels: int = 512
    observer_channels: int = 128
    hidden: int = 256
    width: int = 64
    blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    observer_std: float = 1.0
    names: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        _check(self)
        if len(self.blocks) != 4 or min(self.blocks) < 1:
            raise InputError(f"blocks is {self.blocks}; it must be four numbers, one a stage, each at least 1")
        if min(self.grid) < 3:
            raise InputError(f"grid is {self.grid}; the head needs at least 3 rows and 3 columns")
        if len(set(self.categories)) < len(self.categories):
            raise InputError(f"categories is {self.categories}; each may be there once")

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return CELL * self.grid[0], CELL * self.grid[1]


@dataclass(frozen=True)
class GazeformerConfig:
    """Settings of Gazeformer-ISP; the defaults are those of OSIE.

    Attributes:
        observers: how many the network knows.
        steps: longest scanpath T.
        action_maps: maps K that are predicted for every step and mixed for the observer.
        grid: rows and columns of the features, and of the maps.
        feature_channels: of the frozen features.
        text_channels: numbers in the embedding of the task.
        channels: inside the transformer, a multiple of 4.
        heads: of its attention, a divisor of ``channels``.
        feed_forward: width of its feed-forward networks.
        encoder_layers: how many.
        decoder_layers: how many.
        observer_channels: numbers that describe an observer.
        hidden: width inside the guided attention and the observer's two MLPs.
        dropout: of encoder, decoder, output with maps, and the observer's MLPs.
        observer_std: standard deviation of the observers' vectors and of the step queries before training.
        names: of these observers, in the order of their vectors; none where they are not known, as in the authors'
            checkpoints.

    Raises:
        InputError: if a value is out of its range.
    """

    observers: int = 15
    steps: int = 16
    action_maps: int = 4
    grid: tuple[int, int] = (24, 32)
    feature_channels: int = 2048
    text_channels: int = 768
    channels: int = 512
    heads: int = 8
    feed_forward: int = 512
    encoder_layers: int = 6
    decoder_layers: int = 6
    observer_channels: int = 128
    hidden: int = 256
    dropout: tuple[float, float, float, float] = (0.1, 0.2, 0.4, 0.1)
    observer_std: float = 1.0
    names: tuple[str, ...] = field(default=(), repr=False)
    categories: tuple[str, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        _check(self)
        if self.channels % 4 or self.channels % self.heads:
            raise InputError(f"channels is {self.channels}; it must be a multiple of 4 and of the {self.heads} heads")
        if len(self.dropout) != 4 or not all(0 <= share < 1 for share in self.dropout):
            raise InputError(f"dropout is {self.dropout}; it must be four shares from 0 to below 1")


Config = ChenLSTMConfig | GazeformerConfig


def _check(config: Config) -> None:
    for each in fields(config):
        value = getattr(config, each.name)
        if isinstance(value, list):
            object.__setattr__(config, each.name, tuple(value))
        if isinstance(value, int) and value < 1:
            raise InputError(f"{each.name} is {value}; it must be at least 1")
    if len(config.grid) != 2 or min(config.grid) < 1:
        raise InputError(f"grid is {config.grid}; it must be rows and columns, each at least 1")
    if not (config.observer_std > 0 and math.isfinite(config.observer_std)):
        raise InputError(f"observer_std is {config.observer_std}; it must be a positive number")
    if config.names and len(config.names) != config.observers:
        raise InputError(
            f"names are {len(config.names)}; there must be one for each of the {config.observers} observers"
        )
    if len(set(config.names)) < len(config.names) or not {"", MEAN_OBSERVER}.isdisjoint(config.names):
        raise InputError(f"names are {some(config.names)}; each must be there once, none be empty or {MEAN_OBSERVER}")
    check_most(config, observers=100_000, steps=1000, action_maps=64, grid=256, channels=4096, hidden=4096)


VARIANTS: dict[str, Config] = {
    "chenlstm-osie": ChenLSTMConfig(),
    "chenlstm-osie-asd": ChenLSTMConfig(observers=39, action_maps=6),
    "chenlstm-air": ChenLSTMConfig(observers=20, observer_std=0.1),
    "chenlstm-coco-search18": ChenLSTMConfig(observers=10, steps=7, categories=CATEGORIES, observer_std=0.001),
    "gazeformer-osie": GazeformerConfig(),
    "gazeformer-osie-asd": GazeformerConfig(observers=39, action_maps=5),
    "gazeformer-air": GazeformerConfig(observers=20),
    "gazeformer-coco-search18": GazeformerConfig(observers=10, steps=7, grid=(20, 32), observer_std=0.01),
}
"""The published variants by name: the base predictor, then the data set."""
