"""Work in steps, and overlapping work: threads prepare the next inputs while a device works on others."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[tuple[int, int], None, T]
"""Work that says how many things are done, first none, and of how many, and in the end returns what comes of it."""

THREADS = min(4, os.cpu_count() or 1)
"""How many things are made ready at a time."""


def ahead(work: Callable[[int], T], count: int, most: int) -> Iterator[T]:
    """Yield ``work(0)`` to ``work(count - 1)``, done in threads; at most ``most`` of them wait to be taken."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting = deque(pool.submit(work, index) for index in range(min(most, count)))
        for index in range(len(waiting), len(waiting) + count):
            result = waiting.popleft().result()
            if index < count:
                waiting.append(pool.submit(work, index))
            yield result


def one_behind(items: Iterator[T]) -> Iterator[T]:
    """Yield each item only when the next one is there, so that a device has more to do while an item is waited for."""
    waiting: deque[T] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting


def exhausted(steps: Steps[T], after: Callable[[], None] = lambda: None) -> T:
    """Take all steps and return what comes of them; ``after`` is called after each."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        after()
