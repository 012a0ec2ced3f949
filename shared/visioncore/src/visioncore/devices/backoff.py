"""Recognise that memory ran out, and go on with a smaller batch or tile."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from ..errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "alloc_failed",
    "invalid buffer size",
)
"""How PyTorch and the libraries under it say so on CUDA, MPS and the CPUs of Linux, macOS and Windows; lower case."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the memory of the device or of the machine ran out.

    An ``InputError`` that was raised because of one counts too, so that back-offs can be nested.
    """
    if isinstance(error, InputError):
        return error.__cause__ is not None and is_out_of_memory(error.__cause__)
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY_WORDS)


def with_backoff(
    run: Callable[[int], Result],
    size: int,
    minimum: int = 1,
    notify: Callable[[str], None] | None = None,
) -> Result:
    """Return ``run(size)``, with half the size again and again as long as the memory runs out.

    Args:
        run: does the work with a batch, a tile or whatever ``size`` measures.
        size: what to begin with.
        minimum: the smallest size worth trying.
        notify: receives one line for every step back.

    Raises:
        InputError: if the memory runs out at ``minimum``; it says what would help.
    """
    while True:
        try:
            return run(size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size <= minimum:
                raise InputError(
                    f"out of memory even at the smallest size ({size}); a smaller image or tile, a lower precision "
                    "(bfloat16) or a device with more memory would help"
                ) from error
        # Outside the handler: the error's traceback holds on to the tensors of the failed run.
        _empty_cache()
        smaller = max(size // 2, minimum)
        if notify is not None:
            notify(f"out of memory at size {size}, going on with {smaller}")
        size = smaller


def in_batches(
    run: Callable[[Sequence[Item]], Result], items: Sequence[Item], batch: int, notify: Callable[[str], None]
) -> tuple[list[Result], int]:
    """Return the results of items, batch by batch, and how many a batch had in the end.

    Args:
        run: items -> what is made of them; batches get smaller where memory runs out.
        items: at least one.
        batch: how many at a time, at most.
        notify: receives one line for every step back.

    Raises:
        InputError: as `with_backoff`.
    """
    made: list[Result] = []
    done = 0

    def some(count: int) -> tuple[Result, int]:
        return run(items[done : done + count]), count

    while done < len(items):
        wanted = min(batch, len(items) - done)
        result, count = with_backoff(some, wanted, notify=notify)
        made.append(result)
        if count < wanted:
            batch = count
        done += count
    return made, batch


def _empty_cache() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
