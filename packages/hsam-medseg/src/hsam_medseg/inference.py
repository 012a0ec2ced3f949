"""The network as inference runs it: low-rank additions folded, the encoder's weights in the precision it computes in."""

from __future__ import annotations

import copy

import torch
from torch import nn

from visioncore import lora

from .model import HSAM


def for_inference(model: HSAM, device: torch.device, dtype: torch.dtype) -> HSAM:
    """Return a network ready for inference: for float32 the model itself, else a copy.

    Under autocast weights are converted again at every call, for the encoder as much work as a slice is; so its
    products keep theirs in half precision. Norms stay in float32.

    Args:
        model: moved to the device, put into evaluation mode and folded, which `HSAM.unfold` takes back.
        device: where it runs.
        dtype: float32, bfloat16 or float16; inference then runs under autocast.
    """
    model = model.to(device).eval()
    lora.fold(model)
    if dtype == torch.float32:
        return model
    half = copy.deepcopy(model)
    for layer in half.encoder.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.to(dtype)
    return half
