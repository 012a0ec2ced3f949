"""Style tokens in front of a prompt's tokens, through the frozen text encoder together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from visioncore.errors import InputError, one_line

from .style import Style


class FittedText(NamedTuple):
    """A text as numbers of tokens.

    Attributes:
        ids: (1, n) int64: the begin, the text, the end, the end again as padding.
        cut: the words at the end of the text that have no place; empty if all have.
    """

    ids: Tensor
    cut: str


def check_text(text: str) -> None:
    """Validate that a text is Unicode, which bytes of a command line or of a file that are no UTF-8 are not.

    Raises:
        InputError: if it is not.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the text {one_line(ascii(text), 100)} has bytes that are no UTF-8; write it in UTF-8"
        ) from error


def fit_ids(tokenizer: Any, text: str, style_tokens: int = 0) -> FittedText:
    """Return a text as the token numbers that leave places for style tokens.

    Args:
        tokenizer: of the base, for a context of 77.
        text: any; what goes beyond 77 - 2 - style_tokens tokens is cut.
        style_tokens: how many there will be, 0 for a plain prompt.

    Raises:
        InputError: as `check_text`.
    """
    check_text(text)
    length = tokenizer.model_max_length - style_tokens
    options = {"truncation": True, "max_length": length, "padding": "max_length"}
    ids: Tensor = tokenizer(text, return_tensors="pt", **options).input_ids
    every = tokenizer(text, verbose=False).input_ids
    cut = tokenizer.decode(every[length - 1 : -1]) if len(every) > length else ""
    return FittedText(ids, cut)


def encode_prompt(text_encoder: nn.Module, ids: Tensor, style: Style | Tensor | None = None) -> Tensor:
    """Return encoded prompts for the U-Net, (B, context, width); rows 1 to n are the outputs of n style tokens.

    Without a style it is exactly what the base makes of the prompt. The outputs of the style tokens do not depend on
    the text, for the text encoder is causal.

    Args:
        text_encoder: of transformers.
        ids: (B, context - n) of `fit_ids`.
        style: for all prompts, or tokens (n, width) or (B, n, width); None for plain prompts.

    Raises:
        InputError: if tokens of style and text are not as many as the context has places.
    """
    tokens = style.tokens() if isinstance(style, Style) else style
    embedding = text_encoder.get_input_embeddings()  # type: ignore[operator]
    assert isinstance(embedding, nn.Embedding)
    context = int(text_encoder.config.max_position_embeddings)  # type: ignore[union-attr, arg-type]
    count = 0 if tokens is None else tokens.shape[-2]
    if ids.shape[1] + count != context:
        raise InputError(
            f"{ids.shape[1]} tokens of text and {count} of style; they must be {context} together, see fit_ids"
        )
    if tokens is None:
        return _outputs(text_encoder, ids)
    if tokens.shape[-1] != embedding.embedding_dim:
        raise InputError(
            f"the style has tokens of width {tokens.shape[-1]}; this base's text encoder has {embedding.embedding_dim}"
        )
    places = ids[:, :1].expand(-1, count)
    with _embedded_after_first(embedding, tokens):
        return _outputs(text_encoder, torch.cat((ids[:, :1], places, ids[:, 1:]), dim=1))


def _outputs(text_encoder: nn.Module, ids: Tensor) -> Tensor:
    outputs: Tensor = text_encoder(ids)[0]
    return outputs


@contextmanager
def _embedded_after_first(embedding: nn.Embedding, tokens: Tensor) -> Iterator[None]:
    """Let tokens (n, width) or (B, n, width) take the places of embeddings 1 to n."""

    def put(_: nn.Module, __: object, embedded: Tensor) -> Tensor:
        style = tokens.to(embedded).expand(len(embedded), -1, -1)
        return torch.cat((embedded[:, :1], style, embedded[:, 1 + style.shape[1] :]), dim=1)

    hook = embedding.register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()
