"""What there is to know about the method and a network of it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from visioncore.backbones.sam import SAM_ENCODERS, SAM_FILES, SOURCE

from .method import METHOD
from .network.config import HSAMConfig
from .network.model import HSAM
from .network.published import read_published
from .network.unused_tensors import unused_shapes
from .weights import load_model

_NAMED = re.compile(r"(vit_[a-z]+)-(\d+)")


def named_config(name: str | Path) -> HSAMConfig | None:
    """Return the settings that a name such as ``vit_b-512`` (backbone, image size) means; None if it is none.

    Raises:
        InputError: if there is no such backbone, or the size is no multiple of 16.
    """
    match = _NAMED.fullmatch(str(name))
    if match is None or Path(name).exists():
        return None
    return HSAMConfig(backbone=match[1], image_size=int(match[2]))  # type: ignore[arg-type]


def network(weights: str | Path, *, sam: str | Path | None = None) -> HSAM:
    """Return a network with random weights, by a name such as ``vit_b-512``, or the one that ``weights`` hold.

    Args:
        weights: a name, or what `load_model` takes.
        sam: SAM's own checkpoint, which an adapter of the authors needs beside it.

    Raises:
        InputError: if there are no such weights.
    """
    config = named_config(weights)
    return load_model(weights, sam=sam) if config is None else HSAM(config).eval()


def operations(config: HSAMConfig) -> int:
    """Return the floating point operations for one slice, two for a multiplication with addition; additions folded."""
    size = config.image_size
    # Random starting values of a trained encoder are more than fake tensors can do, and do not count.
    config = replace(config, train_encoder=False)
    with FakeTensorMode(), torch.no_grad():
        model, image = HSAM(config).eval().fold(), torch.empty(1, 3, size, size)
        with FlopCounterMode(display=False) as counter:
            model.requires_grad_(False)(image)
    return int(counter.get_total_flops())


def describe(weights: str | Path = "vit_b-512") -> str:
    """Return parameters, operations, paper, citation, licence and where the authors publish weights, as text.

    Args:
        weights: a name such as ``vit_b-512``, or what `load_model` takes; an adapter of the authors is described
            without SAM's file.

    Raises:
        InputError: if there are no such weights, or they are of something else.
    """
    config = named_config(weights)
    read_from = [] if config else [f"read from   {weights}"]
    config = config or _read_config(weights)
    with torch.device("meta"):
        parameters = list(HSAM(config).parameters())
    total, trained = (sum(p.numel() for p in some) for some in (parameters, filter(_trained, parameters)))
    done = config.preprocessing
    through = "" if done.input_size is None else f", slices resized to {done.input_size} first"
    return "\n".join(
        [
            f"{METHOD.title}: {METHOD.task}",
            f"network     {config.backbone} at {config.image_size}x{config.image_size}, low-rank additions of rank "
            f"{config.lora_rank}, decoder {config.decoder}, gate {config.gate}",
            *read_from,
            f"classes     {', '.join(config.classes)} ({len(config.classes)}, background not counted)",
            f"expects     window {done.window}, orientation {done.orientation}{through}",
            f"parameters  {total / 1e6:.2f} M, of which {trained / 1e6:.2f} M are trained{_published_size(config)}",
            f"operations  {operations(config) / 1e9:.1f} GFLOPs for a slice, two for a multiply-accumulate",
            f"paper       {METHOD.paper}, {METHOD.authors}, {METHOD.venue}, arXiv {METHOD.arxiv}",
            f"licence     {METHOD.licence}",
            f"weights     {METHOD.weights}",
            f"SAM's files {', '.join(f'{name}: {file}' for name, file in SAM_FILES.items())}; linked from {SOURCE}",
            "",
            METHOD.citation,
        ]
    )


def _read_config(weights: str | Path) -> HSAMConfig:
    path = Path(weights)
    if path.is_file() and path.suffix != ".safetensors":
        return read_published(path).config
    return load_model(weights).config


def _trained(parameter: torch.nn.Parameter) -> bool:
    return parameter.requires_grad


def _published_size(config: HSAMConfig) -> str:
    """Return how much more the published layout of a network holds; nothing for networks without one."""
    if config.backbone not in SAM_ENCODERS or config.decoder != "hierarchical":
        return ""
    more = sum(math.prod(shape) for shape in unused_shapes(config).values())
    return f"; the authors' layout holds {more / 1e6:.2f} M more that have no effect"
