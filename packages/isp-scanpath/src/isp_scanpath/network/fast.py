"""The network as inference runs it: batch norms folded, in the precision asked for."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from visioncore.devices import autocast

from .actions import Actions
from .backbone import Bottleneck, DilatedResNet
from .base import ISP


def for_inference(model: ISP, device: torch.device, dtype: torch.dtype) -> FastISP:
    """Return a network ready for inference, with the arguments of the model's own ``forward``.

    Args:
        model: either network; later changes of its weights are not seen.
        device: where it runs.
        dtype: float32, float64, bfloat16 or float16; what comes out is in float32 or better.
    """
    return FastISP(model, device, dtype).eval()


class FastISP(nn.Module):
    """Either network for inference; made by `for_inference`."""

    @torch.no_grad()
    def __init__(self, model: ISP, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = copy.deepcopy(model).to(device).eval().requires_grad_(False)
        self.device, self.dtype = device, dtype
        if dtype == torch.float64:
            self.network.double()
        for module in self.network.modules():
            if isinstance(module, DilatedResNet | Bottleneck):
                _fold_norms(module)

    def forward(self, *inputs: Tensor | None) -> Actions:
        """Return the distributions of all steps; in float64 if it was asked for, else in float32."""
        exact = torch.float64 if self.dtype == torch.float64 else torch.float32
        with autocast(self.device, torch.float32 if self.dtype == torch.float64 else self.dtype):
            actions: Actions = self.network(*inputs)
        return Actions(*(value.to(exact) for value in actions))


def _fold_norms(module: nn.Module) -> None:
    """Put each batch norm of a part of the backbone into the convolution before it."""
    for norm in ("norm", "norm1", "norm2", "norm3"):
        if hasattr(module, norm):
            convolution = norm.replace("norm", "conv")
            _fold(module, convolution, norm)
    if isinstance(module, Bottleneck) and module.shortcut is not None:
        _fold(module.shortcut, "0", "1")


def _fold(parent: nn.Module, convolution: str, norm: str) -> None:
    first = cast(nn.Conv2d, getattr(parent, convolution))
    second = cast(nn.BatchNorm2d, getattr(parent, norm))
    setattr(parent, convolution, fuse_conv_bn_eval(first, second))
    setattr(parent, norm, nn.Identity())
