"""The authors' checkpoints <-> this network: which of their tensors is which of ours."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from visioncore.errors import InputError
from visioncore.weights.state_dicts import read_state_dict, strip_prefix

PUBLISHED = {"gain.log_gain": "g"}
"""{our name of a tensor: the authors'}."""


def read_published(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of an authors' checkpoint under our names; those of no name of ours keep theirs.

    Raises:
        InputError: if the file cannot be read or holds something else.
    """
    ours = {published: name for name, published in PUBLISHED.items()}
    state = strip_prefix(read_state_dict(path), "module.")
    if not ours.keys() & state.keys():
        raise InputError(f"{path}: not a CSC checkpoint; one has tensors such as {', '.join(ours)}")
    return {ours.get(name, name): tensor for name, tensor in state.items()}


def to_published(model: nn.Module) -> dict[str, Tensor]:
    """Return the network's tensors under the authors' names, for use with their scripts."""
    return {PUBLISHED[name]: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
