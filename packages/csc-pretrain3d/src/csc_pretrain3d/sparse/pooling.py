"""Max pooling over the pairs of a kernel map."""

from __future__ import annotations

from torch import Tensor

from .kernel_maps import KernelMap


def largest(features: Tensor, pairs: KernelMap) -> Tensor:
    """Return the largest of each output's inputs and zero, (M, C); equal ones share the gradient."""
    start = features.new_zeros(len(pairs.target), features.shape[1])
    rows = pairs.outputs[:, None].expand(-1, features.shape[1])
    return start.scatter_reduce(0, rows, features[pairs.inputs], "amax")
