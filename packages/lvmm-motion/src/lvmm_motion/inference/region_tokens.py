"""Tokens that need no other network: where the auto-encoder sees regions of the photo, and which prompt is meant."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError, some

from ..network.autoencoder import FlowAutoencoder
from .photos import downsampled, small_size

_SHIFT_SCALE = 2.0
"""Makes places of regions about as large as the other numbers of a token."""
_PROMPT = 8.0
"""The number that stands for a prompt; makes both tokens equally long. With 1 a prompt is hardly learnt."""


class RegionTokens:
    """Where the regions of the photo are, as the auto-encoder sees them, and which of a few prompts is meant.

    The first token holds 5 numbers for each region, its centre and how far it spreads along and across; the second one
    is 8 at the place of the prompt, behind those of the regions. No other network is needed.

    Args:
        autoencoder: sees the photo.
        prompts: which there are.
        width: of the tokens.

    Raises:
        InputError: if the tokens are too narrow for so many regions or prompts.
    """

    def __init__(self, autoencoder: FlowAutoencoder, prompts: Sequence[str], width: int) -> None:
        self.network, self.prompts, self.width = autoencoder, tuple(prompts), width
        self._first = 5 * autoencoder.config.regions
        needed = self._first + len(self.prompts)
        if width < needed:
            raise InputError(f"tokens have {width} numbers; for these regions and prompts they need {needed}")

    def __repr__(self) -> str:
        return f"regions, then {_PROMPT:g} for one of {', '.join(self.prompts)}"

    def check(self, prompt: str | None) -> None:
        """Validate a prompt.

        Raises:
            InputError: if there is one that is none of those that there are.
        """
        if prompt is not None and prompt not in self.prompts:
            raise InputError(f"prompt is {prompt!r}; these weights know {some(self.prompts, 8)}")

    def __call__(self, photo: Tensor, prompt: str | None) -> Tensor:
        """(1, 3, H, W) in [0, 1] and one of the prompts, or none -> tokens (1, 2, width).

        Raises:
            InputError: if the prompt is another.
        """
        self.check(prompt)
        config = self.network.config
        small = downsampled(photo, small_size(photo.shape[2], photo.shape[3], config.side, config.multiple))
        regions = self.network.region_predictor(small.to(next(self.network.parameters())))
        spread = regions.covar.flatten(2)[..., [0, 1, 3]]
        # standard deviations, as variances are very small
        spread = spread.sign() * spread.abs().sqrt()
        where = _SHIFT_SCALE * torch.cat((regions.shift, spread), dim=2).flatten(1)
        which = torch.tensor([[_PROMPT * float(each == prompt) for each in self.prompts]]).to(where)
        which = functional.pad(which, (self._first, 0))
        return torch.stack([functional.pad(each, (0, self.width - each.shape[1])) for each in (where, which)], dim=1)
