"""Tolerances of the surface Dice: one for all organs, others for some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from visioncore.errors import InputError, some

TOLERANCE = 3.0
"""Millimetres, as TotalSegmentator is measured."""


def parse_tolerances(texts: Iterable[str]) -> tuple[float, dict[str, float]]:
    """Return the tolerance in mm, and those of single organs, of texts such as ``3`` and ``aorta=2``.

    Raises:
        InputError: if one is neither.
    """
    general, own = TOLERANCE, {}
    for text in texts:
        organ, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise InputError(
                f"tolerance is {text!r}; it must be millimetres such as 3, or those of an organ such as aorta=2"
            ) from None
        if organ:
            own[organ] = value
        else:
            general = value
    return general, own


def tolerances_of(classes: Sequence[str], general: float, own: Mapping[str, float]) -> list[float]:
    """Return the tolerance of each class in mm.

    Raises:
        InputError: if a tolerance is of no class, or not 0 or more.
    """
    if unknown := [organ for organ in own if organ not in classes]:
        raise InputError(f"a tolerance is for {some(unknown)}; the classes are {some(classes, None)}")
    for value in (general, *own.values()):
        if not 0 <= value < float("inf"):
            raise InputError(f"tolerance is {value:g}; it must be millimetres, 0 or more")
    return [own.get(name, general) for name in classes]
