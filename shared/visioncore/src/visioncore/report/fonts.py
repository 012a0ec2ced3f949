"""A font for text that is drawn on images: one that has Latin, Greek and Cyrillic letters."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..extras import require

_PLACE = Path("mpl-data", "fonts", "ttf", "DejaVuSans.ttf")


def label_font(size: float) -> Any:
    """Return DejaVu Sans, which comes with matplotlib, as a font of Pillow.

    Args:
        size: pixels.

    Raises:
        InputError: if matplotlib or Pillow is missing.
    """
    truetype = require("PIL.ImageFont", "images").truetype
    whole = find_spec("matplotlib")
    for folder in (whole.submodule_search_locations if whole else None) or ():
        if (Path(folder) / _PLACE).is_file():  # found without loading matplotlib, which takes longer than to draw
            return truetype(Path(folder) / _PLACE, size)
    # distributions may keep their fonts elsewhere
    return truetype(require("matplotlib.font_manager", "images").findfont("DejaVu Sans"), size)
