"""How much memory was used, and what is free again."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from .system import system_text


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
    lines = system_text("/proc/self/status").splitlines()
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


def return_memory() -> None:
    """Give memory that is free again back to the system, where its allocator keeps it (glibc).

    After many large tensors were replaced by others the process otherwise holds twice what they take.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


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
