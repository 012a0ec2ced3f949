"""Sparse convolution as such: gather rows, multiply by the matrix of each offset, add up what belongs to an output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from .kernel_maps import KernelMap


def convolve(features: Tensor, weight: Tensor, pairs: KernelMap) -> Tensor:
    """Return the convolution (M, out channels) of features (N, in channels); differentiable once.

    Args:
        features: of the map's source.
        weight: (K, in channels, out channels), one matrix an offset.
        pairs: the kernel map.
    """
    if torch.is_autocast_enabled(features.device.type):
        dtype = torch.get_autocast_dtype(features.device.type)
        features, weight = features.to(dtype), weight.to(dtype)
    result: Tensor = _Convolution.apply(features, weight, pairs)
    return result


class _Convolution(Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, pairs: KernelMap) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.pairs = pairs
        return gather_multiply_add(features, weight.unbind(), pairs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        pairs: KernelMap = ctx.pairs
        gradient = gradient.contiguous()
        of_features = of_weight = None
        if ctx.needs_input_grad[0]:
            matrices = weight.transpose(1, 2).unbind()
            if pairs.mirrored:
                of_features = gather_multiply_add(gradient, matrices[::-1], pairs)
            else:
                of_features = gather_multiply_add(gradient, matrices, pairs.swapped())
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(features, gradient, pairs)
        return of_features, of_weight, None


def gather_multiply_add(features: Tensor, matrices: Sequence[Tensor], pairs: KernelMap) -> Tensor:
    """Return the convolution, sums in at least float32.

    On the CPU all products are written one after the other and then added up output by output, which reads and writes
    memory least; elsewhere one offset's products are added at a time.
    """
    channels = matrices[0].shape[1]
    each = zip(pairs.inputs.split(pairs.counts), matrices, strict=True)
    if features.device.type == "cpu":
        products = features.new_empty(len(pairs.inputs), channels)
        centre = len(matrices) // 2 if pairs.mirrored else None
        for offset, ((inputs, matrix), part) in enumerate(zip(each, products.split(pairs.counts), strict=True)):
            # a mirrored map's middle offset meets every row with itself
            gathered = features if offset == centre else features.index_select(0, inputs)
            torch.mm(gathered, matrix, out=part)
        rows, starts = pairs.bags
        return torch.nn.functional.embedding_bag(rows, products, starts, mode="sum", include_last_offset=True)
    exact = torch.promote_types(features.dtype, torch.float32)
    out = features.new_zeros(len(pairs.target), channels, dtype=exact)
    for (inputs, matrix), outputs in zip(each, pairs.outputs.split(pairs.counts), strict=True):
        out.index_add_(0, outputs, (features.index_select(0, inputs) @ matrix).to(exact))
    return out.to(features.dtype)


def weight_gradient(features: Tensor, gradient: Tensor, pairs: KernelMap) -> Tensor:
    """Return the gradient (K, in channels, out channels) of the weights."""
    out = features.new_empty(len(pairs.counts), features.shape[1], gradient.shape[1])
    each = zip(pairs.inputs.split(pairs.counts), pairs.outputs.split(pairs.counts), out, strict=True)
    for inputs, outputs, matrix in each:
        torch.mm(features.index_select(0, inputs).t(), gradient.index_select(0, outputs), out=matrix)
    return out
