"""What do levels, strengths and fine-tuning do? Counted by a judge of styles, on pairs that the adapter has not seen.

    python docs/controls_study.py --emoji emoji_styles/ --judges runs/judges --pairs 60 --out controls.json

Each pair is a thing, a style that it was never seen in, and another style; another thing shows each style. Counted in
percent is how often the judge names the one style, and how often the other: with all levels of the one, with one
level of the other in place of its own, with all of the other; with the one at several strengths; and with it fine-tuned
on one image. Chance is 20.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from emoji_tiles import STYLES, read_tiles

from artadapter_style import ArtAdapterPipeline
from artadapter_style.evaluation.judges import Judge
from artadapter_style.training.finetuning import finetune

LEVELS = ("low", "mid", "high")
SAMPLING: dict[str, Any] = {"steps": 20, "guidance": 3.0, "sampler": "ddim"}


def main() -> None:
    """Print the counts, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("emoji", "judges", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--base", default="demo")
    parser.add_argument("--weights", default="demo")
    parser.add_argument("--pairs", type=int, default=60)
    args = parser.parse_args()
    tiles = read_tiles(args.emoji)
    rng = np.random.default_rng(11)
    pairs = np.argwhere(tiles.held_out)
    pairs = pairs[rng.choice(len(pairs), args.pairs, replace=False)]
    others = np.array([rng.choice([each for each in range(len(STYLES)) if each != style]) for _, style in pairs])

    def drawing(style: int) -> Any:
        return tiles.pixels[rng.choice(np.flatnonzero(~tiles.held_out[:, style])), style]

    own, other = ([drawing(style) for style in styles] for styles in (pairs[:, 1], others))
    judge = Judge.from_pretrained(args.judges / "styles").float()
    pipe = ArtAdapterPipeline.from_base(args.base, args.weights, batch=16)
    found: dict[str, dict[str, float]] = {}

    def count(name: str, options: list[dict[str, Any]]) -> None:
        made = [
            pipe(tiles.names[thing], seed=number, **SAMPLING, **given).images[0]
            for number, ((thing, _), given) in enumerate(zip(pairs, options, strict=True))
        ]
        images = np.stack(made)
        found[name] = {
            "one": 100 * judge.accuracy(images, pairs[:, 1].tolist()),
            "other": 100 * judge.accuracy(images, others.tolist()),
        }
        sys.stdout.write(f"{name}: {json.dumps(found[name])}\n")
        sys.stdout.flush()

    count("all of the one", [{"style": each} for each in own])
    for level in LEVELS:
        count(f"{level} of the other", [{"style": a, "mix": {level: b}} for a, b in zip(own, other, strict=True)])
    count("all of the other", [{"style": each} for each in other])
    for scale in (0.0, 0.5, 1.5, 2.0):
        count(f"the one, {scale}", [{"style": each, "scale": scale} for each in own])
    first = [own[int(np.flatnonzero(pairs[:, 1] == style)[0])] for style in range(len(STYLES))]
    count("one image of the style", [{"style": first[style]} for style in pairs[:, 1]])
    tuned = [finetune([each], args.base, args.weights) for each in first]
    count("fine-tuned on it", [{"style": tuned[style]} for style in pairs[:, 1]])
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
