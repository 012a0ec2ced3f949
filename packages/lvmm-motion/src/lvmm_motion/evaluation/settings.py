"""Which clips are measured, and how they are prepared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from visioncore.errors import InputError

from ..data.clips import Clip
from ..data.datasets import open_clips, usable_clips
from ..data.synthetic import make_clips

MADE_UP = "made-up"
"""Stands, in place of data, for clips whose motion is known."""
_MADE_UP_CLIPS = 8


@dataclass(frozen=True)
class Settings:
    """How clips are prepared, and what is made of them.

    Attributes:
        frames: of a clip at most, from its middle.
        stride: from one to the next.
        size: side of the squares they are made; 0 leaves them as they are.
        drawn: whether frames are made by a motion that is drawn, instead of the clip's own.
        seed: of what is drawn.
        steps: of the sampler that draws; None for those of the weights.
        prompt: for which it is drawn: the clip's text, its label, or none.

    Raises:
        InputError: if a number is out of its range, or steps or a prompt are given and nothing is drawn.
    """

    frames: int = 64
    stride: int = 1
    size: int = 256
    drawn: bool = False
    seed: int = 0
    steps: int | None = None
    prompt: Literal["none", "text", "label"] = "none"

    def __post_init__(self) -> None:
        if self.frames < 2 or self.stride < 1:
            raise InputError(f"frames is {self.frames} and stride {self.stride}; they must be at least 2 and 1")
        if self.size and not 32 <= self.size <= 4096:
            raise InputError(f"size is {self.size}; it must be from 32 to 4096 pixels, or 0 for frames as they are")
        for name, given in (("steps", self.steps), ("prompt", self.prompt != "none")):
            if given and not self.drawn:
                raise InputError(f"{name}: is for motion that is drawn; set drawn, or leave it out")


def measured_clips(
    data: str | Path,
    settings: Settings,
    *,
    videos: str | Path | None = None,
    fps: float | None = None,
    split: str = "",
    skip: bool = False,
    say: Callable[[str], None] | None = None,
) -> list[Clip]:
    """Return the clips to measure.

    Args:
        data: as of `open_clips`, or ``made-up``.
        settings: how they are measured.
        videos: as of `open_clips`.
        fps: as of `open_clips`.
        split: as of `open_clips`.
        skip: leave out clips that cannot be read or are too short.
        say: told how many are left out.

    Raises:
        InputError: as `open_clips`; naming the first clip that cannot be used, unless it is left out.
    """
    if str(data) == MADE_UP:
        return make_clips(_MADE_UP_CLIPS, settings.frames, settings.size or 64)
    clips = open_clips(data, videos=videos, fps=fps, split=split)
    return usable_clips(clips, settings.stride + 1, skip=skip, say=say)
