"""The result: an animation that is rendered while it is saved or looked at."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.images import Image
from visioncore.images.sixteen_bit import eight_bit
from visioncore.inference.batch import progress
from visioncore.inference.result import BaseResult, keep_source, result_path
from visioncore.report import figure_grid

from .motions import Motions, save_motion
from .saving import check_output, save_frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Frames = Iterator[NDArray[np.uint8]]


@dataclass(frozen=True, eq=False, repr=False)
class Result(BaseResult):
    """A photo that moves.

    Frames are rendered when they are asked for, each time anew, and only a few are held. ``np.asarray`` of a result
    holds them all, (n, H, W, 3) in uint8.

    Attributes:
        photo: what moves, opaque.
        motion: how it does.
        rate: frames per second.
        padding: rows below and columns on the right that were added while the network ran, and left out again.
        render: motion -> frames (H, W, 3).
        source: the photo's file, if it came from one.
        audio: the video whose sound goes with it, if there is one.
        times: of the frames in seconds, where they are not evenly apart.
        in_turn: whether a frame depends on the one before, so that none is made without those before it.
        notice: what is to be known of the weights.
    """

    photo: Image
    motion: Motions
    rate: Fraction
    padding: tuple[int, int]
    render: Callable[[Motions], Frames]
    source: Path | None = None
    audio: Path | None = None
    times: tuple[Fraction | None, ...] | None = None
    in_turn: bool = False
    notice: str = ""

    def __len__(self) -> int:
        return len(self.motion)

    def __str__(self) -> str:
        seconds = float(len(self) / self.rate)
        below, right = self.padding
        padded = f", padded by {below} rows and {right} columns on the way" if any(self.padding) else ""
        return f"{len(self)} frames of {self.photo.width} x {self.photo.height}, {seconds:.2f} s{padded}"

    def frames(self, numbers: Sequence[int] | None = None) -> Frames:
        """Yield the frames (H, W, 3) uint8 RGB, or some of them, in their order.

        Raises:
            InputError: if memory does not suffice for one, or it is not finite.
        """
        if numbers is None:
            return self.render(self.motion)
        if not self.in_turn:
            return self.render(self.motion.only(numbers))
        until = self.render(self.motion.only(range(max(numbers) + 1)))
        return (frame for number, frame in enumerate(until) if number in numbers)

    @cached_property
    def values(self) -> NDArray[Any]:
        """All frames (n, H, W, 3)."""
        return np.stack(list(self.frames()))

    def save_motion(self, path: str | Path) -> Path:
        """Keep the motion as an ``.npz`` file, which `Predictor.animate` takes again, and return where.

        Raises:
            InputError: if it cannot be written.
        """
        return save_motion(path, self.motion)

    def save(
        self,
        target: str | Path,
        *,
        codec: str = "",
        notify: Callable[[str], None] = warnings.warn,
        show_progress: bool = False,
    ) -> Path:
        """Write the animation, whole or not at all, and return where it is; one batch of frames is held at a time.

        Args:
            target: a video (.mp4, .m4v, .mov, .mkv, .webm) or animated image (.gif, .webp); ``name.png`` makes a folder
                ``name`` of PNG files; in a folder it is ``<name of the photo>.mp4``. WebP and PNG keep every pixel as
                it is. The sound of a driving video is kept where the container can hold it.
            codec: of a video, see `visioncore.video.write_video`.
            notify: told that the sound was not kept.
            show_progress: show on a terminal how many frames are done, and how long the rest takes.

        Raises:
            InputError: if it would replace the photo or the driving video, the container does not hold the codec, the
                system refuses the write, or as `frames`.
        """
        name = f"{self.source.stem if self.source else 'animation'}.mp4"
        path = result_path(target, name, self.source, "photo")
        keep_source(path, self.audio, "driving video")
        check_output(path, codec)
        with progress(len(self) if show_progress else 0, "frames") as advance:

            def counted() -> Frames:
                for frame in self.frames():
                    yield frame
                    advance()

            return save_frames(path, counted(), self.rate, self.times, self.audio, codec, notify)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the photo and two of its frames side by side, write the figure to ``path`` if given, and return it."""
        numbers = sorted({len(self) * place // 3 for place in (1, 2)})
        panels = [("photo", eight_bit(self.photo.pixels))]
        panels += [(f"frame {n}", frame) for n, frame in zip(numbers, self.frames(numbers), strict=True)]
        return figure_grid(panels, path)
