"""Lay out the drawings that the demo's adapters are trained on: a folder with images and captions.jsonl.

python docs/lay_out_tiles.py --emoji emoji_styles/ --out tiles/
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from emoji_tiles import STYLES, read_tiles
from PIL import Image


def main() -> None:
    """Write the folder, without the pairs of thing and style that are held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    tiles = read_tiles(args.emoji)
    (args.out / "images").mkdir(parents=True)
    lines = []
    for thing, style in np.argwhere(~tiles.held_out):
        file = f"{tiles.names[thing]}-{STYLES[style]}.png"
        Image.fromarray(tiles.pixels[thing, style]).save(args.out / "images" / file)
        lines.append(json.dumps({"file": file, "caption": tiles.names[thing], "style": STYLES[style]}))
    (args.out / "captions.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
