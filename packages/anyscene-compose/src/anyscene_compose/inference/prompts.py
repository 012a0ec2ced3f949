"""Prompts encoded by the base model's own pipeline, and what of them had no place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from visioncore.diffusion.base import kind_of
from visioncore.diffusion.remarks import without_remarks
from visioncore.errors import InputError, one_line


@dataclass(frozen=True, eq=False)
class Prompts:
    """Encoded prompts of one image, in the order of the parts of a batch.

    Attributes:
        embeds: (P, L, D): the negative prompt and the prompt, or the prompt alone without guidance.
        added: what XL takes besides, (P, ...) each; empty for others.
    """

    embeds: Tensor
    added: dict[str, Tensor]

    def beside(self, other: Prompts) -> Prompts:
        """Return these with the tokens of another prompt behind theirs; what XL takes besides is of these."""
        return Prompts(torch.cat((self.embeds, other.embeds), dim=1), self.added)

    def spread(self, images: int) -> tuple[Tensor, dict[str, Any]]:
        """Return embeddings and options of the U-Net for a batch of images that all have these prompts."""
        added = {name: value.repeat_interleave(images, dim=0) for name, value in self.added.items()}
        return self.embeds.repeat_interleave(images, dim=0), {"added_cond_kwargs": added} if added else {}


def check_encoders(base: Any) -> None:
    """Check that a base model can read prompts.

    Raises:
        InputError: if a text encoder or tokeniser is missing.
    """
    wanted = ["tokenizer", "text_encoder"]
    if kind_of(base.unet) == "sdxl":
        wanted += ["tokenizer_2", "text_encoder_2"]
    missing = [name for name in wanted if getattr(base, name, None) is None]
    if missing:
        raise InputError(
            f"the base has no {' and no '.join(missing)}, so no prompt can be read; give one with a text encoder"
        )


@torch.inference_mode()
def encode(
    base: Any, prompt: str, negative: str, size: tuple[int, int], *, guided: bool, notify: Callable[[str], None]
) -> Prompts:
    """Return encoded prompts, as the base model's own pipeline has them.

    Args:
        base: pipeline of diffusers.
        prompt: of what is wanted.
        negative: of what is not; an empty one is as none is there.
        size: height and width of the image, which XL is told.
        guided: whether the negative prompt is needed.
        notify: told what of a prompt is cut off.
    """
    for text in (prompt, negative) if guided else (prompt,):
        _tell_cut(base.tokenizer, text, notify)
    # what is cut off is told already
    with without_remarks():
        found = base.encode_prompt(
            prompt=prompt,
            device=base.unet.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
            negative_prompt=negative or None,
        )
    both = [found[1], found[0]] if guided else [found[0]]
    if kind_of(base.unet) != "sdxl":
        return Prompts(torch.cat(both), {})
    pooled = torch.cat([found[3], found[2]] if guided else [found[2]])
    ids = base._get_add_time_ids(
        size, (0, 0), size, dtype=both[0].dtype, text_encoder_projection_dim=base.text_encoder_2.config.projection_dim
    )
    times = ids.to(pooled.device).repeat(len(pooled), 1)
    return Prompts(torch.cat(both), {"text_embeds": pooled, "time_ids": times})


def _tell_cut(tokenizer: Any, text: str, notify: Callable[[str], None]) -> None:
    """Notify of the tokens of a prompt that are beyond those that the base model reads."""
    room = tokenizer.model_max_length - 2
    tokens = tokenizer.tokenize(text)
    if len(tokens) > room:
        cut = tokenizer.decode(tokenizer.convert_tokens_to_ids(tokens[room:]))
        notify(f"a prompt is too long, there is room for {room} tokens; what is cut off: {one_line(cut)}")
