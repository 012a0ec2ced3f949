"""Parts of a list of videos: a few of each class, and those that are held out for validation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from visioncore.errors import InputError, some

from .video_lists import Video, VideoList


def hold_out(videos: VideoList, share: float, most: int, seed: int = 0) -> tuple[VideoList, VideoList]:
    """Return the videos to train on, and those that are held out, of each class about the same share.

    A video that is listed several times is on one side alone.

    Args:
        videos: all of them.
        share: of the videos that are held out; one at least.
        most: and no more than this many.
        seed: decides which.

    Raises:
        InputError: if none would be left to train on.
    """
    by_class: dict[int, list[Path]] = {}
    for path, label in {video.path: video.label for video in videos.videos}.items():
        by_class.setdefault(label, []).append(path)
    total = sum(map(len, by_class.values()))
    count = min(max(1, round(share * total)), most)
    if count >= total:
        raise InputError(
            f"{videos.source}: videos, {total} in all: {count} would be held out for validation, and at least one must "
            "be left to train on"
        )
    rng = np.random.default_rng(seed)
    # of a class with n videos they come at 1/2n, 3/2n and so on of the way, those of all classes together in order
    order = [
        ((place + 0.5) / len(paths), rng.random(), paths[index])
        for _, paths in sorted(by_class.items())
        for place, index in enumerate(rng.permutation(len(paths)))
    ]
    chosen = {path for *_, path in sorted(order)[:count]}
    sides = ([video for video in videos.videos if (video.path in chosen) == held] for held in (False, True))
    inside, outside = (replace(videos, videos=tuple(side)) for side in sides)
    return inside, outside


def few_shot(videos: VideoList, shots: int, seed: int = 0) -> VideoList:
    """Return a training list with a few videos of each class, drawn by a seed.

    Args:
        videos: to draw from.
        shots: K, of each class.
        seed: decides which.

    Raises:
        InputError: if a class has fewer.
    """
    by_class: dict[int, list[Video]] = {}
    for video in videos.videos:
        by_class.setdefault(video.label, []).append(video)
    counts = [len(by_class.get(c, ())) for c in range(len(videos.labels))]
    short = [f"{name} ({count})" for name, count in zip(videos.labels.names, counts, strict=True) if count < shots]
    if short or shots < 1:
        raise InputError(
            f"{videos.source}: {shots} videos of each class are asked for; fewer are there of {some(short)}"
        )
    rng = np.random.default_rng(seed)
    drawn = [
        by_class[c][i] for c in range(len(videos.labels)) for i in sorted(rng.permutation(len(by_class[c]))[:shots])
    ]
    return replace(videos, videos=tuple(drawn), listed=len(drawn), missing=())
