"""Images to train on and images to validate on, of two data sets or of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..errors import InputError
from ..training.held_out import hold_out
from .filtering import Filtered, filtered
from .hashing import duplicates
from .looks import Lookable, Looks

Kind = TypeVar("Kind", bound=Lookable)

MOST_HELD_OUT = 256
"""Images; more would make every validation long."""


@dataclass(frozen=True)
class Split(Generic[Kind]):
    """Images that are left of those to train on and of those to validate on, in this order.

    Attributes:
        items: the images.
        digests: of their content.
        training: how many of them are to train on.
    """

    items: tuple[Kind, ...]
    digests: tuple[str, ...]
    training: int

    def parts(self, share: float, *, seed: int, where: str) -> tuple[list[int], list[int]]:
        """Return the indices of images to train and to validate on.

        Where there are none to validate on, some of the others are held out.

        Args:
            share: that is held out then; at most 256 images.
            seed: decides which.
            where: what they are and where from, for messages, such as "photos: images".

        Raises:
            InputError: if none would be left to train on.
        """
        inside = list(range(self.training))
        if self.training < len(self.items):
            return inside, list(range(self.training, len(self.items)))
        return hold_out(inside, share, most=MOST_HELD_OUT, seed=seed, where=where)


def split(
    training: Sequence[Kind],
    validation: Sequence[Kind],
    least: int,
    looks: Looks,
    *,
    keep_duplicates: bool,
    say: Callable[[str], None],
) -> Split[Kind]:
    """Return the images of two data sets that are left after `filtered`.

    Images to validate on that are nearly equal to images to train on are dropped: they would flatter the network.

    Args:
        training: images to train on.
        validation: images to validate on; none where some of the others are to be held out.
        least: as of `filtered`.
        looks: as of `filtered`.
        keep_duplicates: as of `filtered`.
        say: told what is dropped, in a line for each kind.

    Raises:
        InputError: if none is left of one.
    """
    parts = []
    for items in (training, validation):
        if items:
            parts.append(filtered(items, least, looks, keep_duplicates=keep_duplicates))
            for line in parts[-1].lines(least):
                say(line)
    if validation and not keep_duplicates:
        parts[1] = _unseen(parts[0], parts[1], say)
    return Split(
        tuple(item for part in parts for item in part.items),
        tuple(digest for part in parts for digest in part.digests),
        len(parts[0].items),
    )


def _unseen(training: Filtered[Kind], validation: Filtered[Kind], say: Callable[[str], None]) -> Filtered[Kind]:
    """Return the images to validate on without those that are nearly equal to images to train on."""
    start = len(training.items)
    seen = {index - start for index in duplicates([*training.hashes, *validation.hashes]) if index >= start}
    if not seen:
        return validation
    told = f"{len(seen)} of {len(validation.items)} images to validate on are nearly equal to images to train on"
    left = [index for index in range(len(validation.items)) if index not in seen]
    if not left:
        raise InputError(f"{told}; take others, or none, so that some are held out")
    say(f"{told} and are dropped; the first: {validation.items[min(seen)].name}")
    return replace(
        validation,
        items=tuple(validation.items[index] for index in left),
        digests=tuple(validation.digests[index] for index in left),
        hashes=tuple(validation.hashes[index] for index in left),
    )
