"""The positional code: a vector, and sines and cosines of it at doubling frequencies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.devices import without_autocast


class PositionalCode(nn.Module):
    """Code of vectors.

    At the highest of 30 frequencies one unit in the last place of a float32 is many turns of phase: features agree
    between two programs where the vectors agree in all bits, and are noise where they do not.
    """

    frequencies: Tensor

    def __init__(self, n_freqs: int, double: bool = False) -> None:
        super().__init__()
        self.double_precision = double
        # Integers stay what they are when a network is put into half precision, and float16 ends at 2^15.
        frequencies = torch.tensor([2**k for k in range(n_freqs)])
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return codes (..., N (1 + 2 F)) of vectors (..., N): x, then sin(2^k x) and cos(2^k x) for each k.

        They have at least single precision, under autocast as well.
        """
        with without_autocast(x.device):
            x = precise(x, self.double_precision)
            phase = x[..., None, :] * self.frequencies.to(x.dtype)[:, None]
            waves = torch.stack([phase.sin(), phase.cos()], dim=-2)
            return torch.cat([x, waves.flatten(-3)], dim=-1)


def precise(x: Tensor, double: bool) -> Tensor:
    """Return a tensor in float64 if ``double``, else in at least float32."""
    if double:
        return x.double()
    return x if x.dtype in (torch.float32, torch.float64) else x.float()
