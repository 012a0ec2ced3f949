"""Labels tidied up after segmentation: only some organs, and of each its largest connected piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError, some

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.integer[Any]]

_AROUND = np.ones((3, 3, 3), bool)
"""All 26 neighbours: thin organs hang together by edges and corners, above all where slices are thick."""


def choose_organs(classes: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the wanted classes in their own order; all of them if none is named.

    Raises:
        InputError: if there is no such class; it names those there are.
    """
    if unknown := [name for name in wanted if name not in classes]:
        raise InputError(f"no organ {some(map(repr, unknown))}; the network has {some(classes, None)}")
    return tuple(name for name in classes if name in wanted or not wanted)


def keep_labels(labels: Labels, kept: Sequence[int]) -> None:
    """Make background of all labels but some, in place.

    Args:
        labels: (D, H, W).
        kept: the labels that stay.
    """
    table = np.zeros(int(labels.max(initial=0)) + 1, labels.dtype)
    stay = [label for label in kept if label < len(table)]
    table[stay] = stay
    for plane in labels:  # one at a time, for the sake of memory
        plane[...] = table[plane]


def keep_largest(labels: Labels) -> None:
    """Make background of all but the largest connected piece of each label, in place.

    Voxels are connected if they share a face, an edge or a corner. Of equally large pieces the first one stays, by
    slices, rows, columns.

    Args:
        labels: (D, H, W), 0 for background.
    """
    from scipy.ndimage import find_objects, label

    for number, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        organ = labels[box] == number
        pieces, count = label(organ, _AROUND)
        if count > 1:
            largest = np.bincount(pieces[organ]).argmax()
            labels[box][organ & (pieces != largest)] = 0
