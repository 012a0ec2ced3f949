"""Words in captions and prompts."""

from __future__ import annotations

import re

Span = tuple[int, int]
"""The first letter, and the one behind the last."""


def places_of(prompt: str, words: str) -> list[Span]:
    """Return where words stand in a prompt, as whole words, in any case and with any space between them."""
    parts = words.split()
    if not parts:
        return []
    pattern = r"\s+".join(map(re.escape, parts))
    return [found.span() for found in re.finditer(rf"(?<!\w){pattern}(?!\w)", prompt, re.IGNORECASE)]
