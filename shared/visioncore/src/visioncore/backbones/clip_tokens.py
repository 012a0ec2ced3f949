"""Texts as CLIP's text tower takes them: numbers of byte pairs, by the tokenizer of the package open_clip."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..extras import require


def clip_tokens(texts: Sequence[str], context: int = 77) -> Tensor:
    """Return token ids (n, context), int64: the start, the text in small letters, the end, zeros.

    Longer texts are cut, with the end in the last place.

    Args:
        texts: n texts.
        context: tokens of each.

    Raises:
        InputError: if open_clip is missing.
    """
    tokenizer = require("open_clip.tokenizer", "clip")
    ids: Tensor = tokenizer.tokenize(list(texts), context_length=context)
    return ids
