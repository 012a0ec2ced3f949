"""Few-shot subsets: named cases, or a random part of slices or cases, the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from visioncore.errors import InputError

T = TypeVar("T")

PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "synapse-train": (
        *("0005", "0006", "0007", "0009", "0010", "0021"),
        *("0023", "0024", "0026", "0027", "0028", "0030"),
        *("0031", "0033", "0034", "0037", "0039", "0040"),
    ),
    "synapse-test": (
        *("0001", "0002", "0003", "0004", "0008", "0022"),
        *("0025", "0029", "0032", "0035", "0036", "0038"),
    ),
    "la-train": ("06SR5RBREL16DQ6M8LWS", "0RZDK210BSMWAA6467LU", "1D7CUD1955YZPGK8XHJX", "1GU15S0GJ6PFNARO469W"),
    "promise12-train": ("Case05", "Case14", "Case29"),
    "promise12-test": (
        *("Case12", "Case13", "Case16", "Case20", "Case23"),
        *("Case28", "Case34", "Case35", "Case43", "Case49"),
    ),
}
"""Cases of the published experiments, by the ends of their names."""


def choose(items: Sequence[T], wanted: int | float, seed: int) -> list[T]:
    """Draw some of ``items`` (slices, cases, their names) at random; their order is kept.

    Args:
        items: what there is to choose from.
        wanted: how many; or, as a float in (0, 1], what part of them (rounded, at least one).
        seed: the same seed chooses the same of the same items.

    Raises:
        InputError: if ``wanted`` is not possible.
    """
    count = max(1, round(wanted * len(items))) if isinstance(wanted, float) and 0 < wanted <= 1 else wanted
    if not isinstance(count, int) or not 1 <= count <= len(items):
        raise InputError(
            f"{wanted} of {len(items)} cannot be chosen; give a number from 1 to {len(items)}, or a part such as 0.1"
        )
    return [items[k] for k in sorted(np.random.default_rng(seed).permutation(len(items))[:count])]


def deal(items: Sequence[T], parts: int, seed: int) -> list[list[T]]:
    """Deal ``items`` at random into parts that differ in size by one at most; each is in one part.

    Args:
        items: such as cases.
        parts: how many parts.
        seed: the same seed deals the same items alike.

    Raises:
        InputError: if there are fewer items than parts.
    """
    if len(items) < parts:
        raise InputError(f"{len(items)} cases cannot be dealt into {parts} folds; there must be one for each at least")
    order = np.random.default_rng(seed).permutation(len(items))
    return [[items[k] for k in sorted(order[part::parts])] for part in range(parts)]


def choose_cases(names: Sequence[str], wanted: str | Sequence[str] | int | float, seed: int = 0) -> list[str]:
    """Choose some of the cases ``names``; their order is kept.

    Args:
        names: what there is to choose from.
        wanted: names or ends of names, a list of `PUBLISHED` by its name, a number of cases, or a part of them.
        seed: decides where cases are drawn.

    Raises:
        InputError: if a wanted case is not there, or several cases fit it.
    """
    if isinstance(wanted, int | float):
        return choose(names, wanted, seed)
    chosen = set()
    for end in PUBLISHED.get(wanted, (wanted,)) if isinstance(wanted, str) else wanted:
        fitting = [name for name in names if name == end] or [name for name in names if name.endswith(end)]
        if len(fitting) != 1:
            raise InputError(
                f"{len(fitting)} of {len(names)} cases are called {end}; there are {', '.join(names[:8])}"
                + (" ..." if len(names) > 8 else "")
            )
        chosen.add(fitting[0])
    return [name for name in names if name in chosen]
