"""The state of one run: which rows of a batch are styled, how strongly, and the keys and values found so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from visioncore.diffusion.kept import Kept
from visioncore.diffusion.layers import GROUPS, Group
from visioncore.errors import InputError

from .config import LEVELS, Level


class Scales(Protocol):
    """Strengths that depend on the part of the U-Net and on how far denoising is."""

    def at(self, group: Group, progress: float) -> Mapping[Level, float]:
        """Return the strength of each level for layers of a group, at a progress from 0, noise, to 1, the image."""


class SameEverywhere:
    """Strengths that are the same in all layers and at all times.

    Args:
        scale: of all levels, or of each; levels without one have 1.

    Raises:
        InputError: if a level is unknown.
    """

    def __init__(self, scale: float | Mapping[str, float]) -> None:
        given = dict.fromkeys(LEVELS, scale) if isinstance(scale, int | float) else scale
        if unknown := set(given) - set(LEVELS):
            raise InputError(f"scale names {', '.join(sorted(unknown))}; levels are {', '.join(LEVELS)}")
        self.levels: dict[Level, float] = {level: float(given.get(level, 1)) for level in LEVELS}

    def at(self, group: Group, progress: float) -> Mapping[Level, float]:
        """Return the strength of each level."""
        return self.levels


class Acting:
    """One run of a U-Net with style; made by `Handle.acting`.

    Args:
        styled: whether rows have style tokens: one entry for each part of a batch of equal parts.
        scales: strengths of the levels.
        levels: that are on in the style, and so in the prompts, each with ``tokens`` rows.
        tokens: of each level.

    Raises:
        InputError: if there is no part, or a strength is below 0 or not a number.
    """

    def __init__(self, styled: Sequence[bool], scales: Scales, levels: Sequence[Level], tokens: int) -> None:
        if not styled:
            raise InputError("styled is empty; it must say of each part of the batch whether it has style tokens")
        self.styled = tuple(map(bool, styled))
        self.levels = tuple(level for level in LEVELS if level in levels)
        self.tokens = tokens
        self.scales = scales
        self.kept = Kept()
        """The same in every step as long as the prompt is."""
        self._offsets: dict[Any, Tensor] = {}
        self.step(0.0)

    @property
    def any(self) -> bool:
        """Whether there is any style at all; without it the base computes on its own."""
        return any(self.styled) and bool(self.levels)

    @property
    def rows(self) -> slice:
        """The rows of a styled prompt that are style tokens' outputs."""
        return slice(1, 1 + self.tokens * len(self.levels))

    def step(self, progress: float) -> None:
        """Note how far denoising is, from 0 to 1; strengths may depend on it.

        Raises:
            InputError: if a strength is below 0 or not a number.
        """
        self.strengths = {group: self._strengths(group, progress) for group in GROUPS}

    def _strengths(self, group: Group, progress: float) -> tuple[float, ...]:
        given = self.scales.at(group, progress)
        found = tuple(float(given.get(level, 1)) for level in self.levels)
        if not all(0 <= value < math.inf for value in found):
            raise InputError(f"strengths are {', '.join(f'{value:g}' for value in found)}; they must be at least 0")
        return found

    def styled_rows(self, batch: int) -> list[bool]:
        """Return of each row of a batch whether it is styled.

        Raises:
            InputError: if the batch does not fall into as many equal parts as were announced.
        """
        parts = len(self.styled)
        if batch % parts:
            raise InputError(
                f"a batch of {batch} came to the U-Net, and {parts} parts were announced; run it inside acting() with "
                "styled saying of each part of the batch whether its prompts have style tokens"
            )
        return [styled for styled in self.styled for _ in range(batch // parts)]

    def offsets(self, group: Group, batch: int, keys: int, like: Tensor) -> Tensor | None:
        """Return the offsets of logits, (B, 1, keys): log of the strengths; None where all of them are 1."""
        strengths = self.strengths[group]
        if all(value == 1 for value in strengths):
            return None
        key = (strengths, batch, keys, like.dtype, like.device)
        if key not in self._offsets:
            logs = [math.log(value) if value else -math.inf for value in strengths for _ in range(self.tokens)]
            offsets = like.new_zeros(batch, 1, keys)
            offsets[self.styled_rows(batch), :, self.rows] = like.new_tensor(logs)
            self._offsets[key] = offsets
        return self._offsets[key]


def every_row(styled: Sequence[bool], device: torch.device) -> Tensor:
    """Return (B, 1, 1) truth values on a device."""
    return torch.tensor(styled, device=device)[:, None, None]
