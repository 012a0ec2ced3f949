"""Frames that any tool made, found by the names of the clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from visioncore.errors import InputError
from visioncore.metrics.evaluation import find_results

from ..data.clips import Clip, Pixels
from ..data.datasets import open_clips
from ..data.preparation import squares
from ..data.videos import CLIP_SUFFIXES


def place_of(clip: Clip) -> Path:
    """Return where results of a clip lie in their folder, without a suffix."""
    name = _inside(clip)
    # names of folders may have dots in them
    kept_in_a_file = clip.source.path is None or not clip.source.path.is_dir()
    return name.with_suffix("") if kept_in_a_file else name


def _inside(clip: Clip) -> Path:
    """Return the name of a clip as a place in a folder; a list may name files outside of its own."""
    name = Path(clip.name)
    return Path(*(part for part in name.parts if part not in ("..", name.anchor)))


def find_made(folder: str | Path, clips: Iterable[Clip]) -> Mapping[str, Path]:
    """Return the video, or folder of frames, of each clip in a folder of results.

    Raises:
        InputError: if one is missing, or stands for several clips.
    """
    places = {}
    for clip in clips:
        place = place_of(clip)
        stems = dict.fromkeys([_inside(clip).as_posix(), place.as_posix()])
        places[clip.name] = [stem + suffix for stem in stems for suffix in (*CLIP_SUFFIXES, "")]
    return find_results(folder, places, "video", "clip")


def read_made(path: Path, like: Pixels, size: int) -> Pixels:
    """Return the frames of a result, prepared as the real ones (n, H, W, 3) are.

    Raises:
        InputError: if there are not as many, they cannot be read or are of another shape.
    """
    (clip,) = open_clips(path)
    if clip.length != len(like):
        raise InputError(f"{path}: {clip.length} frames; {len(like)} of the clip are measured, and it should be these")
    made = squares(clip, range(clip.length), size)
    if made.shape != like.shape:
        (high, wide), (real_high, real_wide) = made.shape[1:3], like.shape[1:3]
        raise InputError(f"{path}: frames are {wide}x{high}, and the real ones {real_wide}x{real_high}")
    return made
