"""The network as inference runs it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.devices import autocast


def for_inference(model: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Return a network ready for inference: (B, 3, H, W) in, the same in float32 or better out.

    Args:
        model: a `NeRDRain`, moved to the device and put into evaluation mode, in which it takes its shortcuts.
        device: where it runs.
        dtype: float32, bfloat16 or float16.
    """
    return FastDerainer(model.to(device).eval(), device, dtype)


class FastDerainer(nn.Module):
    """A network in one precision; made by `for_inference`."""

    def __init__(self, model: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.model, self.device, self.dtype = model, device, dtype

    def forward(self, rainy: Tensor) -> Tensor:
        with autocast(self.device, self.dtype):
            restored: Tensor = self.model(rainy.to(next(self.model.parameters()).dtype))
        return restored.to(torch.promote_types(rainy.dtype, torch.float32))
