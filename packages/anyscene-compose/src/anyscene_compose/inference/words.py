"""Words of a prompt that mean an element, and the tokens that they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from visioncore.errors import InputError, one_line

from ..data.words import Span, places_of
from .elements import Element


def spans_of(prompt: str, element: Element, notify: Callable[[str], None]) -> list[Span]:
    """Return where a prompt names an element.

    Args:
        prompt: may name it several times.
        element: its words must be there; without any, its name is looked for.
        notify: told of a name that is not there.

    Raises:
        InputError: if the prompt does not have the words, or spans lie outside of it.
    """
    if not element.words:
        found = places_of(prompt, element.name) if element.name else []
        if element.name and not found:
            notify(
                f"the prompt does not name {element.name!r}, so no word of it is kept from other places; give words "
                "that mean it"
            )
        return found
    found = []
    for word in element.words:
        places = places_of(prompt, word) if isinstance(word, str) else [_whole_words(prompt, word, element)]
        if not places:
            raise InputError(
                f"{element.where}the prompt {one_line(prompt, 80)!r} does not contain {word!r}, which should mean it; "
                "name words that it contains"
            )
        found.extend(places)
    return found


def named_tokens(
    tokenizer: Any, prompt: str, elements: Sequence[Element], notify: Callable[[str], None]
) -> Tensor | None:
    """Return which tokens of a prompt name which element, (E, L) truth values; None if none does.

    Args:
        tokenizer: of the base model.
        prompt: as it is encoded.
        elements: in the order of drawing.
        notify: as of `spans_of`.

    Raises:
        InputError: as `spans_of`, or if words lie beyond what the base model reads.
    """
    length = int(tokenizer.model_max_length)
    named = torch.zeros(len(elements), length, dtype=torch.bool)
    for row, element in zip(named, elements, strict=True):
        for first, behind in spans_of(prompt, element, notify):
            begin, end = tokens_of(tokenizer, prompt, (first, behind))
            if end > length - 1:
                raise InputError(
                    f"{element.where}the prompt names it with {prompt[first:behind]!r} behind the {length - 2} tokens "
                    "that the base reads; name it earlier, or shorten the prompt"
                )
            row[begin:end] = True
    return named if named.any() else None


def without_names(prompt: str, elements: Sequence[Element]) -> str:
    """Return a prompt without the words that name elements, and without an article in front of them.

    Raises:
        InputError: as `spans_of`.
    """
    spans = [span for element in elements for span in spans_of(prompt, element, lambda _: None)]
    for first, behind in reversed(_joined(spans)):
        prompt = re.sub(r"(?<!\w)(a|an|the)\s+$", "", prompt[:first], flags=re.IGNORECASE) + prompt[behind:]
    return " ".join(prompt.split())


def tokens_of(tokenizer: Any, prompt: str, span: Span) -> tuple[int, int]:
    """Return the first token of a span of a prompt, and the one behind the last."""
    # the token that begins a prompt comes before all
    begin, end = (1 + len(tokenizer.tokenize(prompt[:letter])) for letter in span)
    return begin, end


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Return spans in their order, those that overlap as one: elements may share words."""
    joined: list[Span] = []
    for first, behind in sorted(spans):
        if joined and first < joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], behind)
        else:
            joined.append((first, behind))
    return joined


def _whole_words(prompt: str, span: Span, element: Element) -> Span:
    """Return a span widened to whole words."""
    first, behind = span
    if not 0 <= first < behind <= len(prompt):
        raise InputError(
            f"{element.where}its words are letters {first} to {behind} of a prompt of {len(prompt)}; the first is "
            "counted from 0, and the second is the one behind the last"
        )
    while first and re.match(r"\w\w", prompt[first - 1 : first + 1]):
        first -= 1
    while behind < len(prompt) and re.match(r"\w\w", prompt[behind - 1 : behind + 1]):
        behind += 1
    return first, behind
