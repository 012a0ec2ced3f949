"""Results that save and plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..errors import InputError
from ..images import Image, write_image
from ..report import figure_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ImageResult:
    """An image before and after.

    Attributes:
        before: what was given.
        after: the result, with the depth, alpha, colour profile and EXIF of what was given.
        source: the file it came from, if it came from one.
        names: what the two are called, in file names and figures.
    """

    before: Image
    after: Image
    source: Path | None = None
    names: ClassVar[tuple[str, str]] = ("before", "after")

    @property
    def pixels(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """The result as (H, W, 3) RGB in the depth of the input."""
        return self.after.pixels

    def save(self, target: str | Path) -> Path:
        """Write the result to a file, or as ``<name of the source>.png`` into a folder, and return where it is.

        Raises:
            InputError: if that is the source itself, or cannot be written.
        """
        before, after = self.names
        path = result_path(target, f"{self.source.stem if self.source else after}.png", self.source, f"{before} image")
        write_image(path, self.after)
        return path

    def plot(self, path: str | Path) -> None:
        """Write a figure of before and after."""
        panels = zip(self.names, (self.before.pixels, self.after.pixels), strict=True)
        figure_grid(list(panels), path)


def result_path(target: str | Path, name: str, source: Path | None, what: str) -> Path:
    """Return the file that a result goes to: ``target``, or ``name`` in it if that is a folder or has no suffix.

    Args:
        target: a file or a folder.
        name: of the file in a folder.
        source: what the result was made of, which stays as it is.
        what: the source is called, for the message.

    Raises:
        InputError: if the file is the source itself.
    """
    path = Path(target)
    if path.is_dir() or not path.suffix:
        path = path / name
    keep_source(path, source, what)
    return path


def keep_source(path: Path, source: Path | None, what: str) -> None:
    """Check that a result does not take the place of what it was made of; arguments as of `result_path`.

    Raises:
        InputError: if it would.
    """
    if source is not None and path.resolve() == source.resolve():
        raise InputError(f"{path}: this is the {what} itself; name another file or folder")
