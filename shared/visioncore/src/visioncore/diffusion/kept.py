"""Values that are found once and used in every step, as long as the tensor they are made of stays the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

Value = TypeVar("Value")


class Kept:
    """Values by name, each kept with the tensor that it was made of."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Tensor, int, Any]] = {}

    def find(self, name: str, source: Tensor, make: Callable[[], Value]) -> Value:
        """Return a value, made anew if it is not there, or its tensor is another or has changed, or while gradients are
        recorded.

        Args:
            name: of the value.
            source: the tensor that it is made of; compared by identity, never by its numbers.
            make: makes the value.
        """
        if torch.is_grad_enabled():
            return make()
        found = self._kept.get(name)
        if found is None or found[0] is not source or found[1] != _version(source):
            found = self._kept[name] = source, _version(source), make()
        value: Value = found[2]
        return value


def _version(tensor: Tensor) -> int:
    # tensors of inference mode count no changes
    return -1 if tensor.is_inference() else tensor._version
