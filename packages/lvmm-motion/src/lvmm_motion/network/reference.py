"""The reference path: every network step by step as the method states it, which the fast path is held to.

Regions are moved by matrices at each pixel, a copy of the image is sampled for each of them, the roots of covariances
come from a singular value decomposition, and attention is written out with its softmax. Convolutions of the denoisers
run over (B, C, F, H, W) with kernels of one frame.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from .attention import (
    HEAD,
    ChannelNorm,
    CrossAttention,
    FrequencyAttention,
    LinearAttention,
    Positions,
    SpatialAttention,
)
from .base import LVMM
from .config import GROUPS
from .flow import EQUAL_SPREAD, FlowPredictor
from .grids import identity_grid
from .regions import RegionPredictor, Regions
from .unet_blocks import Block, FrameGroupNorm


def as_reference(model: LVMM) -> LVMM:
    """Return a copy of a network that computes the same in the paper's own steps."""
    reference = copy.deepcopy(model)
    for module in reference.modules():
        plain = _PLAIN.get(type(module))
        if plain is not None:
            module.__class__ = plain
    return reference


class PlainRegions(RegionPredictor):
    """Regions by sums over all pixels and a decomposition of each covariance."""

    def forward(self, frames: Tensor) -> Regions:
        features = self.predictor(self.down(frames))
        logits = self.regions(features)
        heat = (logits.flatten(2) / self.temperature).softmax(dim=2).view_as(logits).unsqueeze(-1)
        grid = identity_grid(*logits.shape[2:], like=heat)
        shift = (heat * grid).sum(dim=(2, 3))
        offset = (grid - shift[:, :, None, None]).unsqueeze(-1)
        covar = (heat.unsqueeze(-1) * (offset @ offset.mT)).sum(dim=(2, 3))
        if self.jacobian is not None:
            turns = self.jacobian(features).permute(0, 2, 3, 1).unflatten(3, (2, 2)).unsqueeze(1)
            return Regions(shift, covar, (heat.unsqueeze(-1) * turns).sum(dim=(2, 3)), heat.squeeze(-1))
        axes, lengths, _ = torch.linalg.svd(covar)
        # their signs are free: the first axis points left, and the second is it turned by a right angle
        first = axes[..., :1] * -torch.sign(axes[..., :1, :1])
        second = torch.cat((first[..., 1:, :], -first[..., :1, :]), dim=-2)
        affine = torch.cat((first, second), dim=-1) @ torch.diag_embed(lengths.sqrt())
        return Regions(shift, covar, affine, heat.squeeze(-1))


class PlainFlow(FlowPredictor):
    """A matrix for each pixel and region, and as many copies of the image."""

    def _gaussians(self, regions: Regions, grid: Tensor) -> Tensor:
        offset = (grid - regions.shift[:, :, None, None]).unsqueeze(-1)
        spread = torch.linalg.inv(regions.covar) if self.covariance_heat else torch.eye(2).to(grid) / EQUAL_SPREAD
        return torch.exp(-0.5 * (offset.mT @ (spread[..., None, None, :, :] @ offset)))[..., 0, 0]

    def region_motions(self, from_: Regions, to: Regions, background: Tensor, small: Tensor) -> Tensor:
        grid = identity_grid(*small.shape[2:], like=small)
        turned = from_.affine @ torch.linalg.inv(to.affine)
        if self.flip_axes:
            turned = turned * torch.sign(turned[..., :1, :1])
        offset = (grid - to.shift[:, :, None, None]).unsqueeze(-1)
        moved = (turned[:, :, None, None] @ offset).squeeze(-1) + from_.shift[:, :, None, None]
        homogeneous = torch.cat((grid, torch.ones_like(grid[..., :1])), dim=-1).unsqueeze(-1)
        behind = (background[:, None, None] @ homogeneous).squeeze(-1)
        return torch.cat(((behind[..., :2] / behind[..., 2:]).unsqueeze(1), moved), dim=1)

    def deformed(self, small: Tensor, motions: Tensor) -> Tensor:
        count = motions.shape[1]
        copies = small.repeat_interleave(count, dim=0)
        sampled = functional.grid_sample(copies, motions.flatten(0, 1), align_corners=self.align_corners)
        return sampled.unflatten(0, (-1, count))


class PlainGroupNorm(FrameGroupNorm):
    """Norm over the frames, pixels and channels of a group."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(x.permute(0, 4, 1, 2, 3), GROUPS, self.weight, self.bias).permute(0, 2, 3, 4, 1)


class PlainBlock(Block):
    """A convolution in three dimensions, one of which has size 1."""

    def forward(self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        weight = self.proj.weight.unsqueeze(2)
        x = functional.conv3d(x.permute(0, 4, 1, 2, 3), weight, self.proj.bias, padding=(0, 1, 1))
        x = self.norm(x.permute(0, 2, 3, 4, 1))
        if scale is not None and shift is not None:
            x = x * (scale[:, None, None, None] + 1) + shift[:, None, None, None]
        return functional.silu(x)


class PlainChannelNorm(ChannelNorm):
    """Mean and variance over channels."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=-1, keepdim=True)
        variance = (x - mean).square().mean(dim=-1, keepdim=True)
        return (x - mean) / (variance + 1e-5).sqrt() * self.gamma


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | float = 0.0) -> Tensor:
    """Mix values (..., n, 32) by the softmax of scaled products."""
    return ((query * HEAD**-0.5) @ key.mT + bias).softmax(dim=-1) @ value


class PlainSpatialAttention(SpatialAttention):
    """Attention written out, frame by frame."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(2, 3)
        return x + self.merge(_attend(self.split(self.to_q(tokens)), *self.keys_and_values(tokens))).view_as(x)


class PlainCrossAttention(CrossAttention):
    """Attention written out; the condition is repeated for each frame."""

    def forward(self, x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(2, 3)
        keys, values = (each.unsqueeze(1).expand(-1, x.shape[1], -1, -1, -1) for each in (keys, values))
        return x + self.merge(_attend(self.split(self.to_q(tokens)), keys, values)).view_as(x)


class PlainFrequencyAttention(FrequencyAttention):
    """Attention written out, pixel by pixel, for one coefficient too."""

    def forward(self, x: Tensor, positions: Positions) -> Tensor:
        tokens = self.norm(x).permute(0, 2, 3, 1, 4)
        keys, values = self.keys_and_values(tokens)
        queries = self.split(self.to_q(tokens))
        mixed = _attend(self._turned(queries, positions), self._turned(keys, positions), values, positions.bias)
        return x + self.merge(mixed).permute(0, 3, 1, 2, 4)

    def _turned(self, x: Tensor, positions: Positions) -> Tensor:
        """Multiply each pair of channels of (..., F, 32) by the matrix of its rotation."""
        cos, sin = (each[:, 0, 0, 1::2] for each in (positions.cos, positions.sin))
        matrix = torch.stack((torch.stack((cos, -sin), -1), torch.stack((sin, cos), -1)), dim=-2)
        return (matrix @ x.unflatten(-1, (-1, 2)).unsqueeze(-1)).squeeze(-1).flatten(-2)


class PlainLinearAttention(LinearAttention):
    """As images (B * F, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        images = self.norm(x).flatten(0, 1).permute(0, 3, 1, 2)
        query, key, value = self.to_qkv(images).flatten(2).unflatten(1, (3, self.heads, HEAD)).unbind(1)
        context = torch.einsum("bhdn,bhen->bhde", key.softmax(dim=-1), value)
        mixed = torch.einsum("bhde,bhdn->bhen", context, query.softmax(dim=-2) * HEAD**-0.5)
        out: Tensor = self.to_out(mixed.flatten(1, 2).unflatten(-1, x.shape[2:4]))
        return x + out.permute(0, 2, 3, 1).view_as(x)


_PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    RegionPredictor: PlainRegions,
    FlowPredictor: PlainFlow,
    FrameGroupNorm: PlainGroupNorm,
    Block: PlainBlock,
    ChannelNorm: PlainChannelNorm,
    SpatialAttention: PlainSpatialAttention,
    CrossAttention: PlainCrossAttention,
    FrequencyAttention: PlainFrequencyAttention,
    LinearAttention: PlainLinearAttention,
}
