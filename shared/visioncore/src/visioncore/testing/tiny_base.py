"""Base models in the layouts of Stable Diffusion 1.x, 2.x and XL, so small that they take no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ..diffusion.base import Kind
from ..diffusion.schedule import ddim_scheduler

WIDTH = 32
"""Of the text encoder, and so of the context of cross-attention; that of XL has two encoders, and twice the width."""
BLOCKS = (32, 64)
"""Channels of the U-Net's blocks: the first has cross-attention, the second has none; with XL it is the other way."""
SIZES = 8
"""Width of each of the six sizes that XL is told."""
WORDS = ("a", "of", "cat", "dog", "house", "tree", "boat", "river", "painting", "red", "blue", "sea", "with")
"""Words that are one token each; any other text is spelled out in bytes."""


def tiny_base(folder: Path, *, seed: int = 0, safety_checker: bool = False, kind: Kind = "sd1") -> Path:
    """Save a base model with random weights in the layout of diffusers, and return its folder.

    Args:
        folder: it is made.
        seed: of the weights; those of one seed are always the same.
        safety_checker: with one, and the processor of its images; not for XL, which has none.
        kind: its generation; that of 2.x predicts velocity.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tiny_components(folder, seed=seed, safety_checker=safety_checker, kind=kind).save_pretrained(folder)
    return folder


def tiny_components(folder: Path, *, seed: int = 0, safety_checker: bool = False, kind: Kind = "sd1") -> Any:
    """Return the pipeline that `tiny_base` saves; ``folder`` takes the files of the tokeniser."""
    import diffusers
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = tiny_tokenizer(folder / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: dict[str, Any] = {
            "tokenizer": tokenizer,
            "text_encoder": CLIPTextModel(_text_config(tokenizer)).eval(),
            "unet": diffusers.UNet2DConditionModel(**_unet_config(kind)).eval(),
            "vae": _tiny_vae().eval(),
            "scheduler": ddim_scheduler("v_prediction" if kind == "sd2" else "epsilon"),
        }
        if kind == "sdxl":
            second = CLIPTextModelWithProjection(_text_config(tokenizer)).eval()
            return diffusers.StableDiffusionXLPipeline(**parts, text_encoder_2=second, tokenizer_2=tokenizer)
        checker, processor = _tiny_checker() if safety_checker else (None, None)
    return diffusers.StableDiffusionPipeline(
        **parts, safety_checker=checker, feature_extractor=processor, requires_safety_checker=safety_checker
    )


def _text_config(tokenizer: Any) -> Any:
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )


def _unet_config(kind: Kind) -> dict[str, Any]:
    """Return settings of a U-Net: all generations differ in where and how it attends."""
    xl = kind == "sdxl"
    down, up = ["CrossAttnDownBlock2D", "DownBlock2D"], ["UpBlock2D", "CrossAttnUpBlock2D"]
    common = {
        "sample_size": 8,
        "block_out_channels": BLOCKS,
        "layers_per_block": 1,
        "down_block_types": down[::-1] if xl else down,
        "up_block_types": up[::-1] if xl else up,
        "norm_num_groups": 8,
    }
    if kind == "sd1":
        return {**common, "cross_attention_dim": WIDTH, "attention_head_dim": 4}
    later = {**common, "attention_head_dim": (2, 4), "use_linear_projection": True}
    if kind == "sd2":
        return {**later, "cross_attention_dim": WIDTH}
    return {
        **later,
        "cross_attention_dim": 2 * WIDTH,
        "transformer_layers_per_block": (1, 2),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": SIZES,
        "projection_class_embeddings_input_dim": WIDTH + 6 * SIZES,
    }


def _tiny_vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=64,
        scaling_factor=0.18215,
    )


def tiny_tokenizer(folder: Path) -> Any:
    """Write the files of a CLIP tokeniser that knows `WORDS`, and return it."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    letters = list(_byte_letters())
    merges = list(dict.fromkeys(pair for word in WORDS for pair in _merges(word)))
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def _merges(word: str) -> list[tuple[str, str]]:
    letters, last = word[:-1], word[-1]
    parts = [*letters, f"{last}</w>"]
    pairs = []
    while len(parts) > 1:
        first, second, *rest = parts
        pairs.append((first, second))
        parts = [first + second, *rest]
    return pairs


def _byte_letters() -> list[str]:
    """Return the printable letter that stands for each byte in byte-level tokens."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + place) for place in range(len(hidden))]


def _tiny_checker() -> tuple[Any, Any]:
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={**small, "vocab_size": 8, "bos_token_id": 6, "eos_token_id": 7, "pad_token_id": 7},
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return StableDiffusionSafetyChecker(config).eval(), processor
