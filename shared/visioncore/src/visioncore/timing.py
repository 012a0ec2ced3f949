"""Time and memory of several implementations, measured in turns, so that a ratio holds when speed drifts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch

from .devices import describe_machine, extra_memory, synchronize
from .errors import InputError
from .report import Cell, Table, write_json

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Timed(Generic[T]):
    """Time and memory of a piece of work.

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
    machine = {"machine": describe_machine(), "threads": torch.get_num_threads(), "device": str(device)}
    write_json(path, {**about, **machine, "rounds": rounds, "rows": rows_of(table)})


def rows_of(table: Table) -> list[dict[str, Cell]]:
    """Return the rows of a table, each by the names of the columns."""
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
