"""The fast path of inference: the same numbers to rounding, with packed weights and fewer passes over memory."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from visioncore.errors import InputError

from .fast_adapter import FastAdapter
from .fast_tower import FastTower
from .lite_tower import LiteTower
from .model import ALT
from .output import Regions, VideoOutput


def for_inference(model: ALT, device: torch.device, dtype: torch.dtype) -> FastALT:
    """Return a network ready for inference, which takes what the model takes and returns the same to rounding.

    Args:
        model: the network; later changes of its weights are not seen.
        device: where it runs.
        dtype: precision of the image tower and the adapter; similarities are never below float32.

    Raises:
        InputError: if it is ready for inference already.
    """
    if isinstance(model, FastALT):
        raise InputError(
            "this network is ready for inference already and no longer has its weights as they were; give the network "
            "or the weights that it was made of"
        )
    return FastALT(model, device, dtype).eval()


class FastALT(ALT):
    """A network in one precision on one device; made by `for_inference`."""

    @torch.no_grad()
    def __init__(self, model: ALT, device: torch.device, dtype: torch.dtype) -> None:
        torch.nn.Module.__init__(self)
        self.config, self.dtype = model.config, dtype
        self.similar = torch.promote_types(dtype, torch.float32)
        own = copy.deepcopy(model).requires_grad_(False)
        visual, adapter = own.visual.to(device, dtype), own.adapter.to(device, dtype)
        if not isinstance(visual, LiteTower):
            visual = FastTower(visual, self.config.merges(), device, dtype)  # type: ignore[assignment]
        self.visual = visual
        self.adapter = FastAdapter(adapter, device, dtype)
        self.register_buffer("entities", own.entities.to(device, self.similar))
        self.register_buffer("label_features", own.label_features.to(device, self.similar))
        self.logit_scale = torch.nn.Parameter(own.logit_scale.to(device, self.similar), requires_grad=False)

    @torch.inference_mode()
    def regions(self, frames: Tensor) -> Regions:
        """Return the regions of frames, as `ALT.regions`."""
        return super().regions(frames.to(self.dtype))

    def _regions(self, frames: Tensor) -> Regions:
        if isinstance(self.visual, LiteTower):
            return super()._regions(frames)
        found: Regions = self.visual(frames)
        return found

    @torch.inference_mode()
    def watch(self, regions: Regions, generator: torch.Generator | None = None) -> VideoOutput:
        """Return videos and the entities in them, as `ALT.watch`."""
        return super().watch(regions, generator)
