"""Output of the network."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor


class Output(NamedTuple):
    """Logits of K classes, background first.

    Attributes:
        coarse_logits: (B, K, S/4, S/4) of the first decoder.
        fine_logits: (B, K, S, S) of the second; None for a network without one.
    """

    coarse_logits: Tensor
    fine_logits: Tensor | None

    @property
    def logits(self) -> Tensor:
        """Mean of both decoders' logits, (B, K, S, S); those of the first are upsampled bilinearly."""
        size = [4 * side for side in self.coarse_logits.shape[-2:]]
        upsampled = F.interpolate(self.coarse_logits, size=size, mode="bilinear")
        return upsampled if self.fine_logits is None else (upsampled + self.fine_logits) / 2
