"""The network as it is exported: one image, any number of observers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim

from visioncore.commands.export import Exported, float32_copy
from visioncore.errors import InputError

from .base import ISP
from .examples import inputs


class Outputs(nn.Module):
    """A network that returns a plain tuple, as files hold it."""

    def __init__(self, network: ISP) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(*inputs))


def exported(model: ISP) -> Exported:
    """Return the network and inputs to export, in float32.

    In go what ``forward`` takes, of one image; observers are indices (1, n). Out come the tensors of `Actions`.

    Raises:
        InputError: for a network with categories, which takes other layers for each.
    """
    if model.config.categories:
        raise InputError("a network of COCO-Search18 takes other layers for each category, and cannot be exported")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        given = inputs(model.config)
    # not one: that would be taken for the only number there can be
    given["observers"] = torch.arange(2).remainder(model.config.observers)[None]
    free = {name: {1: Dim("observers", min=1)} if name == "observers" else {} for name in given}
    # of the one argument *inputs
    return Exported(Outputs(float32_copy(model)).eval(), given, dynamic_shapes=(tuple(free.values()),))
