"""Clips of a data set: folders of videos or of frames, lists, sheets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from visioncore.errors import InputError, some
from visioncore.files import walk
from visioncore.images import IMAGE_SUFFIXES

from .clips import Clip
from .frame_files import FrameFolder
from .listings import csv_clips, json_clips, sheet_clips
from .sampling import check_length
from .videos import CLIP_SUFFIXES, VideoFrames

INDEX = "index.json"
"""File in a folder that tells of its sheets."""


def open_clips(
    data: str | Path, *, videos: str | Path | None = None, fps: float | None = None, split: str = ""
) -> list[Clip]:
    """Return the clips of a data set; their files are not opened yet.

    - A folder: each video in it, at any depth, an animated GIF too, and each folder of images, whose names are in the
      order of the frames. The folder directly in ``data`` that a clip lies in is its class.
    - A folder of sheets with an ``index.json``, or that file, see `sheet_clips`.
    - A CSV file of ``path,text,split,label,group``, with a header or in this order.
    - A ``.jsonl`` file, or a folder of some, with ``path`` and ``text`` (WebVid), or ``video_name`` and captions
      (CelebV-Text), on each line.
    - One video.

    Args:
        data: folder or file.
        videos: folder that names in lists start from; default: that of the list.
        fps: frames per second to take from videos, by the times of their frames; of frame files, how many they are.
            None for what they have.
        split: of those that a list names; empty for all clips.

    Raises:
        InputError: if there are none, two have one name, or a list cannot be read.
    """
    data = Path(data)
    if fps is not None and not 0 < fps <= 1000:
        raise InputError(f"fps is {fps}; it must be above 0 and at most 1000")
    clips = list(_found(data, None if videos is None else Path(videos), fps))
    if twice := [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]:
        raise InputError(f"{data}: {len(twice)} clips are there more than once: {some(twice, 3)}")
    if split:
        known = sorted({clip.split for clip in clips if clip.split})
        clips = [clip for clip in clips if clip.split == split]
        if not clips:
            raise InputError(f"{data}: no clip of split {split!r}; there are {some(known) or 'no splits'}")
    if not clips:
        raise InputError(f"{data}: no clips in it; {', '.join(CLIP_SUFFIXES)} files or folders of images are some")
    return clips


def _found(data: Path, videos: Path | None, fps: float | None) -> Iterator[Clip]:
    suffix = data.suffix.lower()
    if data.is_dir():
        lists = sorted(data.glob("*.jsonl"))
        if (data / INDEX).is_file():
            yield from sheet_clips(data / INDEX, fps)
        elif lists:
            for path in lists:
                yield from json_clips(path, videos or data, fps)
        else:
            yield from _of_folder(data, fps)
    elif not data.exists():
        raise InputError(f"{data}: no such file or folder")
    elif suffix == ".csv":
        yield from csv_clips(data, videos or data.parent, fps)
    elif suffix == ".jsonl":
        yield from json_clips(data, videos or data.parent, fps)
    elif suffix == ".json":
        yield from sheet_clips(data, fps)
    else:
        yield Clip(data.name, VideoFrames(data, fps))


def _of_folder(folder: Path, fps: float | None) -> Iterator[Clip]:
    for place, files in walk(folder):
        inside = place.relative_to(folder)
        for path in (file for file in files if file.suffix.lower() in CLIP_SUFFIXES):
            name = inside / path.name
            yield Clip(name.as_posix(), VideoFrames(path, fps), label=_class_of(name))
        frames = tuple(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES)
        if frames:
            name = Path(folder.name) if place == folder else inside
            yield Clip(name.as_posix(), FrameFolder(frames, fps), label=None if place == folder else _class_of(name))


def _class_of(name: Path) -> str | None:
    return name.parts[0] if len(name.parts) > 1 else None


def usable_clips(
    clips: Sequence[Clip], frames: int = 2, *, skip: bool = False, say: Callable[[str], None] | None = None
) -> list[Clip]:
    """Return the clips that can be opened and have enough frames.

    Videos are opened for it, and only those are decoded whose containers do not tell their number of frames.

    Args:
        clips: of a data set.
        frames: that each needs.
        skip: leave others out, instead of ending at the first.
        say: told, in one line each, how many were left out and why the first one, and how many have a variable rate.

    Raises:
        InputError: naming the first clip that cannot be used; or, where they are left out, if none is left.
    """
    kept, broken = list[Clip](), list[str]()
    for clip in clips:
        try:
            check_length(clip, frames)
        except InputError as error:
            if not skip:
                raise
            broken.append(str(error))
        else:
            kept.append(clip)
    if broken and not kept:
        raise InputError(f"none of {len(clips)} clips can be used; the first one: {broken[0]}")
    if broken and say:
        say(f"{len(broken)} of {len(clips)} clips are left out; the first one: {broken[0]}")
    uneven = [clip.name for clip in kept if isinstance(clip.source, VideoFrames) and not clip.source.even]
    if uneven and say:
        say(f"{len(uneven)} clips have a variable frame rate, and frames of even spacing are taken: {some(uneven, 3)}")
    return kept
