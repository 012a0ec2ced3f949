"""Results: a denoised image or CT volume, with ``save`` and ``plot``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.images import Image
from visioncore.inference.result import BaseResult, ImageResult, keep_source, result_path
from visioncore.medical import Volume, as_given
from visioncore.report import figure_grid

from ..data.ct import write_ct
from ..data.noise_level import estimate_sigma

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

SOFT_TISSUE = (-160.0, 240.0)
"""HU shown black and white in figures."""
DIFFERENCE = 100.0
"""HU of a change shown black (less) or white (more) in figures."""


class Denoised(BaseResult):
    """A denoised image or CT volume."""


class Prediction(ImageResult, Denoised):
    """An image and its denoised version."""

    names = "noisy", "denoised"

    @cached_property
    def noise_sigma(self) -> float:
        """The estimated standard deviation of independent noise in the input, for values in [0, 1]."""
        pixels = self.before.pixels.astype(np.float32)
        return estimate_sigma(pixels[..., :1] if self.before.grey else pixels) / (2**self.before.bits - 1)

    @property
    def noisy(self) -> Image:
        """The input."""
        return self.before

    @property
    def denoised(self) -> Image:
        """The result, with the depth, alpha, colour profile and EXIF of what was given."""
        return self.after


@dataclass(frozen=True, eq=False, repr=False)
class CTPrediction(Denoised):
    """A CT volume and its denoised version.

    Attributes:
        noisy: what was given.
        hu: the result, (D, H, W) float32 in Hounsfield units, in the place of what was given.
    """

    noisy: Volume
    hu: NDArray[np.float32]

    @property
    def source(self) -> Path | None:  # type: ignore[override]
        """The file or folder it came from, if it came from one."""
        return self.noisy.source

    def as_given(self) -> Any:
        """Return the result as what was given: an image of nibabel or SimpleITK, an array in its order; else a volume.

        Raises:
            InputError: if it cannot hold it.
        """
        return as_given(self.noisy.with_voxels(self.hu))

    @property
    def values(self) -> NDArray[np.float32]:
        return self.hu

    def __str__(self) -> str:
        slices, rows, columns = self.hu.shape
        return f"{slices} slices of {columns} x {rows} in HU"

    def save(self, target: str | Path) -> Path:
        """Write the result as the source was stored, see `ct.write_ct`, and return where it is.

        Args:
            target: for a scan from a file: a file, or a folder in which the name is that of the source. For a DICOM
                series: the folder for its files.

        Raises:
            InputError: if that is the source itself, or cannot be written.
        """
        path = Path(target)
        if self.source is not None and self.source.is_dir():
            keep_source(path, self.source, "noisy scan")
        else:
            path = result_path(path, self.source.name if self.source else "denoised.npy", self.source, "noisy scan")
        write_ct(path, self.hu, self.noisy)
        return path

    def plot(self, path: str | Path | None = None, index: int | None = None) -> Figure:
        """Draw a slice, by default the middle one: before, after, and the noise that was removed.

        The figure is returned, and written to ``path`` if one is given. Shown are soft tissue, -160 to 240 HU, and
        changes up to 100 HU, turned as the file has them.

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
        return figure_grid([*panels, ("difference", taken)], path)
