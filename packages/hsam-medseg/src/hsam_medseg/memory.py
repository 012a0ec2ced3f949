"""How much memory tensors take at the height of some work."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from visioncore.device import peak_memory, reset_peak_memory


def extra_memory(work: Callable[[], object], device: torch.device) -> int:
    """Do some work and return the bytes that tensors took at its height, beyond what was there before.

    On the CPU allocations are counted one by one, for the size of the process tells little: what is freed stays with
    it for a while and is used again. MPS keeps no peak; there it is what is held afterwards.
    """
    if device.type == "cpu":
        return _counted(work)
    reset_peak_memory(device)
    before = peak_memory(device)
    work()
    return peak_memory(device) - before


def _counted(work: Callable[[], object]) -> int:
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
