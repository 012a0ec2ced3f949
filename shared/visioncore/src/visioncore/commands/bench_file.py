"""Time that a file takes besides the network: start-up, reading and writing, of the sample that a method bundles."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, one_line
from ..images import read_image
from ..methods import Method
from ..report import Table
from ..timing import seconds_of
from ..weights.loading import bundled_model
from ..weights.places import DEMO

COLUMNS = ("part", "of", "ms")


def measure_file(
    method: Method, weights: str | Path, device: torch.device, rounds: int, **companions: str
) -> Table | None:
    """Measure the parts of a call of predict for one file; None of a method without a sample.

    Args:
        method: its sample is read, and worked on with its bundled weights, whatever is measured besides.
        weights: those that are loaded at the start, as of `bench`.
        device: where.
        rounds: how often each part is measured; the median counts.
        companions: further files that an authors' checkpoint needs; empty for none.

    Returns:
        Milliseconds of ``start``, a fresh process that imports the package and loads the network; ``read``, the sample;
        ``predict``, from what was read to the result, the network included; ``write``, the result.

    Raises:
        InputError: if a fresh process cannot load the network.
    """
    if method.sample is None:
        return None
    read = method.load(method.sample.reads) if method.sample.reads else read_image
    # the weights themselves, of which no notice is given
    predictor = method.load(method.sample.predictor)(bundled_model(method), device)
    table = Table(COLUMNS)
    start = _median(partial(_start, method, weights, device, companions), device, rounds)
    with (
        as_file(files(method.module) / method.sample.path) as sample,
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
    ):
        # remarks on the sample are of no interest here
        warnings.simplefilter("ignore")
        predict: Callable[[], Any] = partial(predictor, read(sample), **method.sample.options)
        result = predict()
        result.save(folder)
        written = ", ".join(sorted(path.name for path in Path(folder).iterdir()))
        table.add("start", str(weights), start)
        table.add("read", sample.name, _median(partial(read, sample), device, rounds))
        table.add("predict", f"{sample.name}, {DEMO}", _median(predict, device, rounds))
        table.add("write", written, _median(partial(result.save, folder), device, rounds))
    return table


def _median(work: Callable[[], object], device: torch.device, rounds: int) -> float:
    return 1000 * statistics.median(seconds_of(work, device) for _ in range(rounds))


def _start(method: Method, weights: str | Path, device: torch.device, companions: dict[str, str]) -> None:
    """Load a network in a process of its own, which finds modules where this one does."""
    lines = (
        f"from {method.module}.method import METHOD",
        f"from {__package__}.networks import network_of",
        f"network_of(METHOD, {str(weights)!r}, **{companions!r}).to({str(device)!r})",
    )
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-P", "-c", "\n".join(lines)], env=found, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"{weights}: cannot be loaded in a process of its own: {one_line(done.stderr[-200:])}")
