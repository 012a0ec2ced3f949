"""The network as inference runs it: batch norms folded, in the precision asked for, on the engine asked for."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from visioncore.devices import autocast

from ..sparse import MinkowskiBatchNorm, MinkowskiConvolution, MinkowskiConvolutionTranspose, SparseTensor
from ..sparse.engine import Engine
from ..sparse.spconv import Convolution
from .base import CSC


def for_inference(model: CSC, device: torch.device, dtype: torch.dtype, engine: Engine | None = None) -> FastNetwork:
    """Return a network ready for inference, with the arguments of the model's own ``forward``.

    Args:
        model: the network; later changes of its weights are not seen.
        device: where it runs.
        dtype: float32, float64, bfloat16 or float16; what comes out is in float32 or better.
        engine: who computes the sparse convolutions; default: plain PyTorch.
    """
    return FastNetwork(model, device, dtype, engine).eval()


class FastNetwork(nn.Module):
    """A network for inference; made by `for_inference`."""

    @torch.no_grad()
    def __init__(self, model: CSC, device: torch.device, dtype: torch.dtype, engine: Engine | None = None) -> None:
        super().__init__()
        self.network = copy.deepcopy(model).to(device).eval().requires_grad_(False)
        self.device, self.dtype, self.engine = device, dtype, engine
        if dtype == torch.float64:
            self.network.double()
        fold_norms(self.network)
        if dtype in (torch.bfloat16, torch.float16):
            for layer in self.network.modules():
                if isinstance(layer, SPARSE):
                    layer.to(dtype)

    @torch.no_grad()
    def forward(self, voxels: SparseTensor, *further: Any) -> Any:
        """Return the network's output; in float64 if it was asked for, else in float32."""
        exact = torch.float64 if self.dtype == torch.float64 else torch.float32
        voxels = voxels if self.engine is None else voxels.on(self.engine)
        with autocast(self.device, torch.float32 if self.dtype == torch.float64 else self.dtype):
            found = self.network(voxels.replace(voxels.features.to(exact)), *further)
        if isinstance(found, tuple):
            return type(found)(*(each.to(exact) for each in found))
        return found.to(exact) if isinstance(found, Tensor) else found.replace(found.features.to(exact))


def fold_norms(network: nn.Module) -> None:
    """Put each batch norm that follows a sparse convolution into its weights."""
    for module in network.modules():
        before: nn.Module | None = None
        for name, layer in module.named_children():
            if isinstance(layer, nn.BatchNorm1d | MinkowskiBatchNorm) and isinstance(before, SPARSE):
                _fold(before, layer.bn if isinstance(layer, MinkowskiBatchNorm) else layer)
                setattr(module, name, nn.Identity())
            before = layer


SPARSE = (MinkowskiConvolution, MinkowskiConvolutionTranspose, Convolution)


def _fold(layer: Any, norm: nn.BatchNorm1d) -> None:
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    bias = norm.bias - norm.running_mean * scale
    if layer.bias is not None:
        bias = bias + layer.bias.flatten() * scale
    if isinstance(layer, Convolution):
        layer.weight.data = layer.scaled(scale)
        layer.bias = nn.Parameter(bias)
    else:
        layer.kernel.data = layer.kernel * scale
        layer.bias = nn.Parameter(bias[None])
