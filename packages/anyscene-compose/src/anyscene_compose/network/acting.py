"""The state of one run: tokens and layout, which parts of a batch they are for, and what was found so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from visioncore.diffusion.kept import Kept
from visioncore.errors import InputError

from .layout import Layout


class Plan(NamedTuple):
    """How one layer attends, for all rows of its batch.

    Attributes:
        foreground: (B, 1, places, E * N) which tokens of elements are seen, at least one from each place.
        gain: (B, places, 1) how much of the foreground is added, 0 where none is seen.
        text: (B, 1, places, L) which tokens of the prompt are seen; None where all are.
    """

    foreground: Tensor
    gain: Tensor
    text: Tensor | None


class Acting:
    """One run of a U-Net with a foreground; made by `Handle.acting`.

    Args:
        layout: of the images.
        tokens: (E, N, context) of their elements, or (B, E, N, context) of each image.
        scale: strength of the semantic route.
        parts: whether a part of a batch of equal parts has the foreground: its tokens, and a prompt that names it.

    Raises:
        InputError: if a value is not what it should be, or tokens and layout do not go together.
    """

    def __init__(self, layout: Layout, tokens: Tensor, scale: float, parts: Sequence[bool]) -> None:
        if not parts:
            raise InputError("parts is empty; it must say of each part of the batch whether it has the foreground")
        if not 0 <= scale < math.inf:
            raise InputError(f"scale is {scale}; it must be at least 0")
        tokens = tokens if tokens.ndim == 4 else tokens[None]
        if tokens.ndim != 4 or tokens.shape[1] != layout.masks.shape[1]:
            raise InputError(
                f"tokens are {tuple(tokens.shape)} and masks {tuple(layout.masks.shape)}; they must be of as many "
                "elements"
            )
        images = {len(tokens), len(layout.masks), len(layout.named) if layout.named is not None else 1} - {1}
        if len(images) > 1:
            raise InputError(
                f"tokens are of {len(tokens)} images and masks of {len(layout.masks)}; they must be as many"
            )
        self.layout, self.tokens = layout, tokens.flatten(1, 2)
        self.each = tokens.shape[2]
        self.scale, self.parts = float(scale), tuple(map(bool, parts))
        self.kept = Kept()
        self._plans: dict[tuple[int, int, torch.dtype, torch.device], Plan] = {}

    def images(self, batch: int) -> int:
        """Return how many images a batch is of.

        Raises:
            InputError: if it does not fall into as many equal parts as were announced, of as many images as there are
                tokens and masks.
        """
        parts, own = len(self.parts), max(len(self.tokens), len(self.layout.masks))
        if batch % parts or (own > 1 and batch != own * parts):
            raise InputError(
                f"a batch of {batch} came to the U-Net, and {parts} parts were announced"
                + (f" of {own} images" if own > 1 else "")
                + "; run it inside acting() with parts saying of each part of the batch whether it has the foreground"
            )
        return batch // parts

    def rows(self, values: Tensor, batch: int) -> Tensor:
        """Return values (B, ...) of images, or (1, ...) of all, for the rows of a batch, one part after the other."""
        parts, images = len(self.parts), self.images(batch)
        return values.expand(parts, images, *values.shape[1:]).flatten(0, 1)

    def plan(self, hidden: Tensor) -> Plan:
        """Return how a layer attends for hidden states (B, places, width); found once for each resolution.

        Raises:
            InputError: if the batch or the latents are of another size than was announced.
        """
        batch, places = hidden.shape[:2]
        key = batch, places, hidden.dtype, hidden.device
        if key not in self._plans:
            self._plans[key] = self._find(batch, places, hidden)
        return self._plans[key]

    def _find(self, batch: int, places: int, like: Tensor) -> Plan:
        images, (elements, text) = self.images(batch), self.layout.of_places(places)
        on = torch.tensor(self.parts, device=like.device).repeat_interleave(images)[:, None, None]
        seen = self.rows(elements.to(like.device), batch) & on
        some = seen.any(dim=2, keepdim=True)
        # a softmax over nothing is no number in some kernels: such places see all, and get none of it
        tokens = (seen | ~some).repeat_interleave(self.each, dim=2)
        if text is not None:
            text = self.rows(text.to(like.device), batch) | ~on
        return Plan(tokens[:, None], some.to(like.dtype) * self.scale, None if text is None else text[:, None])
