"""Time and memory of a network, the reference and the fast path in turns, so that a ratio holds when speed drifts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..devices import resolve_device, resolve_dtype
from ..errors import InputError
from ..files import writable_folder
from ..methods import Method
from ..metrics.image import psnr
from ..report import Table
from ..timing import in_turns, rows_of, write_figures
from .bench_file import measure_file
from .description import measure
from .networks import difference, example_inputs, network_of, tensors_of

IMAGE_COLUMNS = ("path", "size", "dtype", "ms", "images_per_s", "ratio_to_reference", "extra_mb", "psnr_to_reference")
COLUMNS = ("path", "dtype", "ms", "inputs_per_s", "ratio_to_reference", "extra_mb", "difference_to_reference")

Forward = Callable[..., Any]


class Figures(NamedTuple):
    """Tables of measurements."""

    network: Table
    """Of the network's paths."""
    file: Table | None
    """Of what a file takes besides, see `measure_file`; None of a method without a sample."""


def bench(
    method: Method,
    weights: str | Path,
    out: str | Path,
    *,
    sizes: Sequence[int] = (),
    dtypes: Sequence[str] = ("float32", "bfloat16"),
    device: str = "auto",
    rounds: int = 3,
    compiled: bool = False,
    **companions: str,
) -> Figures:
    """Measure forward passes of single inputs and write the figures as JSON.

    The reference path runs in float32. `visioncore.timing` tells how all are measured.

    Args:
        method: whose network is measured.
        weights: a variant's name (random weights) or anything that predict takes.
        out: the JSON file.
        sizes: sides of square images, for a network that takes any; by default those of the record.
        dtypes: precisions of the fast path.
        device: where.
        rounds: how often all are measured in turn.
        compiled: measure the fast path under torch.compile too.
        companions: further files that an authors' checkpoint needs; empty for none.

    Returns:
        The figures; of the network milliseconds and inputs per second, the ratio to the reference path's time, the
        memory in MB that a pass takes at its height beyond the weights, and how far the output is from that of the
        reference path. For a network from images to images (`IMAGE_COLUMNS`) that is the PSNR in dB on values of peak
        1, for others (`COLUMNS`) the largest difference over the largest value or 1.

    Raises:
        InputError: if a size, a precision or the device is not what it should be, or ``out`` cannot be written.
    """
    network, place = method.network, resolve_device(device)
    if compiled and place.type == "cpu" and not network.compiles_on_cpu:
        raise InputError("compiled is for GPUs; on a CPU torch.compile takes minutes over what the fast path does")
    precisions = {name: resolve_dtype(name, place) for name in dtypes}
    writable_folder(Path(out).parent)
    model = network_of(method, weights, **companions).to(place)
    images = not isinstance(network.inputs, str)
    examples = {
        size: example_inputs(method, model.config, size) for size in (sizes or network.sizes if images else (None,))
    }
    paths: dict[str, tuple[Forward, str]] = {"reference": (method.load(network.reference)(model), "float32")}
    for name, dtype in precisions.items():
        fast = method.load(network.fast)(model, place, dtype)
        paths[f"fast {name}"] = (fast, name)
        if compiled:
            paths[f"compiled {name}"] = (torch.compile(fast), name)
    table = Table(IMAGE_COLUMNS if images else COLUMNS)
    for size, inputs in examples.items():
        given = [tensor.to(place) for tensor in inputs.values()]
        timed = in_turns({name: _pass(path, given) for name, (path, _) in paths.items()}, place, rounds)
        wanted = timed["reference"].output
        for name, each in timed.items():
            compare = None if name == "reference" else (_psnr if images else difference)(each.output, wanted)
            figures = (1000 * each.seconds, 1 / each.seconds, each.ratio, each.extra_mb, compare)
            table.add(name, *([size] if images else []), paths[name][1], *figures)
    found = measure(method, model.config)
    about = {"network": str(weights), "inputs": found.inputs, "multiply_accumulates": found.multiply_accumulates}
    file = measure_file(method, weights, place, rounds, **companions)
    write_figures(out, table, place, rounds, **about, file=file and rows_of(file))
    return Figures(table, file)


def _psnr(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    return float(psnr(found[0], expected[0], "colour"))


def _pass(network: Forward, inputs: Sequence[Tensor]) -> Callable[[], list[Tensor]]:
    @torch.inference_mode()
    def work() -> list[Tensor]:
        return tensors_of(network(*inputs))

    return work
