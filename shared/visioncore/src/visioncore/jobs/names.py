"""Harmless names for files that others send."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import InputError

MOST_STEM = 80
"""Bytes of a name without its ending; what is made of a file has a longer one."""
ENDING = re.compile(r"(?:\.[A-Za-z0-9]{1,8}){0,2}$")
"""Of a file of any kind, such as ``.nii.gz``."""


def safe_name(name: str, kinds: Sequence[str] = ()) -> str:
    """Return a name for a file or field that means nothing to a shell, a path, a pattern or a command line.

    Args:
        name: as it was sent.
        kinds: the endings that are taken; empty for any.

    Raises:
        InputError: if it has none of them, or nothing is left of it.
    """
    plain = re.split(r"[/\\]", name)[-1]
    ending = max((kind for kind in kinds if plain.lower().endswith(kind)), key=len, default=None)
    if kinds and ending is None:
        raise InputError(f"{plain[-MOST_STEM:]}: not a file of a kind that is taken here ({', '.join(kinds)})")
    if ending is None:
        plain = plain.lstrip("._-")
        ending = ENDING.findall(plain)[0]
    stem = re.sub(r"[^\w.-]+", "_", plain[: len(plain) - len(ending)]).strip("._-")
    stem = stem.encode()[:MOST_STEM].decode(errors="ignore")
    if not stem and not ending:
        raise InputError("a file or field without a name; give each a name with its ending, such as photo.png")
    return f"{stem or 'input'}{ending}"
