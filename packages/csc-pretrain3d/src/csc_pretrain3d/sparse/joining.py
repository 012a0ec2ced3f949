"""Tensors of the same voxels, joined; and layers one after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.errors import InputError

from .tensor import SparseTensor


def side_by_side(first: SparseTensor, second: SparseTensor) -> SparseTensor:
    """Return the channels of two tensors of the same voxels, the first's first.

    Raises:
        InputError: if they are of other voxels.
    """
    if first.sites is not second.sites:
        raise InputError(f"{first} and {second} are of other voxels; only tensors of the same ones can be joined")
    return first.replace(torch.cat([first.features, second.features], dim=1))


def added(fresh: Tensor, other: Tensor) -> Tensor:
    """Return the sum; without gradients in place of the first, which nobody else may hold."""
    other = other.to(fresh.dtype)
    return fresh + other if torch.is_grad_enabled() else fresh.add_(other)


def rectified(fresh: Tensor) -> Tensor:
    """Return the values without the negative ones; without gradients in place, so that nobody else may hold them."""
    return fresh.relu() if torch.is_grad_enabled() else fresh.relu_()


class SparseSequential(nn.Sequential):
    """Layers one after the other; those that are not sparse, such as norms, see the features alone."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Return the last layer's output."""
        given = x.features
        for layer in self:
            if isinstance(layer, nn.ReLU):
                x = x.replace(x.features.relu() if x.features is given else rectified(x.features))
            else:
                x = x.replace(layer(x.features)) if isinstance(layer, DENSE) else layer(x)
        return x


DENSE = (nn.BatchNorm1d, nn.SyncBatchNorm, nn.LeakyReLU, nn.Linear)
"""Layers of features (N, C)."""
