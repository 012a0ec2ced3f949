"""Motion decoder D: from regions of two frames to where each pixel comes from, and what was hidden."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from visioncore.devices import without_autocast

from .blocks import BlurDownsample, Hourglass
from .config import FlowAutoencoderConfig
from .grids import identity_grid
from .regions import Regions, inverse

EQUAL_SPREAD = 0.01
"""Variance of heat maps that have not the regions' own."""


class Motion(NamedTuple):
    """How B frames are made from their source images."""

    flow: Tensor
    """(B, h, w, 2) where in the source image each pixel comes from, (x, y) from -1 to 1."""
    occlusion: Tensor | None
    """(B, 1, h, w) how much of it is seen in the source image, 0 to 1; none where this is not estimated."""


class FlowPredictor(nn.Module):
    """Mixes one motion for each region and one for the background, pixel by pixel."""

    def __init__(self, config: FlowAutoencoderConfig) -> None:
        super().__init__()
        self.covariance_heat = config.covariance_heat
        self.flip_axes = config.flip_axes
        self.align_corners = config.align_corners
        self.down = BlurDownsample(3, config.scale)
        inputs = 4 * (config.regions + 1)
        self.hourglass = Hourglass(inputs, config.flow_width, config.most_channels, config.flow_blocks)
        self.mask = nn.Conv2d(self.hourglass.channels, config.regions + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.channels, 1, 7, padding=3) if config.occlusion else None

    def forward(self, source: Tensor, from_: Regions, to: Regions, background: Tensor) -> Motion:
        """Return the motion from the source image to each driving frame.

        Args:
            source: (B, 3, H, W) images in [0, 1].
            from_: their regions.
            to: regions of the driving frames.
            background: (B, 3, 3) motions of the background.
        """
        small = self.down(source).to(source.dtype)
        # sampling positions need more digits than images do
        with without_autocast(source.device):
            heat = self.heat_difference(from_, to, small)
            motions = self.region_motions(from_, to, background, small)
            deformed = self.deformed(small, motions)
        features = self.hourglass(torch.cat((heat, deformed), dim=2).flatten(1, 2))
        shares = torch.softmax(self.mask(features).to(source.dtype), dim=1)
        with without_autocast(source.device):
            flow = torch.einsum("bkhw,bkhwc->bhwc", shares, motions)
        occlusion = None if self.occlusion is None else torch.sigmoid(self.occlusion(features).to(source.dtype))
        return Motion(flow, occlusion)

    def heat_difference(self, from_: Regions, to: Regions, small: Tensor) -> Tensor:
        """Return (B, K + 1, 1, h, w): Gaussians of the regions where they are, less where they were; 0 first."""
        grid = identity_grid(*small.shape[2:], like=small)
        difference = self._gaussians(to, grid) - self._gaussians(from_, grid)
        return torch.cat((torch.zeros_like(difference[:, :1]), difference), dim=1).unsqueeze(2)

    def _gaussians(self, regions: Regions, grid: Tensor) -> Tensor:
        offsets = grid - regions.shift[:, :, None, None]
        if not self.covariance_heat:
            return torch.exp(-0.5 * offsets.square().sum(-1) / EQUAL_SPREAD)
        distance = torch.einsum("bkhwi,bkij,bkhwj->bkhw", offsets, inverse(regions.covar), offsets)
        return torch.exp(-0.5 * distance)

    def region_motions(self, from_: Regions, to: Regions, background: Tensor, small: Tensor) -> Tensor:
        """Return (B, K + 1, h, w, 2): where each pixel comes from if it moves as the background, or as a region."""
        grid = identity_grid(*small.shape[2:], like=small)
        turned = relative_affine(from_, to, flip_axes=self.flip_axes)
        moved = torch.einsum("bkij,bkhwj->bkhwi", turned, grid - to.shift[:, :, None, None])
        homogeneous = torch.cat((grid, torch.ones_like(grid[..., :1])), dim=-1)
        behind = torch.einsum("bij,hwj->bhwi", background, homogeneous)
        behind = behind[..., :2] / behind[..., 2:]
        return torch.cat((behind.unsqueeze(1), moved + from_.shift[:, :, None, None]), dim=1)

    def deformed(self, small: Tensor, motions: Tensor) -> Tensor:
        """Sample (B, 3, h, w) by each of (B, K + 1, h, w, 2) motions: (B, K + 1, 3, h, w)."""
        tall = motions.flatten(1, 2)
        sampled = torch.nn.functional.grid_sample(small, tall, align_corners=self.align_corners)
        return sampled.unflatten(2, motions.shape[1:3]).transpose(1, 2)


def relative_affine(from_: Regions, to: Regions, *, flip_axes: bool) -> Tensor:
    """Return (B, K, 2, 2): how each region must be stretched and turned to be as it was in the source image."""
    turned = from_.affine @ inverse(to.affine)
    return turned * torch.sign(turned[..., :1, :1]) if flip_axes else turned
