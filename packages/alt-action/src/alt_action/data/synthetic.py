"""A data set of drawn people, to try training out."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from visioncore.video import Frame, write_video

from .people import PEOPLE_ACTIONS, drawn_person

RATE = Fraction(25)


def write_synthetic(
    folder: Path, each: int, *, actions: Sequence[str] = PEOPLE_ACTIONS, seed: int = 0, frames: int = 24
) -> Path:
    """Write videos in a folder for each action, and return the folder.

    Args:
        folder: of the data set.
        each: videos of an action.
        actions: some of `PEOPLE_ACTIONS`.
        seed: from which they are drawn.
        frames: of each video.

    Raises:
        InputError: if they cannot be written.
    """
    for action in actions:
        for number in range(each):
            rng = np.random.default_rng([seed, PEOPLE_ACTIONS.index(action), number])
            drawn = (Frame(frame.pixels) for frame in drawn_person(action, rng, frames))
            write_video(folder / action / f"{number:03d}.mp4", drawn, RATE)
    return folder
