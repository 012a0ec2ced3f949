"""Time and memory of the network, the plain path and the fast one in turns, so that a ratio holds when speed drifts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from visioncore.device import (
    autocast,
    describe_machine,
    peak_memory,
    reset_peak_memory,
    resolve_device,
    resolve_dtype,
    synchronize,
)
from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.metrics.image import psnr
from visioncore.report import Table, write_json

from .info import multiply_accumulates, network
from .model import MULTIPLE
from .plain import as_plain


def bench(
    weights: str | Path,
    out: str | Path,
    *,
    sizes: Sequence[int] = (256,),
    dtypes: Sequence[str] = ("float32", "bfloat16"),
    device: str = "auto",
    rounds: int = 3,
    compiled: bool = False,
) -> Table:
    """Measure forward passes of single square images and write the figures as JSON.

    The plain path runs in float32. A figure is the median of the rounds; the ratio is the median over rounds of this
    path's time over that of the plain path in the same round.

    Args:
        weights: a variant's name (random weights) or anything `load_model` takes.
        out: the JSON file.
        sizes: sides of the images, multiples of 16.
        dtypes: precisions of the fast path.
        device: where.
        rounds: how often all are measured in turn.
        compiled: measure the fast path under torch.compile too.

    Returns:
        The figures as a table: path, size, dtype, milliseconds, images per second, ratio, the memory in MB that the
        first pass took beyond what was there before (on the CPU only under Linux a figure of its own), and the PSNR in
        dB of the output against that of the plain path, on values of peak 1.

    Raises:
        InputError: if a size, a precision or the device is not what it should be, or ``out`` cannot be written.
    """
    place = resolve_device(device)
    for dtype in dtypes:
        resolve_dtype(dtype, place)
    writable_folder(Path(out).parent)
    for size in sizes:
        if size < MULTIPLE or size % MULTIPLE:
            raise InputError(f"size is {size}; it must be a positive multiple of {MULTIPLE}")
    if rounds < 1:
        raise InputError(f"rounds is {rounds}; at least one is needed")
    model = network(weights).to(place)
    paths: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {"plain": (as_plain(model), "float32")}
    for dtype in dtypes:
        paths[f"fast {dtype}"] = (model, dtype)
        if compiled:
            paths[f"compiled {dtype}"] = (torch.compile(model), dtype)
    table = Table(["path", "size", "dtype", "ms", "images_per_s", "ratio_to_plain", "peak_extra_mb", "psnr_to_plain"])
    for size in sizes:
        image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(place)
        seconds: dict[str, list[float]] = {name: [] for name in paths}
        peaks = {}
        outputs = {}
        for name, (path, dtype) in paths.items():  # warm up, compile
            reset_peak_memory(place)
            before = peak_memory(place)
            outputs[name], _ = _run(path, image, place, dtype)
            peaks[name] = (peak_memory(place) - before) / 2**20
        for _ in range(rounds):
            for name, (path, dtype) in paths.items():
                seconds[name].append(_run(path, image, place, dtype)[1])
        for name, times in seconds.items():
            median = statistics.median(times)
            ratio = statistics.median(t / p for t, p in zip(times, seconds["plain"], strict=True))
            accuracy = None if name == "plain" else float(psnr(outputs[name].float(), outputs["plain"], "colour"))
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
def _run(path: Callable[[Tensor], Tensor], image: Tensor, device: torch.device, dtype: str) -> tuple[Tensor, float]:
    synchronize(device)
    start = time.perf_counter()
    with autocast(device, resolve_dtype(dtype, device)):
        output = path(image)
    synchronize(device)
    return output, time.perf_counter() - start
