"""Time and memory of the network, the plain path and the fast one in turns, so that a ratio holds when speed drifts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from visioncore.devices import autocast, resolve_device, resolve_dtype
from visioncore.files import writable_folder
from visioncore.report import Table
from visioncore.timing import Network, image_table, write_figures

from .info import multiply_accumulates, network
from .network.model import MULTIPLE
from .network.reference import as_plain


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

    The plain path runs in float32. `visioncore.timing` tells how all are measured.

    Args:
        weights: a variant's name (random weights) or anything `load_model` takes.
        out: the JSON file.
        sizes: sides of the images, multiples of 16.
        dtypes: precisions of the fast path.
        device: where.
        rounds: how often all are measured in turn.
        compiled: measure the fast path under torch.compile too.

    Returns:
        The figures, see `visioncore.timing.image_table`.

    Raises:
        InputError: if a size, a precision or the device is not what it should be, or ``out`` cannot be written.
    """
    place = resolve_device(device)
    for dtype in dtypes:
        resolve_dtype(dtype, place)
    writable_folder(Path(out).parent)
    model = network(weights).to(place)
    paths: dict[str, tuple[Network, str]] = {"plain": (as_plain(model), "float32")}
    for dtype in dtypes:
        paths[f"fast {dtype}"] = (_in_precision(model, place, dtype), dtype)
        if compiled:
            paths[f"compiled {dtype}"] = (_in_precision(torch.compile(model), place, dtype), dtype)
    table = image_table(paths, sizes, multiple=MULTIPLE, device=place, rounds=rounds)
    write_figures(out, table, place, rounds, network=str(weights), multiply_accumulates_256=multiply_accumulates(model))
    return table


def _in_precision(network: Network, device: torch.device, dtype: str) -> Network:
    def run(image: Tensor) -> Tensor:
        with autocast(device, resolve_dtype(dtype, device)):
            return network(image).float()

    return run
