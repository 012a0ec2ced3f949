"""Description of this machine: processor, memory, GPUs."""

from __future__ import annotations

import os
import platform

import torch

from .precision import cpu_has_bfloat16, has_bfloat16
from .system import system_text


def describe_machine() -> dict[str, str]:
    """Return a description of this machine as short texts: versions, processor, memory, bfloat16, GPUs."""
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
        "bfloat16": ", ".join(["cpu " + _bfloat16_on_cpu(), *(f"{gpu} {_yes(has_bfloat16(gpu))}" for gpu in gpus)]),
        "gpus": "; ".join(names) or "none",
    }


def _processor() -> str:
    names = [
        line.partition(":")[2].strip() for line in system_text("/proc/cpuinfo").splitlines() if "model name" in line
    ]
    return names[0] if names else platform.processor() or platform.machine()


def _bfloat16_on_cpu() -> str:
    match cpu_has_bfloat16():
        case None:
            return "unknown"
        case False:
            return "no (it is much slower there than float32, and auto never takes it)"
        case _:
            return "yes"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
