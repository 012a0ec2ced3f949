"""The run state, which training resumes from: written to a folder and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import InputError, one_line
from ..weights.state_dicts import safe_reason
from .accelerator import is_sharded
from .ema import MovingAverage
from .random_generators import generator_state, restore_generators

if TYPE_CHECKING:
    from accelerate import Accelerator


def save_state(
    folder: Path, accelerator: Accelerator, average: MovingAverage | None, progress: Mapping[str, Any]
) -> None:
    """Write model, optimizer, gradient scaler, average and generators; every process calls this.

    Args:
        folder: shared by all processes.
        accelerator: with model and optimizer prepared by it.
        average: of the weights, if there is one.
        progress: numbers and strings to go on from, the same in every process.
    """
    with _unwrapped_models(accelerator):
        accelerator.save_state(str(folder))
    # accelerate writes generators too, but leaves out Apple's and keeps silent when it cannot read them back.
    torch.save(generator_state(accelerator.device), _generators(folder, accelerator))
    if average is not None and (is_sharded(accelerator) or accelerator.is_main_process):
        average.save(_average(folder, accelerator))
    if accelerator.is_main_process:
        (folder / "progress.json").write_text(json.dumps(progress), encoding="utf-8")


def load_state(folder: Path, accelerator: Accelerator, average: MovingAverage | None) -> dict[str, Any]:
    """Read what :func:`save_state` wrote, without unpickling objects, and return its ``progress``.

    A process that was not there at the time keeps its generators as they are.

    Raises:
        InputError: if the files are of another model or optimizer.
    """
    try:
        with _unwrapped_models(accelerator):
            accelerator.load_state(str(folder))
        if average is not None:
            average.load(_average(folder, accelerator))
        generators = _generators(folder, accelerator)
        if generators.exists():
            restore_generators(torch.load(generators, map_location="cpu", weights_only=True), accelerator.device)
        progress: dict[str, Any] = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except (OSError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
        raise InputError(f"{folder}: does not fit this model and its training ({_reason(error)})") from None
    # accelerate counts micro-batches; a run state is always saved between steps, and their number per step may change.
    accelerator.step = 0
    return progress


def _reason(error: Exception) -> str:
    return safe_reason(error) if "weights_only" in str(error) else one_line(error)


@contextmanager
def _unwrapped_models(accelerator: Accelerator) -> Iterator[None]:
    """Let accelerate write and read the names of the model itself, so that the number of processes may change."""

    def bare(model: nn.Module) -> nn.Module:
        unwrapped: nn.Module = accelerator.unwrap_model(model, keep_torch_compile=False)
        return unwrapped

    def write(models: list[nn.Module], states: list[dict[str, Any]], _folder: str) -> None:
        if states:
            states[:] = [bare(model).state_dict() for model in models]

    def read(models: list[nn.Module], _folder: str) -> None:
        models[:] = [bare(model) for model in models]

    hooks = [accelerator.register_save_state_pre_hook(write), accelerator.register_load_state_pre_hook(read)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _generators(folder: Path, accelerator: Accelerator) -> Path:
    return folder / f"generators-{accelerator.process_index}.pt"


def _average(folder: Path, accelerator: Accelerator) -> Path:
    # Of a sharded model every process averages its own part.
    return folder / f"ema-{accelerator.process_index if is_sharded(accelerator) else 0}.safetensors"
