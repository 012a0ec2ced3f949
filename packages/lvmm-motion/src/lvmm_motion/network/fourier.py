"""A motion as the low frequencies of its course over time, and back."""

from __future__ import annotations

import torch
from torch import Tensor


def coefficients(motion: Tensor, keep: int | None = None) -> Tensor:
    """Return Fourier coefficients over frames, real parts and then imaginary parts as channels.

    Args:
        motion: (B, C, n, h, w).
        keep: how many of the ``n // 2 + 1`` are kept, from the lowest on; None keeps all.

    Returns:
        (B, 2C, k, h, w), sums over the frames.
    """
    spectrum = torch.fft.rfft(motion, dim=2)[:, :, :keep]
    return torch.cat((spectrum.real, spectrum.imag), dim=1)


def from_coefficients(kept: Tensor, frames: int) -> Tensor:
    """Return the motion of coefficients (B, 2C, k, h, w); those that are missing are zero: (B, C, frames, h, w)."""
    real, imaginary = kept.chunk(2, dim=1)
    return torch.fft.irfft(torch.complex(real, imaginary), n=frames, dim=2)


def at_times(kept: Tensor, frames: int, times: Tensor) -> Tensor:
    """Return the motion of coefficients at any times, also between frames; it repeats after ``frames``.

    Args:
        kept: (2C, k, h, w), real parts first, k at most ``frames // 2``.
        frames: after how many frames the motion repeats.
        times: (m,) in frames.

    Returns:
        (C, m, h, w); at whole numbers what `from_coefficients` gives.
    """
    real, imaginary = kept.chunk(2)
    angles = torch.outer(times.to(kept), torch.arange(kept.shape[1]).to(kept)) * (2 * torch.pi / frames)
    weight = torch.full_like(angles[0], 2 / frames)
    weight[0] = 1 / frames
    wave = torch.einsum("mk,ckhw->cmhw", angles.cos() * weight, real)
    return wave - torch.einsum("mk,ckhw->cmhw", angles.sin() * weight, imaginary)
