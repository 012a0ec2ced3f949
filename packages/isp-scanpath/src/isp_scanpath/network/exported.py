"""The network as it is exported: one image, any number of observers, and any target where there are categories."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim

from visioncore.commands.export import Exported, float32_copy

from .base import ISP
from .chen_head import Folded
from .chen_lstm import ChenLSTMISP
from .examples import inputs


class Outputs(nn.Module):
    """A network that returns a plain tuple, as files hold it."""

    def __init__(self, network: ISP) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(*inputs))


class SearchOutputs(nn.Module):
    """A network with categories, whose layers are folded and picked by the index of the target, which is an input."""

    @torch.no_grad()
    def __init__(self, network: ChenLSTMISP) -> None:
        super().__init__()
        self.network = network
        each = [network.head.fold(task) for task in range(len(network.config.categories))]
        for name, values in zip(Folded._fields, zip(*each, strict=True), strict=True):
            # an output is called maps as well, and names in a file are there once
            self.register_buffer(f"folded_{name}", torch.stack(values))
        network.head.tasks = nn.ModuleList()

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        images, observers, guidance, tasks = inputs
        folded = Folded(*(self.get_buffer(f"folded_{name}").index_select(0, tasks)[0] for name in Folded._fields))
        return tuple(self.network.look_with([folded], self.network.encode(images), observers, guidance))


def exported(model: ISP) -> Exported:
    """Return the network and inputs to export, in float32.

    In go what ``forward`` takes, of one image; observers are indices (1, n). Out come the tensors of `Actions`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        given = inputs(model.config)
    # not one: that would be taken for the only number there can be
    given["observers"] = torch.arange(2).remainder(model.config.observers)[None]
    free = {name: {1: Dim("observers", min=1)} if name == "observers" else {} for name in given}
    network = float32_copy(model)
    whole: nn.Module = Outputs(network)
    if isinstance(network, ChenLSTMISP) and network.config.categories:
        whole = SearchOutputs(network)
    # of the one argument *inputs
    return Exported(whole.eval(), given, dynamic_shapes=(tuple(free.values()),))
