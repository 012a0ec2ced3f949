"""The composited foreground as the networks take it: all that is found once for an image, not in each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from visioncore.diffusion.latents import encode, factor_of
from visioncore.images import Image

from ..network.anchoring import inner_mask
from ..network.conditions import condition_of, edges, extend_colours
from ..network.config import Form
from .blending import white_of
from .canvas import Composite, Placed, drawn

MOST_SEEN = 512
"""Longer side of an element's crop, at most, in pixels: encoders look at fewer."""


@dataclass(frozen=True, eq=False)
class Foreground:
    """A composite on a device.

    Attributes:
        composite: (1, 4, H, W) straight RGBA in [0, 1].
        masks: (E, H, W) in [0, 1], what is visible of each element.
        crops: (4, h, w) of each element, upright as it stands on the canvas, straight RGBA in [0, 1].
    """

    composite: Tensor
    masks: Tensor
    crops: tuple[Tensor, ...]

    @classmethod
    def of(cls, composite: Composite, device: torch.device) -> Foreground:
        """Return the foreground of a composite."""
        whole = _as_tensor(Image(composite.pixels, alpha=composite.alpha))
        crops = tuple(_as_tensor(_crop(each)).to(device) for each in composite.placed)
        return cls(whole[None].to(device), torch.from_numpy(composite.masks).to(device), crops)

    def condition(self, form: Form) -> Tensor:
        """Return the condition of the spatial route, (1, C, H, W); for the form canny, edges alone."""
        return edges(self.composite) if form == "canny" else condition_of(self.composite)

    def latents(self, vae: Any) -> Tensor:
        """Return latents (1, 4, h, w) of the colours, which go on beyond their edge, for that is not to be dark."""
        return encode(vae, extend_colours(self.composite))

    def inside(self, vae: Any, band: int) -> Tensor:
        """Return the places of the latents (1, 1, h, w) that can be anchored, see `inner_mask`."""
        return inner_mask(self.composite[:, 3:], factor_of(vae), band)


def _crop(placed: Placed) -> Image:
    """Return an element as it stands on the canvas, with no more pixels than are looked at."""
    image = placed.element.trimmed().image
    side = min(MOST_SEEN, max(image.height, image.width))
    return drawn(image, (0, 0, side, side), placed.rotation)[0]


def _as_tensor(image: Image) -> Tensor:
    """Return an image with alpha as (4, H, W) in [0, 1]."""
    assert image.alpha is not None
    layers = np.dstack([image.pixels, image.alpha]).astype(np.float32) / white_of(image.pixels)
    return torch.from_numpy(np.ascontiguousarray(layers.transpose(2, 0, 1)))
