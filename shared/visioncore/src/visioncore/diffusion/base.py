"""Base models: pipelines of Stable Diffusion from files on the disk, and which generation they are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from ..errors import InputError, damage, one_line
from .channels import CHANNELS, check_channels
from .remarks import pipeline_class

Kind = Literal["sd1", "sd2", "sdxl"]

INDEX_FILE = "model_index.json"


def kind_of(unet: nn.Module) -> Kind:
    """Return the generation of a U-Net of diffusers: Stable Diffusion 1.x, 2.x or XL, also of one that is smaller."""
    config: Any = unet.config
    if getattr(config, "addition_embed_type", None):
        return "sdxl"
    # all of 2.x project by linear layers, none of 1.x does
    return "sd2" if config.use_linear_projection or config.cross_attention_dim == 1024 else "sd1"


def load_base(source: str | Path, dtype: torch.dtype = torch.float32, channels: Collection[int] = (CHANNELS,)) -> Any:
    """Return a base model as diffusers' text-to-image pipeline, on the CPU; nothing is downloaded, no code is run.

    A safety checker is there if the base has one.

    Args:
        source: a folder in diffusers' layout, or for Stable Diffusion 1.x one .safetensors or .ckpt file.
        dtype: of all weights.
        channels: any of which its U-Net must take; 9 for a model for inpainting.

    Raises:
        InputError: if it is missing or damaged, is no text-to-image model of Stable Diffusion 1.x, 2.x or XL, or what
            reads it is not installed.
    """
    path = Path(source)
    if path.is_file():
        from .single_file import load_single_file

        return load_single_file(path, dtype, channels)
    pipeline = pipeline_class(_pipeline_name(path))
    with damage(path, "the base model is incomplete or damaged", "; fetch or copy it again"), without_bars():
        loaded = pipeline.from_pretrained(path, local_files_only=True)
    for part in loaded.components.values():
        if isinstance(part, nn.Module):
            # diffusers' own warns of modules that it keeps in float32, of which there are none
            nn.Module.to(part, dtype)
    check_channels(path, loaded.unet.config.in_channels, channels)
    return loaded


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep diffusers and transformers from showing how far they have read the files of a model."""
    libraries = [import_module(f"{name}.utils.logging") for name in ("diffusers", "transformers")]
    shown = [library for library in libraries if library.is_progress_bar_enabled()]
    try:
        for library in shown:
            library.disable_progress_bar()
        yield
    finally:
        for library in shown:
            library.enable_progress_bar()


def _pipeline_name(folder: Path) -> str:
    """Return the name of the text-to-image pipeline for the model in a folder."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such file or folder; give a base model on the disk, such as a downloaded one")
    try:
        index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
        name = str(index["_class_name"])
    except FileNotFoundError as error:
        raise InputError(f"{folder}: no {INDEX_FILE} in it; a base in diffusers' layout has one") from error
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"{folder / INDEX_FILE}: cannot be read ({one_line(error)})") from error
    if name.startswith("StableDiffusionXL"):
        return "StableDiffusionXLPipeline"
    if name.startswith("StableDiffusion") and not name.startswith("StableDiffusion3"):
        return "StableDiffusionPipeline"
    raise InputError(f"{folder}: holds a {one_line(name, 100)}; a base is Stable Diffusion 1.x, 2.x or XL")
