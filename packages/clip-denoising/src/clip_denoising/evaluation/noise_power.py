"""Noise power spectrum of an image's errors, as for CT scanners."""

from __future__ import annotations

import torch
from torch import Tensor

SIDE = 64
"""Of the squares that spectra are taken of, in pixels; half as many frequencies can be told apart."""


def noise_power(error: Tensor) -> Tensor:
    """Return the noise power spectrum of errors, radially averaged: (SIDE / 2,) float64, in the square of their unit.

    Entry k is the mean power at frequencies from k - 1/2 to k + 1/2 cycles per `SIDE` pixels. Squares of `SIDE` pixels
    are taken side by side, each without its mean and its slope, for what changes slowly is not noise: entry 0 is 0, and
    entry 1 a little low. Beyond these, independent errors have the same everywhere, their variance. Times the area of a
    pixel, it is the spectrum as usually given (HU^2 mm^2).

    Args:
        error: (H, W), at least `SIDE` pixels in each direction.
    """
    squares = error.double().unfold(0, SIDE, SIDE).unfold(1, SIDE, SIDE).flatten(0, 1)
    place = torch.linspace(-1, 1, SIDE, dtype=torch.float64, device=error.device)
    squares = squares - squares.mean((1, 2), keepdim=True)
    for ramp in (place[:, None], place[None, :]):
        plane = ramp.expand(SIDE, SIDE)
        share = (squares * plane).sum((1, 2)) / plane.square().sum()
        squares = squares - share[:, None, None] * plane
    power = torch.fft.fft2(squares).abs().square().mean(0) / SIDE**2
    frequency = torch.fft.fftfreq(SIDE, 1 / SIDE, dtype=torch.float64, device=error.device)
    ring = torch.hypot(frequency[:, None], frequency[None, :]).round().long()
    inside = ring < SIDE // 2
    sums = torch.zeros(SIDE // 2, dtype=torch.float64, device=error.device).index_add_(0, ring[inside], power[inside])
    return sums / torch.bincount(ring[inside], minlength=SIDE // 2)
