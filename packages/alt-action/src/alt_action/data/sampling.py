"""Which frames of a video are taken: one from each of equal segments."""

from __future__ import annotations

import numpy as np


def frame_numbers(frames: int, wanted: int, view: int = 0, views: int = 1) -> list[int]:
    """Return the numbers of the frames of a temporal view, ascending; of short videos frames repeat.

    One view takes the middle of each segment; several are spread evenly over it, in exact integers.

    Args:
        frames: of the video, N.
        wanted: how many, T.
        view: which one, from 0.
        views: how many there are, V.
    """
    return [((place * (views + 1) + view + 1) * frames) // ((views + 1) * wanted) for place in range(wanted)]


def drawn_frame_numbers(frames: int, wanted: int, rng: np.random.Generator) -> list[int]:
    """Return a random frame of each segment, ascending, for training; arguments as of `frame_numbers`."""
    places = (np.arange(wanted) + rng.random(wanted)) * frames / wanted
    return np.minimum(places.astype(np.int64), frames - 1).tolist()
