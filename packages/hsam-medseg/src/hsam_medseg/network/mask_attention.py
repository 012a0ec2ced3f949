"""Mask-guided cross attention (paper, section 3.2): attention weighted by the first decoder's class probabilities."""

from __future__ import annotations

import math

from torch import Tensor

from .attention import Attention


class MaskedAttention(Attention):
    """Attention between mask tokens and image; its weights are multiplied by a prior and not renormalised."""

    def forward(self, q: Tensor, k: Tensor, v: Tensor, prior: Tensor | None = None) -> Tensor:
        """Return the attended values, (B, Q, width).

        Args:
            q: (B, Q, width).
            k: (B, N, width).
            v: (B, N, width).
            prior: (B, Q, N) factors of the weights, the same for all heads: probabilities of the first decoder.
        """
        if prior is None:
            raise TypeError("masked attention needs a prior")
        q, k, v = self.project(q, k, v)
        weights = ((q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)).softmax(dim=-1)
        # The prior is never in half precision.
        return self.merge((weights * prior[:, None]).to(v.dtype) @ v)
