"""Random smooth deformations of the plane, by which the motion encoder is asked to be consistent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .grids import identity_grid

AFFINE_STD = 0.05
"""Standard deviation of the affine part around the identity."""
BEND_STD = 0.005
"""Standard deviation of the numbers at the control points."""
CONTROL_POINTS = 5
"""Control points along each side of the image."""


@dataclass(frozen=True)
class ThinPlate:
    """Deformations W of B images, an affine map and a bend that is the same along x and y.

    Attributes:
        affine: (B, 2, 3).
        bend: (B, 25), a number for each control point.
    """

    affine: Tensor
    bend: Tensor

    @classmethod
    def drawn(cls, batch: int, like: Tensor, generator: torch.Generator | None = None) -> ThinPlate:
        """Draw deformations on the device and in the type of a tensor."""

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator).to(like)

        identity = torch.eye(2, 3).to(like)
        return cls(identity + AFFINE_STD * normal(batch, 2, 3), BEND_STD * normal(batch, CONTROL_POINTS**2))

    def points(self, points: Tensor) -> Tensor:
        """Deform points (B, n, 2)."""
        straight = points @ self.affine[:, :, :2].mT + self.affine[:, None, :, 2]
        distance = self._offsets(points).abs().sum(-1)
        bent = (self.bend[:, None] * distance.square() * torch.log(distance + 1e-6)).sum(-1)
        return straight + bent.unsqueeze(-1)

    def jacobian(self, points: Tensor) -> Tensor:
        """Return how deformed points move with points (B, n, 2): (B, n, 2, 2), rows are those of the deformed."""
        offsets = self._offsets(points)
        distance = offsets.abs().sum(-1)
        slope = distance * (2 * torch.log(distance + 1e-6) + distance / (distance + 1e-6))
        bent = torch.einsum("bj,bnj,bnjc->bnc", self.bend, slope, offsets.sign())
        return self.affine[:, None, :, :2] + bent.unsqueeze(-2)

    def frames(self, frames: Tensor) -> Tensor:
        """Deform frames (B, 3, H, W); at their borders they are mirrored."""
        grid = identity_grid(*frames.shape[2:], like=frames).flatten(0, 1).expand(len(frames), -1, -1)
        where = self.points(grid).unflatten(1, frames.shape[2:])
        return functional.grid_sample(frames, where, padding_mode="reflection", align_corners=True)

    def _offsets(self, points: Tensor) -> Tensor:
        control = identity_grid(CONTROL_POINTS, CONTROL_POINTS, like=points).flatten(0, 1)
        return points.unsqueeze(2) - control
