"""Looks of elements that are drawn once, so that what a frozen network makes of them can be kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .items import Item
from .looks import Look, LookAugmentation, drawn_look


class KeptLooks:
    """A few looks of each element of a data set; they are counted through, and follow from the content of the scene.

    Args:
        items: of the data set.
        digests: of their content.
        each: looks of an element.
        how: they are drawn.
    """

    def __init__(self, items: Sequence[Item], digests: Sequence[str], each: int, how: LookAugmentation) -> None:
        self.each, self.how, self._digests = each, how, tuple(digests)
        self._first = np.cumsum([0, *(len(item.parts) for item in items)]) * each

    def __len__(self) -> int:
        return int(self._first[-1])

    def place(self, which: int, element: int, number: int) -> int:
        """Return the place of a look among all.

        Args:
            which: index of the scene.
            element: its number in the scene.
            number: of the look, below ``each``.
        """
        return int(self._first[which]) + element * self.each + number

    def at(self, place: int) -> tuple[int, int, int]:
        """Return index of the scene, element and number of the look at a place."""
        which = int(np.searchsorted(self._first, place, side="right")) - 1
        element, number = divmod(place - int(self._first[which]), self.each)
        return which, element, number

    def look(self, place: int) -> Look:
        """Return the look at a place."""
        which, element, number = self.at(place)
        return drawn_look(self.how, np.random.default_rng([int(self._digests[which], 16), element, number]))

    def keys(self) -> list[str]:
        """Return names of all, under which what is made of them is kept."""
        return ["{}-{}-{}".format(self._digests[which], *rest) for which, *rest in map(self.at, range(len(self)))]
