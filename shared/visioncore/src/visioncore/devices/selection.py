"""Which device a name means."""

from __future__ import annotations

import torch

from ..errors import InputError
from ..ranks import local_rank


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device that ``name`` means: "auto" (the first there is of CUDA, MPS, CPU), "cpu", "cuda:1", "mps", ...

    Of several processes that torchrun or accelerate has started, "auto" and "cuda" give each its own GPU, as far as
    they go.

    Raises:
        InputError: if there is no device of that name, or this machine lacks it.
    """
    if name in ("auto", "cuda") and torch.cuda.is_available():
        rank = local_rank()
        return torch.device("cuda") if rank is None else torch.device("cuda", rank % torch.cuda.device_count())
    if name == "auto":
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}; known are auto, cpu, cuda, cuda:N and mps") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device {device}: PyTorch finds {torch.cuda.device_count()} CUDA devices on this machine; use auto or cpu"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("device mps: PyTorch finds no Apple GPU on this machine; use auto or cpu")
    return device


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all it was given, as measuring time needs."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
