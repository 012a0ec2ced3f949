"""Memory in tests: a device whose memory runs out, and how much tensors take."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def out_of_memory(*given: Any, **options: Any) -> Any:
    """Run out of memory, whatever is given.

    Raises:
        torch.OutOfMemoryError: always.
    """
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


@contextmanager
def room_for(most: int, owner: object, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let a network run out of memory above so many images at a time; yields the sizes of the batches it was given.

    Args:
        most: images that fit.
        owner: what holds the network, or its ``forward``.
        name: under which it does.
        monkeypatch: puts it back.
    """
    sizes: list[int] = []
    run = getattr(owner, name)

    def limited(images: torch.Tensor) -> Any:
        sizes.append(len(images))
        if len(images) > most:
            out_of_memory()
        return run(images)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, limited)
        yield sizes


class LiveTensors(TorchDispatchMode):
    """Counts the bytes of tensors that are made inside it, on any device.

    Attributes:
        now: of those that are still there.
        most: that there were at a time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, operation: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {each.untyped_storage()._cdata for each in tree_leaves((args, kwargs)) if torch.is_tensor(each)}
        out = operation(*args, **(kwargs or {}))
        for each in tree_leaves(out):
            if torch.is_tensor(each) and (key := each.untyped_storage()._cdata) not in self._known | given:
                size = each.untyped_storage().nbytes()
                self._known.add(key)
                self.now += size
                self.most = max(self.most, self.now)
                weakref.finalize(each.untyped_storage(), self._gone, key, size)
        return out

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size
