"""Which device and which precision; how much memory was used; what to do when it runs out."""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

import torch

from .errors import InputError

Result = TypeVar("Result")

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",
    "invalid buffer size",
)
"""How PyTorch and the libraries under it say so on CUDA, MPS and the CPUs of Linux, macOS and Windows; lower case."""


def resolve_device(name: str | torch.device = "auto") -> torch.device:
    """Return the device that ``name`` means: "auto" (the first there is of CUDA, MPS, CPU), "cpu", "cuda:1", "mps", ...

    Of several processes that torchrun or accelerate has started, "auto" and "cuda" give each its own GPU, as far as
    they go.

    Raises:
        InputError: if there is no device of that name, or this machine lacks it.
    """
    if name in ("auto", "cuda") and torch.cuda.is_available():
        rank = os.environ.get("LOCAL_RANK")
        return torch.device("cuda") if rank is None else torch.device("cuda", int(rank) % torch.cuda.device_count())
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


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return the precision that ``name`` means: "float32", "bfloat16", "float16", or "auto".

    "auto" is bfloat16 where the CUDA device computes in it by hardware, else float32.

    Raises:
        InputError: for any other name.
    """
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" and _has_bfloat16(device) else torch.float32
    if name not in _DTYPES:
        raise InputError(f"unknown precision {name!r}; known are auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Return a context in which networks compute in ``dtype`` where that is safe; float32 changes nothing."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which networks compute in the precision that their tensors have."""
    # tensors without data have no precision to compute in
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that the memory of the device or of the machine ran out.

    An ``InputError`` that was raised because of one counts too, so that back-offs can be nested.
    """
    if isinstance(error, InputError):
        return error.__cause__ is not None and is_out_of_memory(error.__cause__)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY_WORDS)


def with_backoff(
    run: Callable[[int], Result],
    size: int,
    minimum: int = 1,
    notify: Callable[[str], None] | None = None,
) -> Result:
    """Return ``run(size)``, with half the size again and again as long as the memory runs out.

    Args:
        run: does the work with a batch, a tile or whatever ``size`` measures.
        size: what to begin with.
        minimum: the smallest size worth trying.
        notify: receives one line for every step back.

    Raises:
        InputError: if the memory runs out at ``minimum``; it says what would help.
    """
    while True:
        try:
            return run(size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size <= minimum:
                raise InputError(
                    f"out of memory even at the smallest size ({size}); a smaller image or tile, a lower precision "
                    "(bfloat16) or a device with more memory would help"
                ) from error
        # Outside the handler: the error's traceback holds on to the tensors of the failed run.
        _empty_cache()
        smaller = max(size // 2, minimum)
        if notify is not None:
            notify(f"out of memory at size {size}, going on with {smaller}")
        size = smaller


def peak_memory(device: torch.device) -> int:
    """Return the most memory used since ``reset_peak_memory``, in bytes.

    CUDA: the most that tensors took. MPS: what the process holds now, for it keeps no peak. CPU: the most that the
    whole process took, libraries included; where the system cannot reset it, since the process began.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    lines = _read("/proc/self/status").splitlines()
    peaks = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    if peaks:
        return peaks[0]
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak_memory(device: torch.device) -> None:
    """Let ``peak_memory`` count anew from here, where the device and the system can (CUDA, CPU under Linux)."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif device.type == "cpu" and sys.platform == "linux":
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return


def extra_memory(work: Callable[[], object], device: torch.device) -> int:
    """Do some work and return the bytes that tensors took at its height, beyond what was there before.

    On the CPU allocations are counted one by one, for the size of the process tells little: what is freed stays with
    it for a while and is used again. MPS keeps no peak; there it is what is held afterwards.
    """
    if device.type == "cpu":
        return _counted_memory(work)
    reset_peak_memory(device)
    before = peak_memory(device)
    work()
    return peak_memory(device) - before


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all it was given, as measuring time needs."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def describe_machine() -> dict[str, str]:
    """Return what this machine can do, as short texts to print: versions, processor, memory, bfloat16, GPUs."""
    import psutil

    memory = psutil.virtual_memory()
    gpus = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    names = [f"{torch.cuda.get_device_name(gpu)}, {_gigabytes(torch.cuda.mem_get_info(gpu)[1])}" for gpu in gpus]
    if torch.backends.mps.is_available():
        names.append("Apple GPU (mps)")
    return {
        "python": f"{platform.python_version()} on {platform.platform()}",
        "torch": torch.__version__,
        "processor": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}",
        "cores": f"{os.cpu_count()}, PyTorch uses {torch.get_num_threads()}",
        "memory": f"{_gigabytes(memory.total)}, {_gigabytes(memory.available)} free",
        "bfloat16": ", ".join(["cpu " + _bfloat16_on_cpu(), *(f"{gpu} {_yes(_has_bfloat16(gpu))}" for gpu in gpus)]),
        "gpus": "; ".join(names) or "none",
    }


def _counted_memory(work: Callable[[], object]) -> int:
    # The profiler's library says on stderr when it starts and stops, and that there is no GPU.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        work()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]")
    held = most = 0
    for _, change in changes:
        held += change
        most = max(most, held)
    return most


def _has_bfloat16(device: torch.device) -> bool:
    with torch.cuda.device(device):
        supported: bool = torch.cuda.is_bf16_supported(including_emulation=False)
    return supported


def _empty_cache() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _processor() -> str:
    names = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo").splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


def _bfloat16_on_cpu() -> str:
    words = set(_read("/proc/cpuinfo").split())
    return _yes(bool(words & {"avx512_bf16", "amx_bf16", "bf16"})) if words else "unknown"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
