"""Frames that are image files: one for each frame, or sheets of many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from visioncore.errors import InputError
from visioncore.images import on_white, read_image
from visioncore.images.sixteen_bit import eight_bit

from .clips import Pixels


@dataclass(frozen=True)
class FrameFolder:
    """A folder of frames.

    Attributes:
        paths: of the frames, in their order.
        rate: frames per second that they were taken at; None if that is not known.
    """

    paths: tuple[Path, ...]
    rate: float | None = None

    @property
    def path(self) -> Path:
        """The folder."""
        return self.paths[0].parent

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.paths)

    @property
    def fps(self) -> float | None:
        """Frames per second."""
        return self.rate

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (H, W, 3) by number, on white where they are transparent.

        Raises:
            InputError: if one cannot be read.
        """
        for number in numbers:
            yield eight_bit(on_white(read_image(self.paths[number])).pixels)


@dataclass(frozen=True)
class Sheet:
    """A clip in one image: equal tiles, row by row.

    Attributes:
        path: of the image.
        count: frames in it.
        columns: tiles of a row.
        width: of a tile in pixels.
        height: of a tile in pixels.
        rate: frames per second that they were taken at; None if that is not known.
    """

    path: Path
    count: int
    columns: int
    width: int
    height: int
    rate: float | None = None

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.count

    @property
    def fps(self) -> float | None:
        """Frames per second."""
        return self.rate

    def read(self, numbers: Sequence[int]) -> Iterator[Pixels]:
        """Yield frames (height, width, 3) by number.

        Raises:
            InputError: if the image cannot be read, or is too small for its tiles.
        """
        sheet = eight_bit(read_image(self.path).pixels)
        rows = -(-self.count // self.columns)
        wide, high = min(self.count, self.columns) * self.width, rows * self.height
        if sheet.shape[0] < high or sheet.shape[1] < wide:
            raise InputError(
                f"{self.path}: {sheet.shape[1]}x{sheet.shape[0]}; {self.count} tiles of {self.width}x{self.height}, "
                f"{self.columns} in a row, need {wide}x{high}"
            )
        for number in numbers:
            row, column = divmod(number, self.columns)
            top, left = row * self.height, column * self.width
            yield sheet[top : top + self.height, left : left + self.width]
