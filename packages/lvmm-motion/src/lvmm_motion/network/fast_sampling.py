"""Bilinear sampling of channels-last features: each pixel is a weighted sum of four rows of a table."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .flow import Motion
from .grids import resize, resize_grid


@dataclass(frozen=True)
class Sampling:
    """Where the pixels of B frames come from, at one size (H, W).

    Attributes:
        index: (B, H * W, 4) pixels of the source that each is mixed of.
        weight: (B, H * W, 4) how much of each, 0 outside of the source; times what is seen of it.
        hidden: (B, H * W, 1) what is not seen; None where this is not known.
    """

    index: Tensor
    weight: Tensor
    hidden: Tensor | None

    @classmethod
    def of(cls, motion: Motion, size: tuple[int, int], align_corners: bool) -> Sampling:
        """Return the sampling of features of ``size`` by motions of any size, as `grids.warp` does it."""
        height, width = size
        grid = resize_grid(motion.flow, size).flatten(1, 2)
        sides = grid.new_tensor([width, height])
        place = (grid + 1) / 2 * (sides - 1) if align_corners else ((grid + 1) * sides - 1) / 2
        # far outside all weights are zero, and whole numbers would overflow
        place = torch.minimum(place.clamp(min=-2), sides + 1)
        first = place.floor()
        share = place - first
        corners = torch.stack((first, first + 1), dim=-1)
        shares = torch.stack((1 - share, share), dim=-1) * ((corners >= 0) & (corners < sides[:, None]))
        x, y = corners.clamp(min=0).minimum(sides[:, None] - 1).long().unbind(2)
        index = (y[..., :, None] * width + x[..., None, :]).flatten(2)
        weight = (shares[:, :, 1, :, None] * shares[:, :, 0, None, :]).flatten(2)
        if motion.occlusion is None:
            return cls(index, weight, None)
        seen = resize(motion.occlusion, size).flatten(1).unsqueeze(2)
        return cls(index, weight * seen, 1 - seen)

    def moved(self, feature: Tensor, frame: int, rows: slice) -> Tensor:
        """Return pixels (n, C) of one frame, moved and dimmed where they are not seen.

        Args:
            feature: (C, H, W), channels-last, of the source.
            frame: whose motion it is.
            rows: of the frame's pixels.
        """
        table = feature.permute(1, 2, 0).flatten(0, 1)
        index, weight = self.index[frame, rows], self.weight[frame, rows]
        return functional.embedding_bag(index, table, per_sample_weights=weight, mode="sum")

    def join(self, previous: Tensor, moved: Tensor, frame: int, rows: slice) -> None:
        """Add what `moved` returned to pixels (n, C) in place, which show where it was hidden."""
        if self.hidden is not None:
            previous.mul_(self.hidden[frame, rows])
        previous.add_(moved)
