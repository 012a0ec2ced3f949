"""Frames to files: videos, animated images, and folders of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import whole_folder, writable_folder
from visioncore.images import Image, write_image
from visioncore.video import WRITTEN_SUFFIXES, Frame, write_video
from visioncore.video.codecs import codec_for
from visioncore.video.reading import open_container

IMAGES = ".png"
"""Stands for a folder of images."""
SUFFIXES = (*WRITTEN_SUFFIXES, IMAGES)
"""Suffixes of animations."""


def check_output(path: Path, codec: str) -> None:
    """Validate what an animation is to be written as.

    Args:
        path: a file with one of `SUFFIXES`.
        codec: of a video; default: the usual one of its container.

    Raises:
        InputError: if it cannot be written; it says what can.
    """
    if path.suffix.lower() != IMAGES:
        codec_for(path, codec)
    elif codec:
        raise InputError(f"{path}: images have no codec; {codec} is for videos")


def saved_at(path: Path) -> Path:
    """Return where an animation of this name is written: for images a folder without the suffix."""
    return path.with_suffix("") if path.suffix.lower() == IMAGES else path


def save_frames(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    rate: Fraction,
    times: Sequence[Fraction | None] | None,
    audio: Path | None,
    codec: str,
    notify: Callable[[str], None],
) -> Path:
    """Write frames, whole or not at all, and return where they are.

    Args:
        path: as of `check_output`.
        frames: (H, W, 3) each.
        rate: frames per second.
        times: of the frames, where they are not evenly apart.
        audio: a video whose sound goes with them.
        codec: of a video.
        notify: told that the sound was not kept.

    Raises:
        InputError: if the system refuses the write, or as the frames.
    """
    if path.suffix.lower() == IMAGES:
        folder = saved_at(path)
        writable_folder(folder.parent)
        with whole_folder(folder) as temporary:
            for number, pixels in enumerate(frames):
                write_image(temporary / f"{number:06d}{IMAGES}", Image(pixels))
        for left in folder.glob(f"[0-9]*{IMAGES}"):  # of an earlier animation that was longer
            if left.stem.isdecimal() and f"{int(left.stem):06d}" == left.stem and int(left.stem) > number:
                left.unlink()
        kept = False
    else:
        timed = map(Frame, frames) if times is None else map(Frame, frames, times)
        kept = write_video(path, timed, rate, audio, codec)
    if audio is not None and not kept and has_sound(audio):
        notify(f"{saved_at(path)}: the sound of {audio} was not kept, for it cannot be held there; .mkv holds the most")
    return saved_at(path)


def has_sound(path: Path) -> bool:
    """Return whether a video has sound."""
    with open_container(path) as container:
        return bool(container.streams.audio)
