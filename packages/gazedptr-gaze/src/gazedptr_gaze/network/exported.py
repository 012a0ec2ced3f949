"""The network as it is exported: for batches of any number of faces."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim

from visioncore.commands.export import Exported, float32_copy
from visioncore.commands.networks import tensors_of

from .config import GazeConfig
from .example import example_inputs
from .fast import simplified
from .model import GazeNetwork

PHASE = 1e-2
"""Radians by which rounding may turn the highest frequency of the code of points where zones are compared."""
ROUNDING = 1e-2
"""Millimetres by which two correct programs in float32 place a point differently."""


class Outputs(nn.Module):
    """A network that returns a tuple: gazes, and of GazeDPTR-V2 the zone logits and the points that are looked at."""

    def __init__(self, network: GazeNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(tensors_of(self.network(*inputs)))


def exported(model: GazeNetwork) -> Exported:
    """Return the network and inputs to export, in float32, and what is compared.

    In go ``normalised`` (B, 3, S, S) in [0, 1], blue first, S the image size of the network, and as far as the variant
    takes them ``original`` (B, 3, S, S), ``axis`` (B, 3), ``to_camera`` (B, 3, 3) and ``origin`` (B, 3) in mm; out come
    ``gaze`` (B, 2) and ``zone_logits`` (3, B, Z), ``points`` (3, B, 3). Where `zones_agree` is false, gazes alone are
    compared.
    """
    config = model.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        # Not one face: that would be taken for the only number there can be.
        inputs = {name: torch.cat([one, one.flip(-1)]) if one.ndim == 4 else one.expand(2, *one.shape[1:]).contiguous()
                  for name, one in example_inputs(config).items()}  # fmt: skip
    plain = float32_copy(model)
    batch = Dim("batch", min=1)
    with torch.no_grad():
        return Exported(
            Outputs(simplified(plain)),
            inputs,
            expected=Outputs(plain)(*inputs.values()),
            dynamic_shapes=(tuple({0: batch} for _ in inputs),),
            compared=None if zones_agree(config) else 1,
        )


def zones_agree(config: GazeConfig) -> bool:
    """Return whether two correct programs in float32 agree on zones that rest on projected points, or have none."""
    return config.variant != "gazedptr_v2" or 2.0 ** (config.n_freqs - 1) * ROUNDING / config.unit <= PHASE
