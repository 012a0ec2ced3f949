"""Published files that an adapter is started from: a T2I-Adapter for the content adapter.

VGG-19 has torchvision's names here as there, and the authors have published nothing of the adapter itself.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from visioncore.backbones.vgg import read_vgg
from visioncore.errors import InputError
from visioncore.weights.state_dicts import load_into, read_state_dict, strip_prefix

from .content import ContentAdapter

__all__ = ["read_t2i_adapter", "read_vgg", "to_t2i_adapter"]

_PREFIX = "adapter."


def read_t2i_adapter(path: str | Path, content: ContentAdapter) -> None:
    """Fill a content adapter from a T2I-Adapter of the full kind for RGB images, such as that for colour.

    Raises:
        InputError: if the file cannot be read, holds something else, or one for other images or another base.
    """
    state = strip_prefix(read_state_dict(path), _PREFIX)
    if "conv_in.weight" not in state or not any(name.startswith("body.") for name in state):
        raise InputError(f"{path}: not a T2I-Adapter of diffusers; one has {_PREFIX}conv_in.weight and {_PREFIX}body.*")
    load_into(content, state, where=str(path))


def to_t2i_adapter(content: ContentAdapter) -> dict[str, Tensor]:
    """Return the tensors of a content adapter under the names of diffusers' T2I-Adapter."""
    return {f"{_PREFIX}{name}": tensor.detach().cpu() for name, tensor in content.state_dict().items()}
