"""Which image the style of a training sample is read from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from visioncore.errors import InputError, some

from .items import Item


class OwnReferences:
    """Every image is its own style reference."""

    def __call__(self, index: int, rng: np.random.Generator) -> int:
        """Return the index of the reference of an image."""
        return index


class GroupReferences:
    """The style reference of an image is another image of its group.

    Args:
        items: of the data set.
        pool: indices of those that may be references; those of the images held out are not.

    Raises:
        InputError: if an image has no group, or none but itself in it.
    """

    def __init__(self, items: Sequence[Item], pool: Iterable[int]) -> None:
        if without := [item.name for item in items if not item.style]:
            raise InputError(
                f"reference other needs the style group of every image, the column style of captions; {len(without)} "
                f"have none: {some(without, 3)}"
            )
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for index in pool:
            groups[items[index].style].append(index)
        self.groups = [groups[item.style] for item in items]
        if alone := [item.name for index, item in enumerate(items) if not set(self.groups[index][:2]) - {index}]:
            raise InputError(
                f"reference other needs two images to train on in every style group; {len(alone)} are alone: "
                f"{some(alone, 3)}"
            )

    def __call__(self, index: int, rng: np.random.Generator) -> int:
        """Return the index of the reference of an image, drawn by ``rng``."""
        group = self.groups[index]
        place = int(rng.integers(len(group)))
        # the next one in place of itself
        return group[place] if group[place] != index else group[(place + 1) % len(group)]
