"""The accelerate back end: processes, device and precision of a run, and work of the main process alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from threading import Timer
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InputError
from ..ranks import local_rank, rank_and_processes
from .config import PRECISIONS, LoopConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

T = TypeVar("T")

SECONDS_UNTIL_TOLD = 15.0
"""How long other processes may take to start before a line says that they are waited for."""


def start_accelerator(config: LoopConfig, *, unused: bool = False) -> Accelerator:
    """Return the accelerator of this process, on the device accelerate chooses.

    ``accelerate launch`` and its environment variables decide on processes and device (``ACCELERATE_USE_CPU=1`` keeps
    a run on the CPU); precision and accumulation are ours.

    Args:
        config: of the run.
        unused: some steps leave trained parameters out.

    Raises:
        InputError: if the device cannot train in the precision asked for, or the environment variables are not what
            they should be.
    """
    rank, processes = rank_and_processes()
    local_rank()
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from accelerate.utils import DistributedDataParallelKwargs, GradientAccumulationPlugin, InitProcessGroupKwargs

    precision = PRECISIONS[config.precision]
    if AcceleratorState._shared_state.get("_mixed_precision", precision) != precision:
        # An earlier run in this process had another precision, which accelerate would refuse to change.
        AcceleratorState._reset_state()
    waiting = Timer(SECONDS_UNTIL_TOLD, _tell_waiting, (rank, processes))
    waiting.daemon = True
    try:
        if processes > 1:
            waiting.start()
        accelerator = Accelerator(
            mixed_precision=precision,
            # The plugin and not the plain number, which an environment variable would override.
            gradient_accumulation_plugin=GradientAccumulationPlugin(
                num_steps=config.accumulate, sync_with_dataloader=False
            ),
            # The others wait at a barrier while the main process validates.
            kwargs_handlers=[
                InitProcessGroupKwargs(timeout=timedelta(hours=6)),
                DistributedDataParallelKwargs(find_unused_parameters=unused),
            ],
        )
    except ValueError as error:
        raise InputError(f"precision is {config.precision!r}, which this device cannot train in ({error})") from error
    finally:
        waiting.cancel()
    if config.precision == "float16" and accelerator.device.type not in ("cuda", "mps"):
        raise InputError(f"precision is 'float16'; on {accelerator.device.type} it must be float32 or bfloat16")
    return accelerator


def _tell_waiting(rank: int, processes: int) -> None:
    at = f"{os.environ.get('MASTER_ADDR', '?')}:{os.environ.get('MASTER_PORT', '?')}"
    line = f"process {rank} of {processes} (RANK, WORLD_SIZE) waits for the others at {at}; for one alone unset both"
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def is_sharded(accelerator: Accelerator) -> bool:
    """Whether no single process holds the whole model (FSDP)."""
    from accelerate.utils import DistributedType

    return bool(accelerator.distributed_type == DistributedType.FSDP)


def on_main(accelerator: Accelerator, work: Callable[[], T]) -> T:
    """Return in every process what ``work`` returns in the main one, where alone it runs.

    Raises:
        InputError: in every process, if ``work`` raised it.
    """
    from accelerate.utils import broadcast_object_list

    outcome: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            outcome[0] = work()
        except InputError as error:
            outcome[1] = str(error)
    broadcast_object_list(outcome)
    result, fault = outcome
    if fault is not None:
        raise InputError(fault)
    return result
