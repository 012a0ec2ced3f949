"""How strongly the style acts: by its levels, by the depth of the layer, and by the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TypeAlias

from visioncore.diffusion.layers import GROUPS, Group
from visioncore.errors import InputError

from ..network.config import LEVELS, Level

MOST = 10.0
"""A strength at most: the logarithm of it is added to the logits of attention."""


@dataclass(frozen=True)
class Strengths:
    """Strengths of the style: 1 as trained, 0 without, above 1 stronger.

    The strength of a level in a layer is that of the level times that of the layer's group.

    Attributes:
        low: of brushwork and colour.
        mid: of shapes.
        high: of composition.
        groups: of layers, by their names in `GROUPS`; those not named have 1.
        steps: first and last part of the denoising in which the style acts, (0, 1) for all of it; before and after it
            the strength is 0.

    Raises:
        InputError: if a number is outside its range, or a group has another name.
    """

    low: float = 1.0
    mid: float = 1.0
    high: float = 1.0
    groups: Mapping[str, float] = field(default_factory=dict)
    steps: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for level in LEVELS:
            _check(f"the strength of {level}", getattr(self, level))
        for name, value in self.groups.items():
            if name not in GROUPS:
                raise InputError(f"no layers are called {name!r}; they are {', '.join(GROUPS)}")
            _check(f"the strength of the layers {name}", value)
        first, last = self.steps
        if not 0 <= first < last <= 1:
            raise InputError(
                f"steps are from {first:g} to {last:g}; they must be from 0 to 1, the first below the last"
            )

    def at(self, group: Group, progress: float = 0.0) -> dict[Level, float]:
        """Return the strength of each level.

        Args:
            group: of the layer, one of `GROUPS`.
            progress: how much of the denoising is done, in [0, 1].
        """
        first, last = self.steps
        acts = first <= progress < last or progress == last == 1
        share = float(self.groups.get(group, 1.0)) if acts else 0.0
        return {level: share * getattr(self, level) for level in LEVELS}

    @property
    def off(self) -> bool:
        """Whether no level acts anywhere."""
        return all(not any(self.at(group, self.steps[0]).values()) for group in GROUPS)

    def told(self) -> dict[str, object]:
        """Return the strengths as plain values, those that are as trained left out."""
        standard = Strengths()
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in given.items()
            if value != getattr(standard, name) and not (name == "groups" and set(value.values()) <= {1.0})
        }


GivenStrengths: TypeAlias = float | Mapping[str, float] | Strengths
"""One number for all levels, {level: number} with 1 for those not named, or all of it."""


def as_strengths(given: GivenStrengths) -> Strengths:
    """Return strengths from any of the forms in which they are given.

    Raises:
        InputError: if a number is outside its range, or a level has another name.
    """
    if isinstance(given, Strengths):
        return given
    if not isinstance(given, Mapping):
        return Strengths(given, given, given)
    if unknown := sorted(given.keys() - set(LEVELS)):
        raise InputError(f"no level is called {unknown[0]!r}; they are {', '.join(LEVELS)}")
    low, mid, high = (given.get(level, 1.0) for level in LEVELS)
    return Strengths(low, mid, high)


def _check(what: str, value: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= MOST):
        raise InputError(f"{what} is {value:g}; it must be from 0 to {MOST:g}")
