"""Facts on networks, counted: size, settings, and the table of those of the published variants."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..configs import to_plain
from ..methods import Method
from .networks import config_of, example_inputs, named_config, tensors_of

NO_VARIANT = "no published variant"


@dataclasses.dataclass(frozen=True)
class Size:
    """How large a network is, and what goes in and comes out.

    Attributes:
        parameters: how many numbers it has.
        trained: how many of them training changes.
        multiply_accumulates: multiplications with addition for the inputs.
        inputs: {name: shape}.
        outputs: {name: shape}.
    """

    parameters: int
    trained: int
    multiply_accumulates: int
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


def measure(method: Method, config: Any, size: int | None = None) -> Size:
    """Count a network's parameters, and the operations for an example of its input; nothing of it is computed.

    Args:
        method: whose network it is.
        config: its settings.
        size: side of square images, for a network that takes any; by default the first of those that bench measures.
    """
    network, examples = method.network, example_inputs(method, config, size)
    with torch.device("meta"):
        model = method.load(network.model)(config).eval()
    parameters = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    model.requires_grad_(False)
    with torch.no_grad():
        counted = method.load(network.counted)(model) if network.counted else model
        with FlopCounterMode(display=False) as counter:
            outputs = tensors_of(counted(*(tensor.to("meta") for tensor in examples.values())))
    return Size(
        parameters=parameters,
        trained=trained,
        multiply_accumulates=counter.get_total_flops() // 2,
        inputs={name: tuple(tensor.shape) for name, tensor in examples.items()},
        outputs={name: tuple(tensor.shape) for name, tensor in zip(network.outputs, outputs, strict=False)},
    )


def variant_of(method: Method, config: Any) -> str | None:
    """Return the name of the published variant that has these settings; None if none has."""
    unseen = dict.fromkeys(method.network.unseen)
    named = {name: method.load(method.network.config)(name) for name in method.network.variants}
    return next((name for name, known in named.items() if vars(known) | unseen == vars(config) | unseen), None)


def describe(method: Method, weights: str | Path, **companions: str) -> dict[str, Any]:
    """Return the facts on a network, as plain values.

    Args:
        method: the method.
        weights: the name of a variant, or anything that predict takes.
        companions: further files that an authors' checkpoint needs; empty for none.

    Raises:
        InputError: if there are no such weights.
    """
    config = config_of(method, weights, **companions)
    named = named_config(method, weights) is not None
    described = {
        "variant": variant_of(method, config),
        "read_from": None if named else str(weights),
        "config": to_plain(config),
        "details": details(method, config),
        **dataclasses.asdict(measure(method, config)),
        "classes": list(getattr(config, "classes", ())),
    }
    # as they are in a file
    plain: dict[str, Any] = json.loads(json.dumps(described))
    return plain


def table_of(method: Method) -> dict[str, dict[str, Any]]:
    """Return the contents of ``assets/networks.json``: what `describe` tells of each published variant, by its name."""
    return {name: describe(method, name) for name in method.network.variants}


def details(method: Method, config: Any) -> dict[str, str]:
    """Return the settings as text, in the method's own words where it has some."""
    facts: dict[str, str] = method.load(method.network.facts)(config) if method.network.facts else {}
    said = set(facts.values())
    fields = ", ".join(f"{name} {value}" for name, value in vars(config).items() if str(value) not in said | {""})
    return {"network": f"{variant_of(method, config) or NO_VARIANT} ({fields})"} | facts
