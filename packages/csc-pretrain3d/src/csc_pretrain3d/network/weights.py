"""Where weights come from: what is bundled, what was saved, the Hub, and published checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.weights import loading

from ..method import METHOD
from .base import CSC


def load_model(weights: str | Path) -> CSC:
    """Return a network in evaluation mode, on the CPU, from any source of weights.

    Args:
        weights: ``demo`` for the bundled network, a published checkpoint, or a folder, file or hub id that
            `CSC.from_pretrained` takes.

    Raises:
        InputError: if it cannot be read or does not fit.
    """
    model: CSC = loading.load_model(METHOD, weights)
    return model


def load_published(path: str | Path) -> CSC:
    """Return the network of a published checkpoint; which of the networks it is shows in it.

    Raises:
        InputError: as `CSC.from_published`.
    """
    return CSC.from_published(path)


@torch.no_grad()
def load_matching(model: nn.Module, state: Mapping[str, Tensor], where: str) -> list[str]:
    """Copy the tensors whose name and shape a network has, as fine-tuning begins, and return the names of the others.

    Args:
        model: the network; what the state lacks stays as it is.
        state: the tensors of a pre-trained network, such as ``load_model(path).state_dict()``.
        where: where they came from, as the error should name it.

    Returns:
        Names of the network's tensors that were not in the state, or of another shape there.

    Raises:
        InputError: if not one fits.
    """
    own = model.state_dict()
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    if not any(own[name].is_floating_point() for name in fitting):
        raise InputError(f"{where}: no tensor fits {type(model).__name__}; weights of the same network are needed")
    model.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]
