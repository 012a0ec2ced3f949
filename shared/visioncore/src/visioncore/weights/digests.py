"""Short names of images and styles that follow from their values alone."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def digest_of(*tensors: Tensor) -> str:
    """Return twelve letters that follow from the shapes and values of tensors."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
