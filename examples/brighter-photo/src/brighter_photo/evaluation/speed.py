"""Time and memory of the reference and the fast path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visioncore.devices import resolve_device
from visioncore.files import writable_folder
from visioncore.report import Table
from visioncore.timing import image_table, write_figures

from ..network.fast import FastBrighter
from ..network.reference import as_reference
from ..network.weights import load_model


def bench(out: str | Path, sizes: Sequence[int] = (256,), device: str = "auto", rounds: int = 3) -> Table:
    """Measure forward passes of single square images, the two paths in turns, and write the figures as JSON.

    Raises:
        InputError: if a size or the device is not what it should be, or ``out`` cannot be written.
    """
    place, model = resolve_device(device), load_model("demo")
    writable_folder(Path(out).parent)
    networks = {"reference": as_reference(model), "fast": FastBrighter(model)}
    paths = {name: (network.to(place), "float32") for name, network in networks.items()}
    table = image_table(paths, sizes, multiple=1, device=place, rounds=rounds)
    write_figures(out, table, place, rounds)
    return table
