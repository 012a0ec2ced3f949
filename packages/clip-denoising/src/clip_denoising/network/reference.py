"""The network step by step, as `model` writes it down: what the fast path is held against."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def as_reference(model: Network) -> Network:
    """Return a copy of a model, in evaluation mode: `CLIPDenoiser` takes no shortcut, all of them are in `fast`."""
    return copy.deepcopy(model).eval()
