"""Where weights come from: what is bundled, what was saved, the Hub, and the authors' and SAM's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visioncore.errors import InputError
from visioncore.weights import loading

from ..method import METHOD
from .model import HSAM


def load_model(weights: str | Path, *, sam: str | Path | None = None) -> HSAM:
    """Return a network with its weights, on the CPU and in eval mode.

    Args:
        weights: ``demo`` for the small bundled network, a folder, file or hub id that `HSAM.from_pretrained` takes, or
            an adapter of the authors.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    return loading.load_model(METHOD, weights, sam=sam)


FOLD, MOST_FOLDS = "{fold}", 100
"""Stands for the number of a fold in the name of weights; how many of them are looked for."""


def load_members(weights: str | Path, *, sam: str | Path | None = None) -> list[HSAM]:
    """Return the networks of an ensemble: of all folds that are there where ``{fold}`` is in ``weights``, else one.

    Args:
        weights: as `load_model` takes; or folders such as ``runs/fold{fold}/best``, numbered from 0.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.

    Raises:
        InputError: if there is no fold, or the networks do not go together, or as `load_model`.
    """
    name = str(weights)
    if FOLD not in name:
        return [load_model(weights, sam=sam)]
    names = [name.replace(FOLD, str(number)) for number in range(MOST_FOLDS)]
    found = [each for each in names if Path(each).exists()]
    if not found:
        raise InputError(f"{name}: no such weights of any fold; the first would be {names[0]}")
    members = [load_model(each, sam=sam) for each in found]
    check_members(members, found)
    return members


def check_members(members: Sequence[HSAM], names: Sequence[str] = ()) -> None:
    """Validate that networks can be an ensemble: of the same classes, size and preprocessing.

    Args:
        members: the networks.
        names: what they are called in messages.

    Raises:
        InputError: if one differs from the first.
    """
    first = members[0].config
    for number, member in enumerate(members[1:], start=1):
        other = member.config
        for field in ("classes", "image_size", "preprocessing"):
            if (there := getattr(other, field)) != (wanted := getattr(first, field)):
                name = names[number] if names else f"network {number + 1}"
                raise InputError(f"{name}: its {field} is {there}, and that of the first {wanted}; both must be alike")
