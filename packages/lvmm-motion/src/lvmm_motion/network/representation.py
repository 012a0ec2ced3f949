"""Motions of whole clips, and the numbers that the motion denoiser works on."""

from __future__ import annotations

import torch
from torch import Tensor

from .autoencoder import FlowAutoencoder
from .flow import Motion
from .fourier import coefficients, from_coefficients
from .grids import identity_grid, resize


def clip_motion(autoencoder: FlowAutoencoder, source: Tensor, frames: Tensor) -> Motion:
    """Return the motion from one image to each of n frames.

    Args:
        autoencoder: finds it; its renderer is not needed.
        source: (1, 3, H, W) in [0, 1].
        frames: (n, 3, H, W), in batches as large as memory allows.
    """
    regions = autoencoder.region_predictor(source).expand(len(frames))
    sources = source.expand_as(frames)
    return autoencoder.decode_motion(sources, regions, autoencoder.encode_motion(sources, frames))


def packed(motion: Motion, size: tuple[int, int]) -> Tensor:
    """Return the motion of n frames as (3, n, h, w): flow x and y, and occlusion from -1 to 1; ``size`` is (h, w)."""
    flow = motion.flow.permute(0, 3, 1, 2)
    occlusion = torch.ones_like(flow[:, :1]) if motion.occlusion is None else motion.occlusion
    return resize(torch.cat((flow, 2 * occlusion - 1), dim=1), size).transpose(0, 1)


def unpacked(motion: Tensor, size: tuple[int, int]) -> Motion:
    """Return the motion that `packed` made (3, n, h, w), resized to ``size``; the occlusion is clipped to [0, 1]."""
    frames = resize(motion.transpose(0, 1), size)
    return Motion(frames[:, :2].permute(0, 2, 3, 1), ((frames[:, 2:] + 1) / 2).clamp(0, 1))


class OfficialRepresentation:
    """Fourier sums of absolute sampling positions, as the authors train on.

    The first coefficient of a position is up to 150, and the authors' sampler clips all to [-1, 1]: what comes out
    hardly moves. It is there to reproduce their numbers.

    Args:
        frames: n of a clip.
        keep: coefficients k.
    """

    def __init__(self, frames: int, keep: int) -> None:
        self.frames = frames
        self.keep = keep

    def encode(self, motion: Tensor) -> Tensor:
        """(B, 3, n, h, w) -> (B, 6, k, h, w)."""
        return coefficients(motion, self.keep)

    def sums(self, kept: Tensor) -> Tensor:
        """Return the Fourier sums of positions and occlusion that encoded motions (B, 6, k, h, w) stand for."""
        return kept

    def decode(self, kept: Tensor) -> Tensor:
        """(B, 6, k, h, w) -> (B, 3, n, h, w)."""
        return from_coefficients(self.sums(kept), self.frames)


class NormalisedRepresentation(OfficialRepresentation):
    """Fourier means of offsets from where each pixel is, each frequency in units of its spread over the data.

    Args:
        frames: n of a clip.
        keep: coefficients k.
        scales: (6, k) standard deviations.
    """

    def __init__(self, frames: int, keep: int, scales: Tensor) -> None:
        super().__init__(frames, keep)
        self.scales = scales

    def raw(self, motion: Tensor) -> Tensor:
        """(B, 3, n, h, w) -> (B, 6, k, h, w), before they are scaled."""
        sums = coefficients(motion, self.keep)
        return (sums - self._still(sums)) / self.frames

    def encode(self, motion: Tensor) -> Tensor:
        """(B, 3, n, h, w) -> (B, 6, k, h, w)."""
        return self.raw(motion) / self.scales[:, :, None, None]

    def sums(self, kept: Tensor) -> Tensor:
        """Return the Fourier sums of positions and occlusion that encoded motions (B, 6, k, h, w) stand for."""
        sums = kept * self.scales[:, :, None, None] * self.frames
        return sums + self._still(sums)

    def _still(self, sums: Tensor) -> Tensor:
        """The sums of a clip in which nothing moves and all is seen."""
        grid = identity_grid(*sums.shape[3:], like=sums).permute(2, 0, 1)
        still = torch.zeros_like(sums[0])
        still[:3, 0] = torch.cat((grid, torch.ones_like(grid[:1]))) * self.frames
        return still
