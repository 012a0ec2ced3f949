"""An example of what each network takes, and the networks on plain tensors, as counting and measuring take them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from visioncore.commands.export import Exported, float32_copy

from .autoencoder import Reconstruction
from .base import LVMM
from .config import AnimationConfig, Config, FlowAutoencoderConfig, FrameUNetConfig, MotionUNetConfig
from .fast import for_inference
from .grids import resize
from .reference import as_reference

STEP = 500
"""Step of the diffusion that the denoisers are asked at."""


def inputs(config: Config) -> dict[str, Tensor]:
    """Return one input of a network: {name: tensor} in the order of the arguments of its ``forward``.

    Two frames for the auto-encoder, the sides 256 or the next multiple of what its sides must be divisible by; of the
    denoisers the sizes that the published ones work at: 16 coefficients of 32x32, and features of 64x64.
    """
    if isinstance(config, FlowAutoencoderConfig):
        return {"source": _frame(config), "driving": _frame(config)}
    if isinstance(config, MotionUNetConfig):
        return _coefficients(config, keep=16, size=32)
    if isinstance(config, FrameUNetConfig):
        return _features(config)
    assert isinstance(config, AnimationConfig)
    return {"photo": _frame(config.autoencoder), **_coefficients(config.motion, config.keep, config.size)}


def _frame(config: FlowAutoencoderConfig) -> Tensor:
    """Colours that change gradually, as a photo's: of noise, sampling would turn rounded places into other colours."""
    side = config.multiple * max(1, 256 // config.multiple)
    return resize(torch.rand(1, 3, 8, 8), (side, side))


def _coefficients(config: MotionUNetConfig, keep: int, size: int) -> dict[str, Tensor]:
    return {
        "x": torch.randn(1, config.channels, keep, size, size),
        "t": torch.tensor([STEP]),
        "condition": torch.randn(1, 2, config.context),
    }


def _features(config: FrameUNetConfig) -> dict[str, Tensor]:
    half, side = config.channels // 2, 64
    return {
        "x": torch.randn(1, half, side, side),
        "t": torch.tensor([STEP]),
        "condition": torch.rand(1, side * side, config.context),
        "reference": torch.rand(1, half, side, side),
        "index": torch.tensor([1]),
    }


class OnTensors(nn.Module):
    """A network that takes tensors and returns tensors: of the auto-encoder the frames, flow and occlusion."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs; `inputs` tells what goes in."""
        found = self.network(*given)
        if isinstance(found, Reconstruction):
            flow, occlusion = found.motion
            return (found.rendered.prediction, flow) + (() if occlusion is None else (occlusion,))
        return found if isinstance(found, tuple) else (found,)


def fast_on_tensors(model: LVMM, device: torch.device, dtype: torch.dtype) -> OnTensors:
    """Return the fast path on tensors, see `for_inference`."""
    return OnTensors(for_inference(model, device, dtype))


def reference_on_tensors(model: LVMM) -> OnTensors:
    """Return the reference path on tensors, see `as_reference`."""
    return OnTensors(as_reference(model))


def exported(model: LVMM) -> Exported:
    """Return a network as it is exported, for inputs of the example's sizes."""
    return Exported(OnTensors(float32_copy(model)), inputs(model.config))
