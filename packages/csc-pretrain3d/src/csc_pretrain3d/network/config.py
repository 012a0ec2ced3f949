"""Configuration of the network, and the published variants."""

from __future__ import annotations

from dataclasses import dataclass

from visioncore.configs import check_most
from visioncore.errors import InputError


@dataclass(frozen=True)
class CSCConfig:
    """The network's settings; the defaults are the paper's.

    Attributes:
        channels: of the images, 3 for RGB.

    Raises:
        InputError: if there are no channels, or too many.
    """

    channels: int = 3

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise InputError(f"channels is {self.channels}; it must be at least 1")
        check_most(self, channels=1024)


VARIANTS: dict[str, CSCConfig] = {"rgb": CSCConfig()}
"""The published variants by name."""
