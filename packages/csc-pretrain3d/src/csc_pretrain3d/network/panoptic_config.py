"""Configuration of the panoptic network."""

from __future__ import annotations

from dataclasses import dataclass, field

from visioncore.configs import check_most
from visioncore.errors import InputError

from .config import Cylinder3DConfig


@dataclass(frozen=True)
class PanopticConfig:
    """Settings of the panoptic network; the defaults are those of nuScenes.

    Attributes:
        backbone: of the network over cells; its point network is 256 wide where it was not pre-trained.
        classes: how many there are, the last of which is "none" and ignored.
        things: how many of the first classes are things, whose instances are told apart.
        width: channels of the bird's-eye network's first stage.
        dropped: share of the bird's-eye features that training drops in blocks.
        block: cells along a side of a block.

    Raises:
        InputError: if a value is out of its range.
    """

    backbone: Cylinder3DConfig = field(default_factory=lambda: Cylinder3DConfig(point_channels=256))
    classes: int = 17
    things: int = 10
    width: int = 64
    dropped: float = 0.5
    block: int = 7

    def __post_init__(self) -> None:
        if not 1 <= self.things < self.classes:
            raise InputError(f"things is {self.things}; it must be from 1 to below the {self.classes} classes")
        if self.width < 2 or self.width % 2 or not 0 <= self.dropped < 1 or self.block < 1 or self.block % 2 == 0:
            raise InputError(
                f"width is {self.width}, dropped {self.dropped} and block {self.block}; they must be even, a share "
                "from 0 to below 1, and odd"
            )
        check_most(self, classes=4096, width=1024, block=99)

    @property
    def ignore(self) -> int:
        """The class that is none."""
        return self.classes - 1
