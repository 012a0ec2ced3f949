"""Prompts encoded with and without a style, once each, and what of them had no place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from visioncore.errors import InputError, one_line

from ..network.prompts import encode_prompt, fit_ids
from ..network.style import Style


@dataclass(frozen=True, eq=False)
class StyledPrompts:
    """Encoded prompts for any pipeline of diffusers.

    Attributes:
        prompt_embeds: (B, 77, D), with the style's outputs in the rows behind the first.
        negative_prompt_embeds: (B, 77, D), without.
        style: the one that is in them; None for none.
    """

    prompt_embeds: Tensor
    negative_prompt_embeds: Tensor
    style: Style | None

    @property
    def embeds(self) -> dict[str, Tensor]:
        """The two as arguments of a pipeline's call."""
        return {"prompt_embeds": self.prompt_embeds, "negative_prompt_embeds": self.negative_prompt_embeds}


def prompts_of(prompt: str | Sequence[str]) -> list[str]:
    """Return one or several prompts as a list.

    Raises:
        InputError: if there is none.
    """
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    if not prompts:
        raise InputError("no prompt is given; give at least one, which may be empty")
    return prompts


class PromptEncoder:
    """Encodes prompts one by one, so that each is the same in any batch, and each once.

    Args:
        base: pipeline of diffusers, whose tokeniser and text encoder are used.
        style: in front of the prompts; None for plain ones alone.
        notify: told what of a prompt is cut off.
    """

    def __init__(self, base: Any, style: Style | None, notify: Callable[[str], None]) -> None:
        self.base, self.style, self.notify = base, style, notify
        self._known: dict[tuple[str, bool], Tensor] = {}

    @torch.inference_mode()
    def __call__(self, text: str, *, styled: bool) -> Tensor:
        """Return the encoded prompt that the U-Net attends to, (1, 77, D)."""
        style = self.style if styled else None
        key = text, style is not None
        if key not in self._known:
            count = 0 if style is None else len(style.tokens())
            fitted = fit_ids(self.base.tokenizer, text, count)
            if fitted.cut:
                self.notify(self._told(fitted.cut, count))
            encoder = self.base.text_encoder
            self._known[key] = encode_prompt(encoder, fitted.ids.to(encoder.device), style)
        return self._known[key]

    def _told(self, cut: str, style_tokens: int) -> str:
        room = self.base.tokenizer.model_max_length - 2 - style_tokens
        beside = f" beside {style_tokens} tokens of style" if style_tokens else ""
        return f"a prompt is too long, there is room for {room} tokens{beside}; what is cut off: {one_line(cut)}"
