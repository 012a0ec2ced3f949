"""Train the demo's two judges, one that names the style of a drawing and one that names the thing.

    python docs/train_demo_judges.py --emoji emoji_styles/ --out runs/judges

They learn from the pairs of thing and style that the demo's networks learn from, and are tried on those held out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from emoji_tiles import STYLES, read_tiles

from artadapter_style.evaluation.judges import JudgeConfig, contents_kept, styles_kept, train_judge


def main() -> None:
    """Train both, print how often they are right, and write them in half floats."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    tiles = read_tiles(args.emoji)
    thing, style = np.nonzero(~tiles.held_out)
    other_thing, other_style = np.nonzero(tiles.held_out)
    seen, unseen = tiles.pixels[thing, style], tiles.pixels[other_thing, other_style]
    styles = train_judge(JudgeConfig(STYLES, width=12), seen, style.tolist(), styles_kept, steps=args.steps // 2)
    things = train_judge(
        JudgeConfig(tuple(tiles.names), width=16), seen, thing.tolist(), contents_kept, steps=args.steps
    )
    sys.stdout.write(
        f"styles {styles.accuracy(unseen, other_style.tolist()):.3f}, "
        f"things {things.accuracy(unseen, other_thing.tolist()):.3f}, "
        f"among the first five {things.accuracy(unseen, other_thing.tolist(), first=5):.3f}\n"
    )
    styles.half().save_pretrained(args.out / "styles")
    things.half().save_pretrained(args.out / "things")


if __name__ == "__main__":
    main()
