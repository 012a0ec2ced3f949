"""Memory for what is read or made again and again, as long as there is room."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Memory(Generic[Value]):
    """Keeps values by their keys until it is full; nothing is dropped again.

    Args:
        megabytes: how much it may take, in each process.
        size: bytes of a value.
    """

    def __init__(self, megabytes: int, size: Callable[[Value], int]) -> None:
        self._room, self._size = megabytes * 2**20, size
        self._kept: dict[Hashable, Value] = {}

    def __call__(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, which is made if it is not kept."""
        if key in self._kept:
            return self._kept[key]
        value = make()
        size = self._size(value)
        if size <= self._room:
            self._room -= size
            self._kept[key] = value
        return value
