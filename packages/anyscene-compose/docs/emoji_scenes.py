"""Scenes with the emoji of `emoji_styles` in them, for the demo.

    python docs/emoji_scenes.py --emoji emoji_styles/ --out scenes --count 2000

One style of every thing is held out: its drawings are in no scene that is trained on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from anyscene_compose.data.scenes import Scene, draw_scene

STYLES = ("noto", "twemoji", "fluent-emoji", "fluent-emoji-flat", "openmoji")
THINGS = tuple(Path(__file__).with_name("emoji_things.txt").read_text().split())
"""What stands in front."""
PROPS = {"palm": "palm tree", "pine": "evergreen tree", "house": "house", "castle": "castle", "hut": "hut"}
"""What stands far away, by the word in captions."""
ALONE, TWO, EMPTY, PROP = 0.65, 0.15, 0.2, 0.5
"""Shares of the scenes with one thing, with two, with none, and of all of them with something far away."""


@dataclass(frozen=True)
class Cutouts:
    """Drawings of things, fully crossed with styles.

    Attributes:
        names: of the things, then of the props.
        pixels: (things and props, styles, 64, 64, 4) RGBA in [0, 1], straight alpha.
        held_out: (things,) the style of each that no scene to train on has.
    """

    names: tuple[str, ...]
    pixels: NDArray[np.float32]
    held_out: NDArray[np.int64]


def read_cutouts(folder: Path) -> Cutouts:
    """Read the emoji, and draw which style of each is held out."""
    index = json.loads((folder / "index.json").read_text())
    known = {name: number for number, name in enumerate(index["captions"])}
    names = (*THINGS, *PROPS)
    numbers = [known[PROPS.get(name, name)] for name in names]
    sheets = [_sheet(folder, style, index["tile"], index["columns"])[numbers] for style in STYLES]
    held_out = np.random.default_rng(0).integers(0, len(STYLES), len(THINGS))
    return Cutouts(names, np.stack(sheets, axis=1), held_out)


def scenes(cutouts: Cutouts, count: int, seed: int, *, held_out: bool = False, empty: bool = True) -> Iterator[Scene]:
    """Draw scenes.

    Args:
        cutouts: whatever `read_cutouts` returns.
        count: of the scenes.
        seed: of all that is random.
        held_out: with the drawings that are held out in front, or with all others.
        empty: whether some have nothing in front.
    """
    generator = np.random.default_rng(seed)
    shares = np.array([EMPTY if empty else 0.0, ALONE, TWO])
    for _ in range(count):
        fronts = generator.choice(len(THINGS), int(generator.choice(3, p=shares / shares.sum())), replace=False)
        front = [
            (cutouts.names[thing], cutouts.pixels[thing, _style(cutouts, thing, held_out, generator)])
            for thing in fronts
        ]
        far = []
        if generator.random() < PROP:
            prop = len(THINGS) + int(generator.integers(len(PROPS)))
            far = [(cutouts.names[prop], cutouts.pixels[prop, int(generator.integers(len(STYLES)))])]
        yield draw_scene(front, far, generator)


def _style(cutouts: Cutouts, thing: int, held_out: bool, generator: np.random.Generator) -> int:
    kept = int(cutouts.held_out[thing])
    return kept if held_out else (kept + int(generator.integers(1, len(STYLES)))) % len(STYLES)


def _sheet(folder: Path, style: str, tile: int, columns: int) -> NDArray[np.float32]:
    parts = sorted(folder.glob(f"{style}.webp")) or sorted(folder.glob(f"{style}.[0-9].webp"))
    whole = np.concatenate([np.asarray(Image.open(part).convert("RGBA")) for part in parts])
    tiles = whole.reshape(whole.shape[0] // tile, tile, columns, tile, 4).transpose(0, 2, 1, 3, 4)
    return tiles.reshape(-1, tile, tile, 4).astype(np.float32) / 255


def lay_out(drawn: Iterator[Scene], out: Path) -> None:
    """Write scenes as `anyscene-compose train` reads them: the image, its cut-outs before the light, a caption."""
    out.mkdir(parents=True)
    lines = []
    for number, scene in enumerate(drawn):
        name = f"{number:05d}"
        Image.fromarray(scene.image).save(out / f"{name}.png")
        folder = out / "foregrounds" / name
        folder.mkdir(parents=True)
        for order, layer in enumerate(scene.layers):
            Image.fromarray(layer).save(folder / f"{order}.png")
        told = {"file": f"{name}.png", "caption": scene.caption, "foreground": ", ".join(scene.names)}
        lines.append(json.dumps(told))
    (out / "captions.jsonl").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Lay out scenes with something in front."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=4000)
    args = parser.parse_args()
    lay_out(scenes(read_cutouts(args.emoji), args.count, seed=4, empty=False), args.out)


if __name__ == "__main__":
    main()
