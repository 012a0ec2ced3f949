"""A short text that is the same for equal weights and configurations alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import nn


def fingerprint(model: nn.Module) -> str:
    """Return twelve letters that follow from the class, configuration and tensors of a model.

    They take the time of reading the tensors once.
    """
    config = getattr(model, "config", "")
    if isinstance(config, Mapping):
        # of diffusers, which keeps there too where the files lie and which version wrote them
        config = {name: value for name, value in config.items() if not name.startswith("_")}
    digest = hashlib.sha256(f"{type(model).__name__} {config}".encode())
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        values = tensor.detach().cpu().contiguous().flatten()
        if values.numel():
            digest.update(values.view(torch.uint8).numpy())
    return digest.hexdigest()[:12]
