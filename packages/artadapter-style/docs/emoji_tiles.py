"""The emoji of `emoji_styles` as pixels: named things, each drawn in five styles, over white.

The tiles stand in sheets, forty a row; `index.json` names the things and says which of them a style has.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STYLES = ("noto", "twemoji", "fluent-emoji", "fluent-emoji-flat", "openmoji")
"""The styles that have every thing."""

WORDS = {
    "noto": "shaded",
    "twemoji": "simple",
    "fluent-emoji": "glossy",
    "fluent-emoji-flat": "flat",
    "openmoji": "outlined",
}
"""By which the demo's base knows the styles."""


@dataclass(frozen=True)
class Tiles:
    """Drawings of things, fully crossed with styles."""

    names: list[str]
    """The things, such as ``alarm clock``."""
    pixels: NDArray[np.uint8]
    """(things, styles, 64, 64, 3), over white."""
    held_out: NDArray[np.bool_]
    """(things, styles): pairs that training does not see, one style of every thing."""

    def only(self, things: NDArray[np.integer]) -> Tiles:
        """Return some of the things."""
        return Tiles([self.names[thing] for thing in things], self.pixels[things], self.held_out[things])


def read_tiles(folder: Path) -> Tiles:
    """Read the things that are named by one word, and draw which style of each is held out."""
    index = json.loads((folder / "index.json").read_text())
    sheets = [_sheet(folder, style, len(index["names"]), index["tile"], index["columns"]) for style in STYLES]
    pixels = np.stack(sheets, axis=1)
    chosen = np.random.default_rng(0).integers(0, len(STYLES), len(pixels))
    tiles = Tiles(index["captions"], pixels, np.arange(len(STYLES))[None] == chosen[:, None])
    return tiles.only(np.array([thing for thing, name in enumerate(tiles.names) if " " not in name]))


def _sheet(folder: Path, style: str, count: int, tile: int, columns: int) -> NDArray[np.uint8]:
    parts = sorted(folder.glob(f"{style}.webp")) or sorted(folder.glob(f"{style}.[0-9].webp"))
    whole = np.concatenate([np.asarray(Image.open(part).convert("RGBA")) for part in parts])
    rows = whole.shape[0] // tile
    tiles = whole.reshape(rows, tile, columns, tile, 4).transpose(0, 2, 1, 3, 4).reshape(-1, tile, tile, 4)[:count]
    alpha = tiles[..., 3:].astype(np.float32) / 255
    return np.rint(tiles[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
