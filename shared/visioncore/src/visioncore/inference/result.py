"""Results: saved, drawn, shown in a notebook, and taken as arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import InputError
from ..images import Image, write_image
from ..report import figure_grid, show_figure, small_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import DTypeLike, NDArray


class BaseResult(ABC):
    """A result: saved, drawn, shown, taken as an array; a notebook shows it as the figure of `plot`."""

    source: Path | None
    """The file or folder it came from, if it came from one."""

    @abstractmethod
    def save(self, target: str | Path) -> Path:
        """Write the result to a file or into a folder, and return where it is."""

    @abstractmethod
    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the result, write the figure to ``path`` if one is given, and return it."""

    @property
    @abstractmethod
    def values(self) -> NDArray[Any]:
        """The result as the array that ``np.asarray`` gives."""

    @abstractmethod
    def __str__(self) -> str:
        """Return the result in a few words, without its source."""

    def show(self) -> None:
        """Show the figure of `plot`: in a notebook below the cell, elsewhere in a window.

        Raises:
            InputError: if it cannot be drawn, or nothing here shows images.
        """
        show_figure(self.plot())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self}{f', from {self.source}' if self.source else ''})"

    def _repr_png_(self) -> bytes:
        return small_png(self.plot())

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is None:
            return np.asarray(self.values, dtype)
        return np.array(self.values, dtype, copy=copy)


@dataclass(frozen=True, eq=False, repr=False)
class ImageResult(BaseResult):
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

    @property
    def values(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        return self.pixels

    def __str__(self) -> str:
        return str(self.after)

    def save(self, target: str | Path) -> Path:
        """Write the result to a file, or as ``<name of the source>.png`` into a folder, and return where it is.

        Raises:
            InputError: if that is the source itself, or cannot be written.
        """
        before, after = self.names
        path = result_path(target, f"{self.source.stem if self.source else after}.png", self.source, f"{before} image")
        write_image(path, self.after)
        return path

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw before and after side by side, write the figure to ``path`` if one is given, and return it."""
        panels = zip(self.names, (self.before.pixels, self.after.pixels), strict=True)
        return figure_grid(list(panels), path)


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
