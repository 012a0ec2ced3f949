"""Fit the classifier that the demo checks drawn motion with, on real clips, and measure it on unseen persons.

    python docs/action_classifier.py --clips clips/ --out actions.npz

``--clips`` is what demo_clips.py wrote. Windows of 32 frames, one every 4 frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lvmm_motion.data.clips import Clip
from lvmm_motion.data.datasets import open_clips
from lvmm_motion.data.figures import ACTIONS, drawn_people
from lvmm_motion.evaluation.actions import ActionClassifier, motion_features
from visioncore.cli import say

FRAMES, STEP = 32, 4


def windows(clips: list[Clip]) -> Iterator[tuple[NDArray[np.uint8], str]]:
    """Yield frames (32, 64, 64, 3) and their action."""
    for clip in clips:
        frames = clip.frames(range(clip.length))
        for start in range(0, clip.length - FRAMES + 1, STEP):
            yield frames[start : start + FRAMES], str(clip.label)


def main() -> None:
    """Fit, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("clips", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    real = [clip for clip in open_clips(args.clips / "train.json") if clip.label in ACTIONS]
    train = list(windows([clip for clip in real if not str(clip.group).startswith("drawn")]))
    classifier = ActionClassifier.fitted([motion_features(frames) for frames, _ in train], [each for _, each in train])
    classifier.save(args.out)
    unseen = [clip for clip in open_clips(args.clips / "test.json") if clip.label in ACTIONS]
    for name, clips in (("unseen persons", unseen), ("drawn people", drawn_people(40, seed=1000))):
        right = [classifier(frames) == action for frames, action in windows(clips)]
        say(f"{name}: {np.mean(right):.3f} of {len(right)} windows right")


if __name__ == "__main__":
    main()
