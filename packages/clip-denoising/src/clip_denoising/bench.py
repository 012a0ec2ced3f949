"""Time and memory of the network, the plain path and the fast one in turns, so that a ratio holds when speed drifts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from visioncore.devices import resolve_device, resolve_dtype
from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.report import Table
from visioncore.timing import Network, image_table, write_figures

from .info import multiply_accumulates, network
from .network.fast import for_inference
from .network.model import MULTIPLE


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

    The plain path is the model itself, in float32; the fast one what `for_inference` makes of it. `visioncore.timing`
    tells how they are measured.

    Args:
        weights: a variant's name (random weights) or anything `load_model` takes.
        out: the JSON file.
        sizes: sides of the images, multiples of 32.
        dtypes: precisions of the fast path.
        device: where.
        rounds: how often all are measured in turn.
        compiled: measure the fast path under torch.compile too; not on a CPU, where it takes minutes to compile.

    Returns:
        The figures, see `visioncore.timing.image_table`.

    Raises:
        InputError: if a size, a precision or the device is not what it should be, or ``out`` cannot be written.
    """
    place = resolve_device(device)
    if compiled and place.type == "cpu":
        raise InputError("compiled is for GPUs; on a CPU torch.compile takes minutes over what the fast path does")
    precisions = {name: resolve_dtype(name, place) for name in dtypes}
    writable_folder(Path(out).parent)
    model = network(weights).to(place)
    paths: dict[str, tuple[Network, str]] = {"plain": (model, "float32")}
    for name, dtype in precisions.items():
        fast = for_inference(model, place, dtype)
        paths[f"fast {name}"] = (fast, name)
        if compiled:
            paths[f"compiled {name}"] = (torch.compile(fast), name)
    channels = model.config.channels
    table = image_table(paths, sizes, multiple=MULTIPLE, channels=channels, device=place, rounds=rounds)
    write_figures(out, table, place, rounds, network=str(weights), multiply_accumulates_256=multiply_accumulates(model))
    return table
