"""The process-wide random generators: seed them, take their state, put it back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed_generators(*entropy: int) -> None:
    """Seed the generators of Python, NumPy and torch (all devices) from non-negative numbers."""
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def generator_state(device: torch.device) -> dict[str, Any]:
    """Return the state of Python's, NumPy's, torch's CPU generator and that of ``device``.

    Only numbers, strings and tensors, so that ``torch.load(..., weights_only=True)`` reads it back.
    """
    kind, keys, *rest = np.random.get_state(legacy=True)
    state = {
        "python": random.getstate(),
        "numpy": [kind, torch.tensor(np.asarray(keys, dtype=np.int64)), *rest],
        "cpu": torch.get_rng_state(),
    }
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state()
    return state


def restore_generators(state: dict[str, Any], device: torch.device) -> None:
    """Put back what :func:`generator_state` took; a state of another kind of device is left out."""
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["cpu"])
    if device.type in state and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state[device.type])


@contextmanager
def generators_kept(device: torch.device) -> Iterator[None]:
    """Leave the generators after the block as they were before it."""
    state = generator_state(device)
    try:
        yield
    finally:
        restore_generators(state, device)
