"""Time and memory of the network, the plain path and the fast one in turns, so that a ratio holds when speed drifts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from visioncore.device import describe_machine, extra_memory, resolve_device, resolve_dtype, synchronize
from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.metrics.image import psnr
from visioncore.report import Table, write_json

from .fast import for_inference
from .info import multiply_accumulates, network
from .model import MULTIPLE

COLUMNS = ("path", "size", "dtype", "ms", "images_per_s", "ratio_to_plain", "peak_extra_mb", "psnr_to_plain")


def bench(
    weights: str | Path,
    out: str | Path,
    *,
    sizes: Sequence[int] = (256, 512),
    dtypes: Sequence[str] = ("float32", "bfloat16"),
    device: str = "auto",
    rounds: int = 3,
    compiled: bool = False,
) -> Table:
    """Measure forward passes of single square images and write the figures as JSON.

    The plain path is the model itself, in float32; the fast one what `for_inference` makes of it. A figure is the
    median of the rounds; the ratio is the median over rounds of this path's time over that of the plain path in the
    same round.

    Args:
        weights: a variant's name (random weights) or anything `load_model` takes.
        out: the JSON file.
        sizes: sides of the images, multiples of 32.
        dtypes: precisions of the fast path.
        device: where.
        rounds: how often all are measured in turn.
        compiled: measure the fast path under torch.compile too.

    Returns:
        The figures as a table: path, size, dtype, milliseconds, images per second, ratio, the memory in MB that a pass
        takes at its height beyond the weights, and the PSNR in dB of the output against that of the plain path, on
        values of peak 1.

    Raises:
        InputError: if a size, a precision or the device is not what it should be, or ``out`` cannot be written.
    """
    place = resolve_device(device)
    precisions = {name: resolve_dtype(name, place) for name in dtypes}
    writable_folder(Path(out).parent)
    for size in sizes:
        if size < MULTIPLE or size % MULTIPLE:
            raise InputError(f"size is {size}; it must be a positive multiple of {MULTIPLE}")
    if rounds < 1:
        raise InputError(f"rounds is {rounds}; at least one is needed")
    model = network(weights).to(place)
    paths: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {"plain": (model, "float32")}
    for name, dtype in precisions.items():
        fast = for_inference(model, place, dtype)
        paths[f"fast {name}"] = (fast, name)
        if compiled:
            paths[f"compiled {name}"] = (torch.compile(fast), name)
    table = Table(COLUMNS)
    for size in sizes:
        generator = torch.Generator().manual_seed(0)
        image = torch.rand(1, model.config.channels, size, size, generator=generator).to(place)
        seconds: dict[str, list[float]] = {name: [] for name in paths}
        peaks, outputs = {}, {}
        for name, (path, _) in paths.items():  # warm up, compile
            outputs[name], _ = _run(path, image, place)
            peaks[name] = extra_memory(partial(_run, path, image, place), place) / 2**20
        for _ in range(rounds):
            for name, (path, _) in paths.items():
                seconds[name].append(_run(path, image, place)[1])
        for name, times in seconds.items():
            median = statistics.median(times)
            ratio = statistics.median(t / p for t, p in zip(times, seconds["plain"], strict=True))
            accuracy = None if name == "plain" else float(psnr(outputs[name], outputs["plain"], "colour"))
            table.add(name, size, paths[name][1], 1000 * median, 1 / median, ratio, peaks[name], accuracy)
    write_json(
        out,
        {
            "network": str(weights),
            "multiply_accumulates_256": multiply_accumulates(model),
            "machine": describe_machine(),
            "threads": torch.get_num_threads(),
            "device": str(place),
            "rounds": rounds,
            "rows": [dict(zip(table.columns, row, strict=True)) for row in table.rows],
        },
    )
    return table


@torch.inference_mode()
def _run(path: Callable[[Tensor], Tensor], image: Tensor, device: torch.device) -> tuple[Tensor, float]:
    synchronize(device)
    start = time.perf_counter()
    output = path(image)
    synchronize(device)
    return output, time.perf_counter() - start
