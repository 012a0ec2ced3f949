"""The result: images of one call, each with the settings it was made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.inference.result import BaseResult, result_path
from visioncore.report import figure_grid

from .png_settings import write_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIX = ".png"
"""Images are written as PNG alone, which holds their settings."""
_MOST_DRAWN = 8


@dataclass(frozen=True, eq=False, repr=False)
class Result(BaseResult):
    """Images in a style.

    ``np.asarray`` of a result is ``images``.

    Attributes:
        images: (n, H, W, 3) uint8: for each prompt as many as were asked for.
        settings: of each image, all that it depends on: prompt, seed, strengths, sampler, hashes of the weights and of
            the references.
        references: label and pixels (H, W, 3) of each reference, as far as the style was read from images.
        source: the file of the only reference, if there is one.
    """

    images: NDArray[np.uint8]
    settings: tuple[dict[str, Any], ...]
    references: tuple[tuple[str, NDArray[np.uint8]], ...] = ()
    source: Path | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def values(self) -> NDArray[np.uint8]:
        return self.images

    @property
    def flagged(self) -> tuple[bool, ...]:
        """Whether the base model's safety checker has made an image black."""
        return tuple(bool(settings.get("flagged")) for settings in self.settings)

    def __str__(self) -> str:
        count, height, width = self.images.shape[:3]
        prompts = list(dict.fromkeys(settings["prompt"] for settings in self.settings))
        first = prompts[0] if len(prompts[0]) <= 40 else f"{prompts[0][:40]}..."
        more = f" and {len(prompts) - 1} more prompts" if len(prompts) > 1 else ""
        return f"{count} image{'s' * (count != 1)} of {width} x {height}, {first!r}{more}"

    def save(self, target: str | Path) -> Path:
        """Write the images as PNG files that hold their settings, and return where.

        Args:
            target: a file, or a folder for ``<name of the reference>.png``; of several images each gets its number,
                ``name-0.png``.

        Raises:
            InputError: if a file has another suffix, is the reference itself, or cannot be written.
        """
        path = result_path(target, f"{self.source.stem if self.source else 'image'}{SUFFIX}", self.source, "reference")
        if path.suffix.lower() != SUFFIX:
            raise InputError(f"{path}: images are written as {SUFFIX}, which holds their settings; name such a file")
        paths = numbered(path, len(self))
        for each, pixels, settings in zip(paths, self.images, self.settings, strict=True):
            write_png(each, pixels, settings)
        return path if len(paths) == 1 else path.parent

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw references and images side by side, write the figure to ``path`` if one is given, and return it."""
        panels: list[tuple[str, NDArray[Any]]] = list(self.references[:_MOST_DRAWN])
        for pixels, settings in zip(self.images[:_MOST_DRAWN], self.settings, strict=False):
            panels.append((f"{settings['prompt'][:40]} (seed {settings['seed']})".strip(), pixels))
        return figure_grid(panels, path)


def numbered(path: Path, count: int) -> list[Path]:
    """Return the files of several images: a number from 0 behind the name of each, none behind that of one alone."""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(count)]


def joined(results: Sequence[Result]) -> Result:
    """Return the images of several results of one size as one.

    Raises:
        InputError: if there are none.
    """
    if not results:
        raise InputError("no results to join")
    return Result(
        np.concatenate([result.images for result in results]),
        tuple(settings for result in results for settings in result.settings),
        results[0].references,
        results[0].source,
    )
