"""Networks and inputs of the golden cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lvmm_motion.network.config import FlowAutoencoderConfig
from lvmm_motion.network.flow import Motion
from lvmm_motion.network.published import to_published
from visioncore.testing import deterministic
from visioncore.testing.golden import filled_tensors

SMALL = FlowAutoencoderConfig(
    regions=5,
    scale=0.5,
    most_channels=32,
    region_width=8,
    region_blocks=3,
    background_width=8,
    background_blocks=3,
    flow_width=8,
    flow_blocks=3,
    width=8,
    bottleneck=2,
)
"""The auto-encoder of the golden cases of reduced width."""


def made(spec: dict[str, Any]) -> Tensor:
    """Return the input that a case describes."""
    if spec["kind"] == "literal":
        return torch.tensor(spec["value"])
    values = getattr(deterministic, f"{spec['kind']}_input")(spec["tag"], spec["shape"])
    for axis, count in enumerate(spec.get("repeat", [])):
        values = np.repeat(values, count, axis=axis)
    return torch.from_numpy(values * spec.get("mul", 1) + spec.get("add", 0))


def golden_state(model: Any, layout: dict[str, Any]) -> dict[str, Tensor]:
    """Return the golden tensors of a layout; what the network computes itself is taken from it."""
    own = to_published(model.config, model.state_dict())
    constants = {name for name in layout if name.endswith((".down.weight", "rotary_emb.freqs"))}
    return filled_tensors(layout) | {name: own[name] for name in constants}


def noises(tag: str, shape: tuple[int, ...]) -> Callable[[], Tensor]:
    """Return the source of noise of a case."""

    def drawn() -> Iterator[Tensor]:
        for index in range(10_000):
            yield torch.from_numpy(deterministic.normal_input(f"lvmm-motion/{tag}/noise/{index}", shape))

    source = drawn()
    return lambda: next(source)


def unclipped(motion: Tensor) -> Motion:
    """Return a motion (3, n, h, w) as the authors render it, whose occlusion is not clipped."""
    flow = motion[:2].permute(1, 2, 3, 0)
    return Motion(flow, (motion[2:].transpose(0, 1) + 1) / 2)
