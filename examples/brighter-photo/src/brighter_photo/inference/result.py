"""The result: a bright photo, to be saved and looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from visioncore.images import Image, write_image
from visioncore.report import figure_grid


@dataclass(frozen=True, eq=False)
class Result:
    """A photo and the same bright.

    Attributes:
        dim: what was given.
        bright: the result, with the depth, alpha, colour profile and EXIF of what was given.
    """

    dim: Image
    bright: Image

    def save(self, path: str | Path) -> None:
        """Write the bright photo.

        Raises:
            InputError: if it cannot be written.
        """
        write_image(path, self.bright)

    def plot(self, path: str | Path) -> None:
        """Write a figure of before and after."""
        figure_grid([("dim", self.dim.pixels), ("bright", self.bright.pixels)], path)
