"""What comes out: a picture or a CT volume with less noise, to be saved and looked at."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.medical import Volume
from visioncore.report import figure_grid

from ..data.ct import write_ct

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOFT_TISSUE = (-160.0, 240.0)
"""HU shown black and white in figures."""
DIFFERENCE = 100.0
"""HU of a change shown black (less) or white (more) in figures."""


class Denoised(ABC):
    """A picture or a CT volume with less noise."""

    @abstractmethod
    def save(self, target: str | Path) -> Path:
        """Write the result to a file or into a folder, and return where it is."""

    @abstractmethod
    def plot(self, path: str | Path) -> None:
        """Write a figure of before and after."""


@dataclass(frozen=True, eq=False)
class Prediction(Denoised):
    """A picture, and the same with less noise.

    Attributes:
        noisy: what was given.
        denoised: the result, with the depth, alpha, colour profile and EXIF of what was given.
        source: the file it came from, if it came from one.
    """

    noisy: Image
    denoised: Image
    source: Path | None = None

    @property
    def pixels(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """The result as (H, W, 3) RGB in the depth of the input."""
        return self.denoised.pixels

    def save(self, target: str | Path) -> Path:
        """Write the result to a file, or as ``<name of the source>.png`` into a folder, and return where it is.

        Raises:
            InputError: if that is the source itself, or cannot be written.
        """
        target = Path(target)
        if target.is_dir() or not target.suffix:
            target = target / f"{self.source.stem if self.source else 'denoised'}.png"
        _spare(self.source, target)
        write_image(target, self.denoised)
        return target

    def plot(self, path: str | Path) -> None:
        """Write a figure of before and after."""
        figure_grid([("noisy", self.noisy.pixels), ("denoised", self.denoised.pixels)], path)


@dataclass(frozen=True, eq=False)
class CTPrediction(Denoised):
    """A CT volume, and the same with less noise.

    Attributes:
        noisy: what was given.
        hu: the result, (D, H, W) float32 in Hounsfield units, in the place of what was given.
    """

    noisy: Volume
    hu: NDArray[np.float32] = field(repr=False)

    @property
    def source(self) -> Path | None:
        """The file or folder it came from, if it came from one."""
        return self.noisy.source

    def save(self, target: str | Path) -> Path:
        """Write the result as the source was stored, see `ct.write_ct`, and return where it is.

        Args:
            target: for a scan from a file: a file, or a folder in which the name is that of the source. For a DICOM
                series: the folder for its files.

        Raises:
            InputError: if that is the source itself, or cannot be written.
        """
        target = Path(target)
        series = self.source is not None and self.source.is_dir()
        if not series and (target.is_dir() or not target.suffix):
            target = target / (self.source.name if self.source else "denoised.npy")
        _spare(self.source, target)
        write_ct(target, self.hu, self.noisy)
        return target

    def plot(self, path: str | Path, index: int | None = None) -> None:
        """Write a figure of a slice, the middle one if ``index`` does not say: before, after, and what was taken away.

        Shown are soft tissue, -160 to 240 HU, and changes up to 100 HU, turned as the file has them.

        Raises:
            InputError: if there is no such slice, or the figure cannot be written.
        """
        index = len(self.hu) // 2 if index is None else index
        if not 0 <= index < len(self.hu):
            raise InputError(f"slice {index}: the volume has slices 0 to {len(self.hu) - 1}")
        low, high = SOFT_TISSUE
        before, after = self.noisy.voxels[index], self.hu[index]
        taken = (before - after + DIFFERENCE) / (2 * DIFFERENCE)
        panels = [("noisy", (before - low) / (high - low)), ("denoised", (after - low) / (high - low))]
        figure_grid([*panels, ("difference", taken)], path)


def _spare(source: Path | None, target: Path) -> None:
    if source is not None and target.resolve() == source.resolve():
        raise InputError(f"{target}: this is the noisy original itself; name another file or folder")
