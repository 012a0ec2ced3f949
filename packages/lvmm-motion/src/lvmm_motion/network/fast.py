"""The networks as inference runs them, in the precision asked for."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from visioncore.devices import return_memory

from . import fast_attention
from .attention import Attention
from .base import LVMM
from .fast_blocks import fold
from .fast_renderer import FastRenderer
from .renderer import Renderer


@torch.no_grad()
def for_inference(model: LVMM, device: torch.device, dtype: torch.dtype, *, copied: bool = True) -> LVMM:
    """Return a network ready for inference, with the methods of the model itself.

    Args:
        model: any of the networks; later changes of its weights are not seen.
        device: where it runs.
        dtype: float64 for everything; bfloat16 or float16 for convolutions and projections, while norms, softmax, grids
            and what comes out stay in float32.
        copied: False for a model that nobody else needs: it is changed itself, and takes no memory twice.
    """
    network = (copy.deepcopy(model) if copied else model).to(device).eval().requires_grad_(False)
    if dtype == torch.float64:
        network.double()
    detours = device.type == "cpu" and dtype in (torch.float32, torch.float64)
    fold(network, detours)
    if detours:
        fast_attention.speed_up(network)
        for module in list(network.modules()):
            if isinstance(module, Renderer):
                module.__class__ = FastRenderer
                cast(FastRenderer, module).speed_up()
    if dtype in (torch.bfloat16, torch.float16):
        _lower(network, dtype)
    network.for_inference_only = True
    return_memory()
    return network


class InPrecision(nn.Module):
    """A layer in another precision than what goes in and comes out."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer, self.dtype = layer.to(dtype), dtype

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x.to(self.dtype))
        return out.to(x.dtype)


def _lower(network: nn.Module, dtype: torch.dtype) -> None:
    """Let the layers that take the time compute in half precision, in place."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            wide = isinstance(child, nn.Conv2d | nn.ConvTranspose2d) and child.kernel_size[0] > 1
            if wide or (isinstance(child, nn.Linear) and isinstance(module, Attention)):
                setattr(module, name, InPrecision(child, dtype))
