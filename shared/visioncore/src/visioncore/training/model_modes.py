"""Temporary states of a model: which parameters are trained, evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ..errors import InputError


@contextmanager
def training_only(model: nn.Module, parameters: Iterable[nn.Parameter] | None) -> Iterator[list[nn.Parameter]]:
    """Within the block exactly the given parameters require a gradient; yields them in the model's order.

    Args:
        model: in training mode within the block.
        parameters: None for all that require a gradient already.

    Raises:
        InputError: if there are none, or one is not a parameter of the model.
    """
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    wanted = {id(parameter) for parameter in parameters} if parameters is not None else None
    trained = [parameter for parameter, on in before if (on if wanted is None else id(parameter) in wanted)]
    if not trained or (wanted is not None and len(trained) < len(wanted)):
        raise InputError("the parameters to train must be parameters of the model, at least one")
    try:
        for parameter, _ in before:
            parameter.requires_grad_(False)
        for parameter in trained:
            parameter.requires_grad_(True)
        model.train()
        yield trained
    finally:
        for parameter, on in before:
            parameter.requires_grad_(on)
        for module, mode in modes:
            module.training = mode


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Within the block the model is in evaluation mode and no gradient is recorded; then every module is as before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        # Not inference_mode: tables a model caches there could not be used in training afterwards.
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
