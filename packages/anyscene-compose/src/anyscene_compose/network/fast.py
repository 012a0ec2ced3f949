"""The fast path of a pass beside the base: one precision, channels last; that of cross-attention is `attention`."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from .model import Injector


def for_inference(model: Injector, device: torch.device, dtype: torch.dtype) -> FastInjector:
    """Return a network ready for inference, called as `Injector.forward`; tensors come out in float32 at least.

    Args:
        model: an injector; later changes of its weights are not seen.
        device: where it runs.
        dtype: precision of its arithmetic.
    """
    return FastInjector(model, dtype).to(device).eval()


class FastInjector(nn.Module):
    """An injector in one precision; made by `for_inference`."""

    def __init__(self, model: Injector, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False).to(dtype)
        self.model.control.to(memory_format=torch.channels_last)

    def forward(self, latents: Tensor, timestep: Tensor, condition: Tensor, features: Tensor) -> tuple[Tensor, ...]:
        """Return tokens and residuals; see `Injector.forward`."""
        dtype = self.model.control.dtype
        found = self.model(latents.to(dtype), timestep, condition, features.to(dtype))
        return tuple(each.to(torch.promote_types(dtype, torch.float32)) for each in found)
