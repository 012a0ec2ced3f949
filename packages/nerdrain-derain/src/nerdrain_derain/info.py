"""What there is to know about the method and a network of it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from .method import METHOD
from .network.config import VARIANTS
from .network.model import NeRDRain
from .weights import load_model


def network(weights: str | Path) -> NeRDRain:
    """Return a published variant with random weights, by its name, or the model that ``weights`` hold."""
    config = VARIANTS.get(str(weights))
    return NeRDRain(config).eval() if config else load_model(weights)


def multiply_accumulates(model: NeRDRain, size: int = 256) -> int:
    """Return the multiplications with addition that ``model`` does for an image of ``size`` x ``size``."""
    shadow = NeRDRain(model.config).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        shadow(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops() // 2


def describe(weights: str | Path = "nerd-rain") -> str:
    """Return parameters, operations, paper, citation, licence and the authors' weights as text."""
    model = network(weights)
    parameters = sum(p.numel() for p in model.parameters())
    config = ", ".join(f"{name} {value}" for name, value in vars(model.config).items())
    variant = next((name for name, known in VARIANTS.items() if known == model.config), "no published variant")
    read_from = [] if str(weights) in VARIANTS else [f"read from   {weights}"]
    return "\n".join(
        [
            f"{METHOD.title}: {METHOD.task}",
            f"network     {variant} ({config})",
            *read_from,
            f"parameters  {parameters / 1e6:.2f} M",
            f"operations  {multiply_accumulates(model) / 1e9:.1f} G multiply-accumulates for 256x256",
            f"paper       {METHOD.paper}, {METHOD.authors}, {METHOD.venue}, arXiv {METHOD.arxiv}",
            f"licence     {METHOD.licence}",
            f"weights     {METHOD.weights}",
            "",
            METHOD.citation,
        ]
    )
