"""Draw the README's picture: drawn people whom training has not seen, and the same made anew from their first frame.

python docs/draw_strip.py --out docs/demo.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from lvmm_motion import Predictor
from lvmm_motion.data.figures import ACTIONS, drawn_people
from lvmm_motion.demo import FIRST, FRAMES

SHOWN = range(0, FRAMES, 4)


def main() -> None:
    """Draw and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    predictor, rows = Predictor("demo"), []
    for clip in list(drawn_people(len(ACTIONS), FRAMES, seed=FIRST)):
        real = clip.frames(range(FRAMES))
        made = np.asarray(predictor.reconstruct(real))
        rows += [np.concatenate([frames[number] for number in SHOWN], axis=1) for frames in (real, made)]
    picture = Image.fromarray(np.concatenate(rows))
    picture.resize((2 * picture.width, 2 * picture.height), Image.Resampling.NEAREST).save(args.out, quality=80)


if __name__ == "__main__":
    main()
