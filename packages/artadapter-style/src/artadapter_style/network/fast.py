"""The fast path from references to style tokens; that of cross-attention is `attention`."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .model import ArtAdapter


def for_inference(model: ArtAdapter, device: torch.device, dtype: torch.dtype) -> FastEncoder:
    """Return a network ready for inference: references (B, 3, H, W) in, style tokens (B, n, width) out, float32
    at least.

    Args:
        model: an adapter; later changes of its weights are not seen.
        device: where it runs.
        dtype: precision of VGG-19; statistics and the style encoder are in float32 at least.
    """
    return FastEncoder(model, dtype).to(device).eval()


class FastEncoder(nn.Module):
    """An adapter in one precision; made by `for_inference`."""

    def __init__(self, model: ArtAdapter, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False).to(torch.promote_types(dtype, torch.float32))
        self.model.vgg.to(dtype).to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> style tokens (B, n, width)."""
        tokens: Tensor = self.model(image.contiguous(memory_format=torch.channels_last))
        return tokens
