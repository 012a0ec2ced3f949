"""Results of methods that generate: images of one call, each with the settings it was made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from ..errors import InputError
from ..images import IMAGE_SUFFIXES
from ..images.png_settings import write_png
from ..images.sixteen_bit import Pixels
from ..report import figure_grid
from .jobs import named_file
from .result import BaseResult, result_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIX = ".png"
"""Images are written as PNG alone, which holds their settings."""
MOST_DRAWN = 8


@dataclass(frozen=True, eq=False, repr=False)
class Generated(BaseResult):
    """Images that were made by a prompt; ``np.asarray`` of a result is ``images``.

    Attributes:
        images: (n, H, W, 3) uint8 or uint16: for each prompt as many as were asked for.
        settings: of each image, all that it depends on; ``prompt`` and ``seed`` are among them.
        source: the only file that they were made of, if there is one.
        method: its name, under which the settings lie in a file.
        made_of: what a source is called, for messages.
    """

    images: Pixels
    settings: tuple[dict[str, Any], ...]
    source: Path | None = None
    method: ClassVar[str]
    made_of: ClassVar[str] = "reference"

    def __len__(self) -> int:
        return len(self.images)

    @property
    def values(self) -> NDArray[Any]:
        return self.images

    @property
    def flagged(self) -> tuple[bool, ...]:
        """Whether the base model's safety checker has made an image black."""
        return tuple(bool(settings.get("flagged")) for settings in self.settings)

    @property
    def shown(self) -> Sequence[tuple[str, NDArray[Any]]]:
        """Label and pixels of what a figure shows before the images."""
        return ()

    def __str__(self) -> str:
        count, height, width = self.images.shape[:3]
        prompts = list(dict.fromkeys(settings["prompt"] for settings in self.settings))
        first = prompts[0] if len(prompts[0]) <= 40 else f"{prompts[0][:40]}..."
        more = f" and {len(prompts) - 1} more prompts" if len(prompts) > 1 else ""
        return f"{count} image{'s' * (count != 1)} of {width} x {height}, {first!r}{more}"

    def save(self, target: str | Path) -> Path:
        """Write the images as PNG files that hold their settings, and return where.

        Args:
            target: a file, or a folder for ``<name of the source>.png``; of several images each gets its number,
                ``name-0.png``.

        Raises:
            InputError: if a file has another suffix, is the source itself, or cannot be written.
        """
        name = f"{self.source.stem if self.source else 'image'}{SUFFIX}"
        path = result_path(target, name, self.source, self.made_of)
        if path.suffix.lower() != SUFFIX:
            raise InputError(f"{path}: images are written as {SUFFIX}, which holds their settings; name such a file")
        paths = numbered(path, len(self))
        for each, pixels, settings in zip(paths, self.images, self.settings, strict=True):
            write_png(each, pixels, settings, self.method)
        return path if len(paths) == 1 else path.parent

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw sources and images side by side, write the figure to ``path`` if one is given, and return it."""
        panels: list[tuple[str, NDArray[Any]]] = list(self.shown[:MOST_DRAWN])
        for pixels, settings in zip(self.images[:MOST_DRAWN], self.settings, strict=False):
            panels.append((f"{settings['prompt'][:40]} (seed {settings['seed']})".strip(), pixels))
        return figure_grid(panels, path)


def numbered(path: Path, count: int) -> list[Path]:
    """Return the files of several images: a number from 0 behind the name of each, none behind that of one alone."""
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(count)]


def check_png(out: Path) -> None:
    """Check that a file for one image is a PNG file.

    Raises:
        InputError: if its suffix is that of another image.
    """
    if named_file(out, IMAGE_SUFFIXES) and out.suffix.lower() != SUFFIX:
        raise InputError(f"{out}: images are written as {SUFFIX}, which holds their settings; name such a file")
