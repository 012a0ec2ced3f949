"""Time and memory of several ways to do the same, measured in turns, so that a ratio holds when speed drifts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor

from .devices import describe_machine, extra_memory, synchronize
from .errors import InputError
from .metrics.image import psnr
from .report import Table, write_json

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

Network = Callable[[Tensor], Tensor]

IMAGE_COLUMNS = ("path", "size", "dtype", "ms", "images_per_s", "ratio_to_plain", "extra_mb", "psnr_to_plain")


@dataclass(frozen=True)
class Timed(Generic[T]):
    """What came of a piece of work.

    Attributes:
        output: what it returned.
        seconds: the median of the rounds.
        ratio: the median over rounds of its time over that of the first piece of work in the same round.
        extra_mb: memory that it takes at its height, beyond what was there before.
    """

    output: T
    seconds: float
    ratio: float
    extra_mb: float


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """Return how long a piece of work takes, until the device has done it."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def in_turns(works: Mapping[K, Callable[[], T]], device: torch.device, rounds: int) -> dict[K, Timed[T]]:
    """Do pieces of work in turns, after each was done once to warm up and once to measure its memory.

    Args:
        works: by any name; ratios are to the first.
        device: where they run.
        rounds: how often all are measured in turn, at least 1.

    Raises:
        InputError: if that is no such number.
    """
    if rounds < 1:
        raise InputError(f"rounds is {rounds}; at least one is needed")
    outputs = {name: work() for name, work in works.items()}
    memory = {name: extra_memory(work, device) / 2**20 for name, work in works.items()}
    seconds: dict[K, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            seconds[name].append(seconds_of(work, device))
    first = next(iter(seconds.values()), [])
    return {
        name: Timed(
            outputs[name],
            statistics.median(times),
            statistics.median(time / least for time, least in zip(times, first, strict=True)),
            memory[name],
        )
        for name, times in seconds.items()
    }


def image_table(
    paths: Mapping[str, tuple[Network, str]],
    sizes: Sequence[int],
    *,
    multiple: int,
    channels: int = 3,
    device: torch.device,
    rounds: int,
) -> Table:
    """Measure networks from image to image on single square images of random values in [0, 1].

    Args:
        paths: name -> network and the name of its precision, the plain one first. Networks return float32.
        sizes: sides of the images.
        multiple: what those must be multiples of.
        channels: of the images.
        device: where all is.
        rounds: how often all are measured in turn.

    Returns:
        The figures under `IMAGE_COLUMNS`: milliseconds and images per second, the ratio to the plain path's time, the
        memory in MB that a pass takes at its height beyond the weights, and the PSNR in dB of the output against that
        of the plain path, on values of peak 1.

    Raises:
        InputError: if a size or the number of rounds is not what it should be.
    """
    for size in sizes:
        if size < multiple or size % multiple:
            raise InputError(f"size is {size}; it must be a positive multiple of {multiple}")
    table = Table(IMAGE_COLUMNS)
    for size in sizes:
        generator = torch.Generator().manual_seed(0)
        image = torch.rand(1, channels, size, size, generator=generator).to(device)
        works = {name: _pass(network, image) for name, (network, _) in paths.items()}
        timed = in_turns(works, device, rounds)
        plain = next(iter(timed.values())).output
        for name, each in timed.items():
            accuracy = None if each.output is plain else float(psnr(each.output, plain, "colour"))
            speed = (1000 * each.seconds, 1 / each.seconds, each.ratio)
            table.add(name, size, paths[name][1], *speed, each.extra_mb, accuracy)
    return table


def _pass(network: Network, image: Tensor) -> Callable[[], Tensor]:
    @torch.inference_mode()
    def work() -> Tensor:
        return network(image)

    return work


def write_figures(path: str | Path, table: Table, device: torch.device, rounds: int, **about: object) -> None:
    """Write a table of measurements as JSON, with the machine they are from.

    Args:
        path: the file.
        table: its rows become ``rows``, each by the names of the columns.
        device: where they ran.
        rounds: how often.
        about: what else there is to say.

    Raises:
        InputError: if it cannot be written.
    """
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    machine = {"machine": describe_machine(), "threads": torch.get_num_threads(), "device": str(device)}
    write_json(path, {**about, **machine, "rounds": rounds, "rows": rows})
