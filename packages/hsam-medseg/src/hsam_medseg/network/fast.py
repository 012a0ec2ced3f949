"""The fast path: low-rank updates folded, the encoder's matrix products in the precision asked for."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from visioncore import lora
from visioncore.weights.pretrained import Pretrained

Network = TypeVar("Network", bound=Pretrained)


def for_inference(model: Network, device: torch.device, dtype: torch.dtype) -> Network:
    """Return a network ready for inference: for float32 the model itself, else a copy.

    Under autocast weights are converted again at every call, for the encoder as much work as a slice is; so its
    products keep theirs in half precision. Norms stay in float32.

    Args:
        model: moved to the device, put into evaluation mode and folded, which `lora.unfold` takes back.
        device: where it runs.
        dtype: float32, bfloat16 or float16; inference then runs under autocast.
    """
    model = model.to(device).eval()
    lora.fold(model)
    if dtype == torch.float32:
        return model
    half = copy.deepcopy(model)
    for layer in half.get_submodule("encoder").modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.to(dtype)
    half.for_inference_only = True
    return half
