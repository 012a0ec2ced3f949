"""The network that a command is about: a published variant by its name, or what weights hold; and what goes into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..methods import Method
from ..weights.loading import is_published, load_model
from ..weights.places import holds_weights


def load_weights(method: Method, weights: str | Path, **companions: str) -> Any:
    """Return the model that ``weights`` hold, see `visioncore.weights.loading.load_model`.

    Args:
        method: whose weights they are.
        weights: anything that predict takes.
        companions: further files that an authors' checkpoint needs; empty for none.
    """
    given = {name: path or None for name, path in companions.items()}
    return load_model(method, weights, **given)


def named_config(method: Method, name: str | Path) -> Any:
    """Return the settings of a published variant; None if there is none of that name, or weights lie under it here."""
    return None if holds_weights(Path(name)) else method.load(method.network.config)(str(name))


def network_of(method: Method, weights: str | Path, **companions: str) -> Any:
    """Return a published variant with random weights, by its name, or the model that ``weights`` hold.

    Raises:
        InputError: if there are no such weights.
    """
    config = named_config(method, weights)
    if config is None:
        return load_weights(method, weights, **companions)
    return method.load(method.network.model)(config).eval()


def config_of(method: Method, weights: str | Path, **companions: str) -> Any:
    """Return the settings of a published variant, by its name, or of the network that ``weights`` are for.

    Raises:
        InputError: if there are no such weights.
    """
    if (config := named_config(method, weights)) is not None:
        return config
    if method.network.published_config and is_published(Path(weights)):
        return method.load(method.network.published_config)(weights)
    return load_weights(method, weights, **companions).config


def example_inputs(method: Method, config: Any, size: int | None = None) -> dict[str, Tensor]:
    """Return an example of what a network takes, the same at every call: {name: tensor}.

    Args:
        method: whose network it is.
        config: its settings.
        size: side of square images, for a network that takes any; by default the first of those that bench measures.

    Raises:
        InputError: if the size is not what it should be.
    """
    inputs = method.network.inputs
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(inputs, str):
            examples: dict[str, Tensor] = method.load(inputs)(config)
            return examples
        size = method.network.sizes[0] if size is None else size
        if size < inputs.multiple or size % inputs.multiple:
            raise InputError(f"size is {size}; it must be a positive multiple of {inputs.multiple}")
        return {inputs.name: torch.rand(1, getattr(config, "channels", 3), size, size)}


def tensors_of(output: Any) -> list[Tensor]:
    """Return the tensors that a network returned: one, or those of a tuple."""
    return [output] if isinstance(output, Tensor) else [value for value in output if isinstance(value, Tensor)]


def difference(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Return the largest difference between tensors, over the largest value of each or 1; NaN if there is one."""
    return float(
        torch.stack(
            [
                ((tensor - wanted).abs().max() / wanted.abs().max().clamp(min=1)).double().cpu()
                for tensor, wanted in zip(found, expected, strict=True)
            ]
        ).max()
    )
