"""Motion encoder E: where the moving regions of a frame are, and how they are stretched and turned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from visioncore.devices import without_autocast

from .blocks import BlurDownsample, Hourglass
from .config import FlowAutoencoderConfig
from .grids import identity_grid


@dataclass(frozen=True)
class Regions:
    """Regions of B frames, K each; coordinates run from -1 to 1, x first."""

    shift: Tensor
    """(B, K, 2) centres."""
    covar: Tensor
    """(B, K, 2, 2) spread around the centre."""
    affine: Tensor
    """(B, K, 2, 2) matrices whose product with their transpose is the spread, each determined up to its sign; or
    matrices that were predicted."""
    heatmap: Tensor
    """(B, K, h, w) where the region is; the sum of each map is 1."""

    def of(self, index: Tensor | slice) -> Regions:
        """Return the regions of some of the frames."""
        return Regions(self.shift[index], self.covar[index], self.affine[index], self.heatmap[index])

    def expand(self, frames: int) -> Regions:
        """Return the regions of one frame as those of several like it."""
        return Regions(*(value.expand(frames, *value.shape[1:]) for value in vars(self).values()))


class RegionPredictor(nn.Module):
    """Regions from the principal axes of heat maps, or with affine maps predicted beside them."""

    def __init__(self, config: FlowAutoencoderConfig) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.down = BlurDownsample(3, config.scale)
        self.predictor = Hourglass(3, config.region_width, config.most_channels, config.region_blocks)
        self.regions = nn.Conv2d(self.predictor.channels, config.regions, 7, padding=3)
        self.jacobian: nn.Conv2d | None = None
        if config.affine == "regressed":
            self.jacobian = nn.Conv2d(self.predictor.channels, 4, 7, padding=3)
            with torch.no_grad():
                self.jacobian.weight.zero_()
                self.jacobian.bias.copy_(torch.tensor([1, 0, 0, 1]))  # type: ignore[union-attr]

    def forward(self, frames: Tensor) -> Regions:
        """(B, 3, H, W) in [0, 1] -> their regions; the maps have ``scale`` times the frames' size."""
        features = self.predictor(self.down(frames))
        logits = self.regions(features).to(frames.dtype)
        turns = None if self.jacobian is None else self.jacobian(features).to(frames.dtype)
        # places and spreads need more digits than images do
        with without_autocast(frames.device):
            return self._regions(logits, turns)

    def _regions(self, logits: Tensor, turns: Tensor | None) -> Regions:
        """Return the regions of heat maps (B, K, h, w), with matrices at each pixel (B, 4, h, w) or without."""
        heat = torch.softmax(logits.flatten(2) / self.temperature, dim=2)
        grid = identity_grid(*logits.shape[2:], like=heat).flatten(0, 1)
        shift = heat @ grid
        offsets = grid - shift.unsqueeze(2)
        covar = torch.einsum("bkn,bkni,bknj->bkij", heat, offsets, offsets)
        affine = square_root(covar) if turns is None else (heat @ turns.flatten(2).mT).unflatten(2, (2, 2))
        return Regions(shift, covar, affine, heat.view_as(logits))


def square_root(covar: Tensor) -> Tensor:
    """Return a matrix A with ``A @ A.T`` equal to each symmetric matrix (..., 2, 2): axes times their lengths.

    The larger axis is the first column. The closed form needs no decomposition and is the same on every device; where
    both axes are alike their directions do not matter, and the gradient stays finite.
    """
    a, b, c = covar[..., 0, 0], covar[..., 0, 1], covar[..., 1, 1]
    gap, twice = a - c, 2 * b
    round_ = gap**2 + twice**2 == 0
    gap, twice = torch.where(round_, 1.0, gap), torch.where(round_, 0.0, twice)
    # no hypot, which ONNX has not
    length = torch.where(round_, 0.0, (gap**2 + twice**2).sqrt())
    angle = torch.atan2(twice, gap) / 2
    tiny = torch.finfo(covar.dtype).tiny
    larger = (a + c + length) / 2
    first = larger.clamp(min=tiny).sqrt()
    second = ((a * c - b * b) / larger.clamp(min=tiny)).clamp(min=tiny).sqrt()
    cos, sin = angle.cos(), angle.sin()
    rows = torch.stack((-cos * first, -sin * second), -1), torch.stack((-sin * first, cos * second), -1)
    return torch.stack(rows, dim=-2)


def inverse(matrix: Tensor) -> Tensor:
    """Return the inverses of (..., 2, 2) matrices."""
    a, b, c, d = matrix.flatten(-2).unbind(-1)
    adjugate = torch.stack((d, -b, -c, a), dim=-1).view_as(matrix)
    return adjugate / (a * d - b * c)[..., None, None]
