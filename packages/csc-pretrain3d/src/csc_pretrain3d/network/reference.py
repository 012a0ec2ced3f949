"""The reference path: the network with sparse convolution by its definition, which the fast path is held to."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from ..sparse import SparseTensor
from ..sparse.reference import ReferenceEngine
from .base import CSC


class ReferenceNetwork(nn.Module):
    """A network on the reference engine; made by `as_reference`."""

    def __init__(self, network: CSC) -> None:
        super().__init__()
        self.network = network

    def forward(self, voxels: SparseTensor, *further: Any) -> Any:
        """Return the network's output."""
        return self.network(voxels.on(ReferenceEngine()), *further)


def as_reference(model: CSC) -> ReferenceNetwork:
    """Return a copy of a network that computes its convolutions by their definition."""
    return ReferenceNetwork(copy.deepcopy(model))
