"""Images that training is better off without: unreadable, too small, there twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..errors import InputError
from ..inference.batch import progress
from .hashing import MOST_APART, duplicates
from .looks import Look, Lookable, Looks

Kind = TypeVar("Kind", bound=Lookable)


@dataclass(frozen=True)
class Filtered(Generic[Kind]):
    """Images that are left of a data set, and what was dropped.

    Attributes:
        items: those that are left, in their order.
        digests: of their content, see `StoredImage.digest`.
        hashes: of how they look, see `perceptual_hash`.
        unreadable: why each of those that cannot be read cannot.
        small: names of those whose shorter side is too short.
        twice: names of those that are nearly equal to an earlier one.
    """

    items: tuple[Kind, ...]
    digests: tuple[str, ...]
    hashes: tuple[int, ...]
    unreadable: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()

    def lines(self, least: int) -> list[str]:
        """Return one line for each kind of what was dropped.

        Args:
            least: pixels of the shorter side that an image needed.
        """
        kinds = (
            (self.unreadable, "cannot be read and are skipped; the first"),
            (self.small, f"are below {least} pixels and are dropped; the first"),
            (self.twice, "are nearly equal to others and are dropped; the first"),
        )
        return [f"{len(which)} images {told}: {which[0]}" for which, told in kinds if which]


def filtered(
    items: Sequence[Kind], least: int, looks: Looks | None = None, *, keep_duplicates: bool = False
) -> Filtered[Kind]:
    """Return the images of a data set that can be read, are large enough, and are there for the first time.

    Args:
        items: of the data set.
        least: pixels that the shorter side must have.
        looks: what is known of images already; others are decoded once, and remembered there.
        keep_duplicates: take images that are nearly equal all the same.

    Raises:
        InputError: if none is left.
    """
    looks = looks or Looks()
    kept, found, unreadable, small = list[Kind](), list[Look](), list[str](), list[str]()
    with progress(len(items), "images looked at") as advance:
        for item in items:
            look = looks(item)
            if look.fault:
                unreadable.append(look.fault)
            elif look.side < least:
                small.append(item.name)
            else:
                kept.append(item)
                found.append(look)
            advance()
    twins = {} if keep_duplicates else duplicates([look.hash for look in found], MOST_APART)
    left = [index for index in range(len(kept)) if index not in twins]
    result = Filtered(
        tuple(kept[index] for index in left),
        tuple(found[index].digest for index in left),
        tuple(found[index].hash for index in left),
        tuple(unreadable),
        tuple(small),
        tuple(kept[index].name for index in twins),
    )
    if not left:
        raise InputError(f"none of {len(items)} images can be trained on: {'; '.join(result.lines(least))}")
    return result
