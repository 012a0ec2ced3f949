"""Write the bundled folders: networks in half floats, a style file for each style, and which pairs were held out.

python docs/demo_weights.py --emoji emoji_styles/ --base runs/base --adapter runs/explicit-0 --judges runs/judges \\
    --out src/artadapter_style/assets
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from emoji_tiles import STYLES, read_tiles

from artadapter_style import ArtAdapter, ArtAdapterPipeline

REFERENCES = 4
"""Drawings that each style file is made of."""
DRAWN = 6
"""Things that the demo draws in each style."""


def main() -> None:
    """Write the folders ``base``, ``demo``, ``judges`` and ``styles``, and ``held_out.json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("emoji", "base", "adapter", "judges", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    tiles, rng = read_tiles(args.emoji), np.random.default_rng(5)
    for name, folder in (("base", args.base), ("judges", args.judges)):
        shutil.rmtree(args.out / name, ignore_errors=True)
        shutil.copytree(folder, args.out / name)
    # the same as vocab.json and merges.txt, and larger
    (args.out / "base" / "tokenizer" / "tokenizer.json").unlink()
    for part in ("unet", "vae"):
        config = args.out / "base" / part / "config.json"
        told = json.loads(config.read_text())
        told.pop("_name_or_path", None)
        config.write_text(json.dumps(told, indent=2) + "\n")
    ArtAdapter.from_pretrained(args.adapter / "last").half().save_pretrained(args.out / "demo")
    pipe = ArtAdapterPipeline.from_base(args.out / "base", args.out / "demo")
    (args.out / "styles").mkdir(exist_ok=True)
    held_out = {}
    for number, style in enumerate(STYLES):
        seen = rng.choice(np.flatnonzero(~tiles.held_out[:, number]), REFERENCES, replace=False)
        read = pipe.style([tiles.pixels[thing, number] for thing in seen])
        assert read is not None
        read.style.save(args.out / "styles" / f"{style}.safetensors")
        unseen = rng.choice(np.flatnonzero(tiles.held_out[:, number]), DRAWN, replace=False)
        held_out[style] = [tiles.names[thing] for thing in unseen]
    (args.out / "held_out.json").write_text(json.dumps(held_out, indent=1) + "\n")


if __name__ == "__main__":
    main()
