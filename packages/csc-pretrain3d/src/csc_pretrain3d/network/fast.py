"""The fast path: what does not depend on the image is computed once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .model import CSC


def for_inference(model: CSC, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a network ready for inference: images (B, C, H, W) in, the same bright, not clamped, out.

    Args:
        model: a `CSC`; later changes of its weights are not seen.
        device: where it runs.
        dtype: precision of its arithmetic; what comes out is in that of the images.
    """
    return FastCSC(model, dtype).to(device).eval()


class FastCSC(nn.Module):
    """A network in one precision; made by `for_inference`."""

    gain: Tensor

    @torch.no_grad()
    def __init__(self, model: CSC, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("gain", model.gain.log_gain.exp().to(dtype))

    def forward(self, dim: Tensor) -> Tensor:
        return (dim.to(self.gain.dtype) * self.gain).to(dim.dtype)
