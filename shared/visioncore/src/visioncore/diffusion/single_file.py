"""Stable Diffusion 1.x in one file, as tuned models are shared: read without running any code, and offline."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, damage
from ..extras import require
from ..weights.state_dicts import load_into, read_state_dict
from .channels import CHANNELS, check_channels
from .remarks import pipeline_class
from .schedule import OPTIONS

UNET = "model.diffusion_model."
VAE = "first_stage_model."
TEXT = "cond_stage_model.transformer."
_CONTEXT = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "unet": {
        "sample_size": 64,
        "block_out_channels": [320, 640, 1280, 1280],
        "attention_head_dim": 8,
        "cross_attention_dim": 768,
    },
    "vae": {
        "sample_size": 512,
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": ["DownEncoderBlock2D"] * 4,
        "up_block_types": ["UpDecoderBlock2D"] * 4,
        "layers_per_block": 2,
        "latent_channels": 4,
    },
    "text_encoder": {
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "projection_dim": 768,
    },
}
"""Settings of Stable Diffusion 1.x that differ from the libraries' defaults."""


def load_single_file(path: Path, dtype: torch.dtype, channels: Collection[int] = (CHANNELS,)) -> Any:
    """Return the pipeline of diffusers for a checkpoint of Stable Diffusion 1.x, on the CPU, without a safety checker.

    Args:
        path: of the file.
        dtype: of all weights.
        channels: any of which its U-Net must take.

    Raises:
        InputError: if the file cannot be read or holds something else, or open_clip, whose tokeniser is the base's, is
            not installed.
    """
    pipeline, diffusers = pipeline_class("StableDiffusionPipeline"), require("diffusers", "diffusion")
    state = read_state_dict(path)
    taken = check_kind(path, state, channels)
    components = components_of(path, state, {**CONFIGS, "unet": {**CONFIGS["unet"], "in_channels": taken}})
    return pipeline(
        **{name: module.to(dtype).eval() for name, module in components.items()},
        tokenizer=clip_tokenizer(),
        scheduler=diffusers.PNDMScheduler(**OPTIONS, skip_prk_steps=True),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def check_kind(path: Path, state: Mapping[str, Tensor], channels: Collection[int] = (CHANNELS,)) -> int:
    """Validate that tensors are of Stable Diffusion 1.x, and return how many channels its U-Net takes.

    Raises:
        InputError: naming what they are of.
    """
    if not any(name.startswith(UNET) for name in state):
        raise InputError(f"{path}: not a checkpoint of Stable Diffusion; its tensors begin with {UNET}")
    context = state.get(_CONTEXT)
    if context is None or context.shape[1] != 768:
        raise InputError(
            f"{path}: a checkpoint of Stable Diffusion 2.x or XL; of one file only 1.x is read, so give the folder "
            "in diffusers' layout"
        )
    first = state.get(f"{UNET}input_blocks.0.0.weight")
    if first is None or first.ndim != 4:
        raise InputError(f"{path}: these weights do not fit Stable Diffusion 1.x: its first layer is missing")
    check_channels(path, first.shape[1], channels)
    return first.shape[1]


def components_of(path: Path, state: Mapping[str, Tensor], configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return U-Net, VAE and text encoder of a checkpoint in one file.

    Args:
        path: of the file, for messages.
        state: its tensors.
        configs: settings of each of the three.

    Raises:
        InputError: if tensors are missing or of another shape.
    """
    import diffusers
    import transformers

    with damage(path, "these weights do not fit Stable Diffusion 1.x"):
        found = {
            "unet": _converted(diffusers.UNet2DConditionModel, state, configs["unet"]),
            "vae": _converted(diffusers.AutoencoderKL, state, configs["vae"]),
        }
    text_encoder = transformers.CLIPTextModel(transformers.CLIPTextConfig(**configs["text_encoder"]))
    # newer versions of transformers have dropped a part of the names
    prefix = "" if any(name.startswith("text_model.") for name in text_encoder.state_dict()) else "text_model."
    texts = {
        name.removeprefix(TEXT + prefix): value
        for name, value in state.items()
        if name.startswith(TEXT) and not name.endswith("position_ids")
    }
    load_into(text_encoder, texts, where=str(path))
    return {**found, "text_encoder": text_encoder}


def _converted(model: Any, state: Mapping[str, Tensor], config: Mapping[str, Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        named = {"_class_name": model.__name__, **config}
        (Path(folder) / "config.json").write_text(json.dumps(named), encoding="utf-8")
        return model.from_single_file(dict(state), config=folder, local_files_only=True)


def clip_tokenizer() -> Any:
    """Return CLIP's tokeniser as transformers has it, made of the byte pairs that come with open_clip.

    Raises:
        InputError: if open_clip is not installed.
    """
    from transformers import CLIPTokenizer

    module = require("open_clip.tokenizer", "clip")
    with gzip.open(module.default_bpe(), "rt", encoding="utf-8") as file:
        # the file is of a larger vocabulary than CLIP's, whose last two tokens are begin and end
        merges = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    letters = list(module.bytes_to_unicode().values())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair.split()) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        numbers = {token: number for number, token in enumerate(tokens)}
        (Path(folder) / "vocab.json").write_text(json.dumps(numbers), encoding="utf-8")
        (Path(folder) / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=77, pad_token="<|endoftext|>")
