"""The endless stream of samples: what stands at a position depends on the seed and the position, on nothing else.

Neither the number of processes nor of workers nor an interruption changes a sample, and a resumed run simply goes on at
its position.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from ..errors import InputError
from .config import LoopConfig

Batch = dict[str, Tensor]
Collate = Callable[[list[Batch]], Batch]
"""Makes one batch of samples."""
Key = tuple[int, int]
"""Position in the stream, and the index of the item that stands there."""


class SampleSource(Protocol):
    """A data set whose randomness is handed in.

    With ``workers`` above 0 it is sent to other processes, so it must survive pickling.
    """

    def __len__(self) -> int:
        """Return the number of items."""
        ...

    def sample(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return item ``index`` as named tensors on the CPU, each of the same shape in every item, see :data:`Collate`.

        Every random choice is drawn from ``rng``, none from a global generator.
        """
        ...


@lru_cache(maxsize=2)
def _order(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(length)


@dataclass(frozen=True)
class MicroBatches:
    """The keys of every micro-batch that one process loads, from step ``start`` to the end of the run.

    Every micro-batch of the whole run is a stretch of the stream; the process takes its contiguous share of it.
    """

    length: int
    config: LoopConfig
    start: int
    process: int
    processes: int

    def __iter__(self) -> Iterator[list[Key]]:
        share = self.config.batch_size // (self.config.accumulate * self.processes)
        micro = share * self.processes
        first = self.start * self.config.batch_size + self.process * share
        for position in range(first, self.config.steps * self.config.batch_size, micro):
            yield [self._key(position + offset) for offset in range(share)]

    def _key(self, position: int) -> Key:
        epoch, place = divmod(position, self.length)
        return position, int(_order(self.length, self.config.seed, epoch)[place])


@dataclass(frozen=True)
class _KeyedDataset(Dataset["Batch | InputError"]):
    source: SampleSource
    length: int
    seed: int

    def __getitem__(self, key: Key) -> Batch | InputError:
        position, index = key
        epoch, place = divmod(position, self.length)
        # Place counts from 1: numpy pads a seed with zeros, so [seed, epoch, 0] would be the generator of the order.
        try:
            return self.source.sample(index, np.random.default_rng([self.seed, epoch, place + 1]))
        except InputError as error:
            # Raised here, a worker's error would come out as many lines of traceback.
            return error


def stack(samples: list[Batch]) -> Batch:
    """Return samples whose tensors have equal shapes as one batch, (B, ...) each.

    Raises:
        InputError: if they have not.
    """
    try:
        batch: Batch = default_collate(samples)
    except (RuntimeError, KeyError, TypeError) as error:
        shapes = [{name: tuple(value.shape) for name, value in sample.items()} for sample in samples]
        raise InputError(f"the samples of a batch do not fit together: {shapes} ({type(error).__name__})") from None
    return batch


def _collate(collate: Collate, samples: Sequence[Batch | InputError]) -> Batch | InputError:
    good: list[Batch] = []
    for sample in samples:
        if isinstance(sample, InputError):
            return sample
        good.append(sample)
    try:
        return collate(good)
    except InputError as error:
        return error


def _let_the_parent_decide(_worker: int) -> None:
    # Ctrl-C and a batch system's SIGTERM reach the whole process group; the loop still needs its workers to end a step.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def batches(
    source: SampleSource,
    config: LoopConfig,
    *,
    start: int,
    process: int,
    processes: int,
    pin_memory: bool,
    collate: Collate = stack,
) -> Generator[Batch]:
    """Yield the micro-batches of one process from step ``start`` to the end of the run, on the CPU.

    To be closed after use: the workers end then, and they heed no signal before.

    Args:
        source: the items.
        config: seed, batch size, accumulation, steps and workers.
        start: steps already done.
        process: rank of this process among ``processes``.
        processes: number of training processes.
        pin_memory: whether batches lie in page-locked memory, for copies to a CUDA device that do not wait.
        collate: makes a batch of samples; with workers it must survive pickling.

    Raises:
        InputError: if the source is empty, the batch size does not divide, an item is bad, or items differ in shape.
    """
    if len(source) == 0:
        raise InputError("the data set is empty; it must have at least one item")
    if config.batch_size % (processes * config.accumulate):
        raise InputError(
            f"batch_size is {config.batch_size}; it must be a multiple of "
            f"{processes} processes x accumulate {config.accumulate}"
        )
    loader: DataLoader[Batch | InputError] = DataLoader(
        _KeyedDataset(source, len(source), config.seed),
        batch_sampler=MicroBatches(len(source), config, start, process, processes),
        num_workers=config.workers,
        collate_fn=partial(_collate, collate),
        pin_memory=pin_memory,
        worker_init_fn=_let_the_parent_decide,
        # A generator of its own: the loader seeds its workers from it and must not draw from the model's.
        generator=torch.Generator(),
    )
    return _good(loader)


def _good(loader: DataLoader[Batch | InputError]) -> Generator[Batch]:
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        yield batch
