"""Held-out samples for validation where no others are given."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError, some
from ..files import duplicates


def hold_out(
    keys: Sequence[Hashable], share: float, *, most: int, seed: int, where: str
) -> tuple[list[int], list[int]]:
    """Return the indices of the training and of the held-out items, each in order.

    Args:
        keys: one for each item; items of equal keys, such as degraded versions of one image, stay on one side.
        share: of the different keys, how many are held out; one at least.
        most: and no more than this many.
        seed: decides which.
        where: what they are and where from, for messages, such as "photos: clean images".

    Raises:
        InputError: if none would be left to train on.
    """
    different = list(dict.fromkeys(keys))
    count = min(max(1, round(share * len(different))), most)
    if count >= len(different):
        raise InputError(
            f"{where}, {len(different)} in all: {count} would be held out for validation, and at least one must be "
            "left to train on"
        )
    chosen = {different[i] for i in np.random.default_rng(seed).permutation(len(different))[:count]}
    inside = [i for i, key in enumerate(keys) if key not in chosen]
    return inside, [i for i, key in enumerate(keys) if key in chosen]


def tell_shared(training: Iterable[Path], validation: Iterable[Path], say: Callable[[str], None]) -> None:
    """Report in one line the files that are both trained and validated on, by their content, if there are any."""
    held_out = dict.fromkeys(validation)
    shared = sorted(path.name for group in duplicates(training, held_out) for path in group if path in held_out)
    if shared:
        say(
            f"{len(shared)} of the validation images are trained on as well, so their figures mean little: "
            f"{some(shared)}"
        )
