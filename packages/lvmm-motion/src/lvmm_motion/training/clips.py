"""The clips of a run: those to train on, and those to validate on."""

from __future__ import annotations

from pathlib import Path

from visioncore.cli import complain
from visioncore.errors import InputError

from ..data.clips import Clip
from ..data.datasets import open_clips, usable_clips
from ..data.splits import split_clips
from ..data.synthetic import make_clips
from .config import TrainConfig

MADE = 64
"""Clips that are made where no data is given."""
MOST_HELD_OUT = 100
"""Clips; more would make every validation long."""


def clips_of(
    config: TrainConfig,
    data: str | Path | None,
    validation: str | Path | None,
    videos: str | Path | None,
    side: int,
    frames: int,
) -> tuple[list[Clip], list[Clip]]:
    """Return the clips to train on and to validate on.

    Args:
        config: the recipe.
        data: whatever `open_clips` takes; None for made-up clips.
        validation: the same; None to hold out some of ``data``.
        videos: folder that names in lists start from; None for that of the list.
        side: of the frames of made-up clips, in pixels.
        frames: that a clip needs.

    Raises:
        InputError: if there are none, one is too short or cannot be read, or a side would be empty.
    """
    if data is None:
        for name, given in (("validation", validation), ("videos", videos)):
            if given is not None:
                raise InputError(f"{name} belongs to data, which is missing")
        clips = make_clips(MADE, frames=max(frames, config.model.frames), size=side)
    else:
        clips = _usable(config, data, videos, frames, config.split)
    if validation is None:
        named = config.held_out_names
        clips, held_out = split_clips(clips, config.hold_by, named or config.held_out, config.loop.seed)
    else:
        held_out = _usable(config, validation, videos, frames)
    return clips, held_out[:: max(1, len(held_out) // MOST_HELD_OUT)][:MOST_HELD_OUT]


def _usable(
    config: TrainConfig, data: str | Path, videos: str | Path | None, frames: int, split: str = ""
) -> list[Clip]:
    found = open_clips(data, videos=videos, fps=config.fps, split=split)
    return usable_clips(found, frames, skip=config.skip_broken, say=complain)
