"""Which precision a name means, and computing in it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from ..errors import InputError
from .system import system_text

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def resolve_dtype(name: str | torch.dtype, device: torch.device) -> torch.dtype:
    """Return the precision that ``name`` means: "float32", "bfloat16", "float16" (or PyTorch's types), or "auto".

    "auto" is bfloat16 where the CUDA device computes in it by hardware, else float32; so it is float32 on every CPU.

    Raises:
        InputError: for any other name.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" and has_bfloat16(device) else torch.float32
    precision = _DTYPES.get(str(name).removeprefix("torch."))
    if precision is None:
        raise InputError(f"unknown precision {str(name)!r}; known are auto, {', '.join(_DTYPES)}")
    return precision


def slow_precision(dtype: torch.dtype, device: torch.device) -> str | None:
    """Return one line if a device computes in a precision by detours, many times slower than in float32; else None."""
    if device.type != "cpu" or dtype != torch.bfloat16 or cpu_has_bfloat16() is not False:
        return None
    return "bfloat16 on this processor, which has no instructions for it, is several times slower than float32"


def cpu_has_bfloat16() -> bool | None:
    """Return whether the processor has instructions for bfloat16; None where that does not show."""
    if words := set(system_text("/proc/cpuinfo").split()):
        return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})
    return False if torch.backends.cpu.get_cpu_capability() == "AVX2" else None


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return a context in which networks compute in ``dtype`` where that is safe; float32 changes nothing."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which networks compute in the precision that their tensors have."""
    # tensors without data have no precision to compute in
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a CUDA device computes in bfloat16 by hardware."""
    with torch.cuda.device(device):
        supported: bool = torch.cuda.is_bf16_supported(including_emulation=False)
    return supported
