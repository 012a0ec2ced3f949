"""Compare adapters on the pairs of thing and style that none of them has seen.

    python docs/demo_study.py --emoji emoji_styles/ --base runs/base --judges runs/judges \\
        --adapters runs/explicit-0 runs/decoupled-0 --pairs 150 --out study.json

Each pair is made from the thing's name, and another thing in the style as the reference. Counted is how often the style
judge names the style asked for, how often the thing is among the five that the other judge holds for likeliest, and how
often the reference's thing is, which has leaked. The base alone is told the name only.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from emoji_tiles import STYLES, WORDS, read_tiles

from artadapter_style import ArtAdapterPipeline
from artadapter_style.evaluation.judges import Judge

ALONE, TOLD = "base alone", "base told the style"


def main() -> None:
    """Print the counts of every adapter in percent, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("emoji", "base", "judges", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--adapters", type=Path, nargs="+", required=True)
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args()
    tiles = read_tiles(args.emoji)
    rng = np.random.default_rng(7)
    pairs = np.argwhere(tiles.held_out)
    pairs = pairs[rng.choice(len(pairs), args.pairs, replace=False)]
    references = np.array([rng.choice(np.flatnonzero(~tiles.held_out[:, style])) for _, style in pairs])
    styles, things = (Judge.from_pretrained(args.judges / name).float() for name in ("styles", "things"))
    found: dict[str, dict[str, float]] = {}
    for name, adapter in [(ALONE, None), (TOLD, None), *((adapter.name, adapter) for adapter in args.adapters)]:
        pipe = ArtAdapterPipeline.from_base(args.base, None if adapter is None else adapter / "last", batch=16)
        options: dict[str, Any] = {"steps": args.steps, "guidance": args.guidance, "sampler": "ddim"}
        made = []
        for number, ((thing, style), reference) in enumerate(zip(pairs, references, strict=True)):
            given = None if adapter is None else tiles.pixels[reference, style]
            prompt = f"{WORDS[STYLES[style]]} {tiles.names[thing]}" if name == TOLD else tiles.names[thing]
            made.append(pipe(prompt, given, scale=args.scale, seed=number, **options).images[0])
        images = np.stack(made)
        found[name] = {
            "style": 100 * styles.accuracy(images, pairs[:, 1].tolist()),
            "thing": 100 * things.accuracy(images, pairs[:, 0].tolist()),
            "thing among five": 100 * things.accuracy(images, pairs[:, 0].tolist(), first=5),
            "reference among five": 100 * things.accuracy(images, references.tolist(), first=5),
        }
        sys.stdout.write(f"{name}: {json.dumps(found[name])}\n")
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
