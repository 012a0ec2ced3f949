"""Which frames of a clip are a training sample: decided by a generator that follows from seed, epoch and index."""

from __future__ import annotations

import numpy as np

from visioncore.errors import InputError

from .clips import Clip

MOST_GAP = 149
"""Frames between the two of a pair, at most, as published."""


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of one sample of one epoch; nothing else decides what it draws."""
    return np.random.default_rng([seed, epoch, index + 1])


def pair(clip: Clip, rng: np.random.Generator, most_gap: int = MOST_GAP) -> tuple[int, int]:
    """Return the numbers of a source and a driving frame, the first of the two being the source.

    The gap between them is uniform in 1 to ``most_gap``, or to what the clip has, and then where they lie.

    Raises:
        InputError: if the clip has fewer than two frames.
    """
    check_length(clip, 2)
    gap = int(rng.integers(1, min(most_gap, clip.length - 1) + 1))
    start = int(rng.integers(clip.length - gap))
    return start, start + gap


def window(clip: Clip, frames: int, stride: int = 1, rng: np.random.Generator | None = None) -> range:
    """Return the numbers of ``frames`` frames in a row, ``stride`` apart.

    Args:
        clip: of which.
        frames: how many.
        stride: from one to the next.
        rng: draws where they begin; None for the middle.

    Raises:
        InputError: if the clip is too short.
    """
    span = (frames - 1) * stride + 1
    check_length(clip, span, f" ({frames} frames, {stride} apart)" if stride > 1 else "")
    free = clip.length - span
    start = free // 2 if rng is None else int(rng.integers(free + 1))
    return range(start, start + span, stride)


def middle(clip: Clip, frames: int, stride: int = 1) -> range:
    """Return the numbers of the frames that a clip is measured by: its middle, of a shorter one all, at least two.

    Args:
        clip: of which.
        frames: how many at most.
        stride: from one to the next.

    Raises:
        InputError: if the clip is too short.
    """
    return window(clip, max(2, min(frames, (clip.length - 1) // stride + 1)), stride)


def check_length(clip: Clip, frames: int, why: str = "") -> None:
    """Validate that a clip has at least so many frames.

    Raises:
        InputError: if it has not, or cannot be read.
    """
    if clip.length < frames:
        there = "1 frame" if clip.length == 1 else f"{clip.length} frames"
        raise InputError(f"{clip.name}: {there}; at least {frames} are needed{why}")
