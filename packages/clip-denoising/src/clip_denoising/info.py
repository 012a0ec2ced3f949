"""What there is to know about the method and a network of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from .method import METHOD
from .network.config import VARIANTS
from .network.model import CLIPDenoiser
from .weights import load_model


def network(weights: str | Path) -> CLIPDenoiser:
    """Return a published variant with random weights, by its name, or the model that ``weights`` hold."""
    config = VARIANTS.get(str(weights))
    return CLIPDenoiser(config).eval() if config else load_model(weights)


def multiply_accumulates(model: CLIPDenoiser, size: int = 256) -> int:
    """Return the multiplications with addition in the network's convolutions for an image of ``size`` x ``size``.

    They are those of its definition: on a CPU, inference finds the same with fewer (see `winograd`).
    """
    shadow = CLIPDenoiser(model.config).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(1, model.config.channels, size, size, device="meta"))
    return counter.get_total_flops() // 2


def describe(weights: str | Path = "synthetic") -> str:
    """Return parameters, operations, its noise, paper, citation, licence and the authors' weights as text."""
    model = network(weights)
    config = model.config
    parameters = sum(p.numel() for p in model.parameters())
    fields = ", ".join(f"{name} {value}" for name, value in vars(config).items() if name != "noise")
    variant = next((n for n, known in VARIANTS.items() if known == replace(config, keep_layer4=False)), "other")
    read_from = [] if str(weights) in VARIANTS else [f"read from   {weights}"]
    return "\n".join(
        [
            f"{METHOD.title}: {METHOD.task}",
            f"network     {variant} ({fields})",
            f"trained on  {config.noise or 'not said'}",
            *read_from,
            f"parameters  {parameters / 1e6:.2f} M",
            f"operations  {multiply_accumulates(model) / 1e9:.2f} G multiply-accumulates for 256x256",
            f"paper       {METHOD.paper}, {METHOD.authors}, {METHOD.venue}, arXiv {METHOD.arxiv}",
            f"licence     {METHOD.licence}",
            f"weights     {METHOD.weights}",
            "",
            METHOD.citation,
        ]
    )
