"""A short text that is the same for equal weights and configurations alone."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def fingerprint(model: nn.Module) -> str:
    """Return twelve letters that follow from the class, configuration and tensors of a model.

    They take the time of reading the tensors once.
    """
    digest = hashlib.sha256(f"{type(model).__name__} {getattr(model, 'config', '')}".encode())
    for name, tensor in model.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        values = tensor.detach().cpu().contiguous().flatten()
        if values.numel():
            digest.update(values.view(torch.uint8).numpy())
    return digest.hexdigest()[:12]
