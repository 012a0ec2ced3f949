"""Train a narrow auto-encoder on the first 64 frames of one clip, and see how well it makes them anew from frame 0.

    python docs/overfit.py --data cockatoo.mp4
    python docs/overfit.py --data clips/train.json --clip train_00000036.jpg

``--data`` is what training takes. The networks are those of the recipe ``demo``, the frames 64x64 pixels unless
``--side`` is given, and nothing varies but which two frames a pair has.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from lvmm_motion import Predictor
from lvmm_motion.data.augmentation import AugmentationConfig
from lvmm_motion.data.datasets import open_clips
from lvmm_motion.data.preparation import prepared
from lvmm_motion.evaluation.protocols import evaluate
from lvmm_motion.evaluation.settings import Settings
from lvmm_motion.method import PACKAGE
from lvmm_motion.training.config import TrainConfig
from lvmm_motion.training.stages import train_autoencoder
from visioncore.cli import say
from visioncore.recipes import load_recipe

FRAMES = 64


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--clip", default="", help="name of one of them; default: the first")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=8, help="pairs of a step")
    parser.add_argument("--out", type=Path, default=None, help="folder of the run; default: a temporary one")
    args = parser.parse_args()
    overrides = {
        "model.frames": str(FRAMES),
        "model.autoencoder.side": str(args.side),
        "loop.steps": str(args.steps),
        "loop.batch_size": str(args.batch),
        "loop.validate_every": str(max(1, args.steps // 4)),
    }
    recipe = replace(load_recipe(TrainConfig, PACKAGE, "demo", overrides), augmentation=AugmentationConfig())
    named = [clip for clip in open_clips(args.data) if args.clip in ("", clip.name)]
    clip = prepared(named[0], range(FRAMES), args.side)
    with tempfile.TemporaryDirectory() as temporary:
        out = args.out or Path(temporary)
        train_autoencoder(recipe, [clip], [clip], out)
        evaluation = evaluate(
            [clip], Predictor(out / "last"), protocols=("frames",), settings=Settings(FRAMES, size=args.side)
        )
    for name, value in evaluation.means().items():
        say(f"{name}: {value:.4f}")


if __name__ == "__main__":
    main()
