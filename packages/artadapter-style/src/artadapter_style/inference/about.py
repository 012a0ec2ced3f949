"""Contents of a file, for people: a style, or an image with its settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from visioncore.images.png_settings import read_settings

from ..method import METHOD, STYLE_SUFFIX


def about_file(path: Path) -> str:
    """Return lines on a style file or on an image that was made here.

    Raises:
        InputError: if it is neither.
    """
    if path.suffix.lower() != STYLE_SUFFIX:
        return _as_lines(read_settings(path, METHOD.name))
    # it brings torch, which is slow to load and which settings do without
    from ..network.style import Style

    style = Style.load(path)
    told: dict[str, Any] = {"name": style.name or "none", "adapter": style.base or "any"}
    for level, tokens in style.levels.items():
        count, width = tokens.shape
        told[level] = f"{count} x {width} tokens, {float(tokens.norm(dim=1).mean()):.3g} long"
    told["size"] = f"{path.stat().st_size} bytes"
    return _as_lines(told)


def _as_lines(told: dict[str, Any]) -> str:
    width = max(map(len, told))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in told.items())
