"""Layout control: which tokens a place of the image can see, at each resolution of the U-Net."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError


class Sight(NamedTuple):
    """The sight of places in B images, or in one where all are alike, row by row.

    Attributes:
        elements: (B, h * w, E) which elements.
        text: (B, h * w, L) which tokens of the prompt; None where all see all of them.
    """

    elements: Tensor
    text: Tensor | None


class Layout:
    """Where elements are, and which tokens of the prompt name them.

    An element's tokens are seen only from inside its mask. Tokens of the prompt that name elements are hidden from
    everywhere else, so that those are not painted a second time.

    Args:
        masks: (E, H, W) or (B, E, H, W) how much of each pixel is visible of each element, in [0, 1]; an element whose
            mask is empty is seen from nowhere.
        named: (E, L) or (B, E, L) truth values: which of the prompt's tokens name an element; None hides none.
        factor: pixels on one side of a place of the latents.

    Raises:
        InputError: if shapes do not go together, or the sides are no multiples of the factor.
    """

    def __init__(self, masks: Tensor, named: Tensor | None = None, factor: int = 8) -> None:
        if masks.ndim not in (3, 4) or 0 in masks.shape:
            raise InputError(f"masks are {tuple(masks.shape)}; they must be (E, H, W) or (B, E, H, W)")
        masks = masks if masks.ndim == 4 else masks[None]
        if masks.shape[2] % factor or masks.shape[3] % factor:
            raise InputError(f"masks are of {masks.shape[3]}x{masks.shape[2]}; sides must be multiples of {factor}")
        if named is not None:
            named = named if named.ndim == 3 else named[None]
            fits = named.ndim == 3 and named.shape[1] == masks.shape[1] and len(named) in (1, len(masks))
            if not fits or named.dtype != torch.bool:
                raise InputError(
                    f"named is {named.dtype} of shape {tuple(named.shape)} for {masks.shape[1]} elements; it must be "
                    "truth values (E, L) or (B, E, L)"
                )
            if named.any(dim=1).all(dim=-1).any():
                raise InputError("named takes all tokens of the prompt; at least the first one must stay")
        self.masks, self.factor = masks, factor
        self.named = named if named is not None and bool(named.any()) else None
        self.size = masks.shape[2] // factor, masks.shape[3] // factor
        self._sights: dict[tuple[int, int], Sight] = {}

    @property
    def present(self) -> Tensor:
        """Whether elements are there at all, (B, E)."""
        return self.masks.flatten(2).any(dim=2)

    def at(self, height: int, width: int) -> Sight:
        """Return the sight from the places of a map, found once for each size; masks count where they touch one."""
        if (height, width) not in self._sights:
            self._sights[height, width] = self._find(height, width)
        return self._sights[height, width]

    def of_places(self, count: int) -> Sight:
        """Return the sight at the resolution of the U-Net that has so many places.

        Raises:
            InputError: if there is none, because the latents are of another size.
        """
        height, width = self.size
        while height * width > count and height * width > 1:
            # as the U-Net's convolutions of stride 2 round
            height, width = -(-height // 2), -(-width // 2)
        if height * width != count:
            raise InputError(
                f"the U-Net has maps of {count} places, which latents of {self.size[1]}x{self.size[0]} do not have; "
                "the layout must be of the image's size"
            )
        return self.at(height, width)

    def _find(self, height: int, width: int) -> Sight:
        touched = functional.adaptive_max_pool2d(self.masks.float(), (height, width)) > 0
        inside = touched.flatten(2).transpose(1, 2)
        if self.named is None:
            return Sight(inside, None)
        names = self.named.to(inside.device)
        # a place sees a token that names no element, or one that it is inside of
        seen = (inside.float() @ names.float()) > 0
        return Sight(inside, seen | ~names.any(dim=1, keepdim=True))
