"""Classes taken together, such as both kidneys as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError, some

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Merging:
    """Which classes become one.

    Attributes:
        classes: names of the classes behind it, each in the place of the first that it is made of.
        table: label before -> label after, (C + 1,) uint8 or uint16, background first.
    """

    classes: tuple[str, ...]
    table: NDArray[np.unsignedinteger[Any]]

    def apply(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return merged labels of any shape."""
        return self.table[labels]


def parse_merging(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return {new name: names of the classes that become it} of texts such as ``kidney=left kidney+right kidney``.

    Raises:
        InputError: if one is something else, or a name is given twice.
    """
    groups: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, _, members = text.partition("=")
        name, parts = name.strip(), tuple(part.strip() for part in members.split("+"))
        if not name or not all(parts):
            raise InputError(f"merge is {text!r}; it must be such as 'kidney=left kidney+right kidney'")
        if name in groups:
            raise InputError(f"merge makes {name} twice; give all its parts at once, with + between")
        groups[name] = parts
    return groups


def merge_classes(classes: Sequence[str], groups: dict[str, tuple[str, ...]]) -> Merging:
    """Return how classes become one.

    Args:
        classes: names of labels 1 to C.
        groups: as of `parse_merging`.

    Raises:
        InputError: if a class is unknown or in several groups, or a new name is that of a class outside its group.
    """
    members = [part for parts in groups.values() for part in parts]
    if unknown := [part for part in members if part not in classes]:
        raise InputError(f"merge names {some(map(repr, unknown))}; the classes are {some(classes, None)}")
    if twice := [part for part, count in Counter(members).items() if count > 1]:
        raise InputError(f"merge names {some(twice)} twice; a class can become part of one alone")
    if taken := [name for name, parts in groups.items() if name in classes and name not in parts]:
        raise InputError(f"merge makes {some(taken)}, which is a class already; give it another name")
    of = {part: name for name, parts in groups.items() for part in parts}
    merged = tuple(dict.fromkeys(of.get(name, name) for name in classes))
    table = [0, *(1 + merged.index(of.get(name, name)) for name in classes)]
    return Merging(merged, np.array(table, np.min_scalar_type(len(merged))))
