"""A device whose memory runs out, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch


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
