"""The size of a network, known before memory is given to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration

from ..errors import InputError, one_line
from .shapes_only import shapes_only

_SPARE_MODULES, _SPARE_VALUES = 10_000, 10_000_000
"""Allowed beside the tensors of the weights: layers without any, and tensors that are not stored."""


def shapes_of(build: Callable[[], nn.Module], state: Mapping[str, Tensor], where: str) -> dict[str, torch.Size]:
    """Return the shapes of a network's tensors by name; it is built without memory, and not far beyond its weights.

    Args:
        build: makes the network.
        state: the weights that it will get.
        where: its configuration is, for messages.

    Raises:
        InputError: if the configuration describes a network that is larger than the weights by far, or none.
    """
    try:
        with shapes_only(), _bounded(where, state):
            return {name: tensor.shape for name, tensor in build().state_dict().items()}
    except InputError:
        raise
    except Exception as error:
        # sizes that no tensor can have are refused by many types of error
        raise InputError(f"{where}: describes a network that cannot be built ({one_line(error)})") from error


@contextmanager
def _bounded(where: str, state: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop the building of a network when it has many more layers or values than its weights."""
    most_modules = _SPARE_MODULES + 10 * len(state)
    most_values = _SPARE_VALUES + 2 * sum(tensor.numel() for tensor in state.values())
    modules = values = 0

    def check(added_modules: int, added_values: int) -> None:
        nonlocal modules, values
        modules, values = modules + added_modules, values + added_values
        if modules > most_modules or values > most_values:
            raise InputError(
                f"{where}: describes a network far larger than its weights, which hold {len(state)} tensors"
            )

    def count_module(*_: Any) -> None:
        check(1, 0)

    def count_tensor(_: nn.Module, __: str, tensor: Tensor | None) -> None:
        check(1, 0 if tensor is None else tensor.numel())

    hooks = [
        registration.register_module_module_registration_hook(count_module),
        registration.register_module_parameter_registration_hook(count_tensor),
        registration.register_module_buffer_registration_hook(count_tensor),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
