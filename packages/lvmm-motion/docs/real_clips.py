"""Measure the demo's networks on the persons and the part of the flag that training has not seen.

    python docs/real_clips.py --clips clips/ --weights demo

``--clips`` is what demo_clips.py wrote. Printed is, of the middle 32 frames of each clip:

- how well it is made anew from its first frame, beside that frame repeated and warped by Farneback's optical flow, with
  windows of 15 pixels (usual), 9 and 7;
- in how many animations of a first frame the classifier sees the action asked for, three seeds, where that is the
  action of the clip that the frame is from, and where it is another one of the same view;
- how far the last frame of an animation is from the first, in units of the largest step between neighbours.
"""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import torch

from lvmm_motion import Predictor
from lvmm_motion.data.clips import Clip, Pixels
from lvmm_motion.data.datasets import open_clips
from lvmm_motion.data.figures import ACTIONS
from lvmm_motion.data.sampling import middle
from lvmm_motion.demo import FRAMES, GUIDANCE, SEEDS, STEPS, seam
from lvmm_motion.evaluation.actions import ActionClassifier
from lvmm_motion.evaluation.baselines import grey_frames, still
from lvmm_motion.evaluation.metrics import warp_by_pixels
from lvmm_motion.evaluation.protocols import to_frames
from visioncore.cli import say
from visioncore.metrics.image import psnr

FRONT = ACTIONS[1:]


def warped(real: torch.Tensor, window: int) -> torch.Tensor:
    """Return frame 0 warped onto each frame (n, 3, H, W)."""
    first, *_ = grey = grey_frames(real)

    def flow(frame: Pixels) -> torch.Tensor:
        # a new array each time: OpenCV fills the one that it is given
        made = np.zeros((*first.shape, 2), np.float32)
        return torch.from_numpy(cv2.calcOpticalFlowFarneback(frame, first, made, 0.5, 3, window, 3, 5, 1.2, 0))

    return warp_by_pixels(still(real), torch.stack([flow(frame) for frame in grey]))


def reconstruction(clips: list[Clip], predictor: Predictor) -> None:
    """Print PSNR and L1."""
    found: dict[str, list[tuple[float, float]]] = {}
    for clip in clips:
        pixels = clip.frames(middle(clip, FRAMES))
        real = to_frames(pixels)
        every = {
            "made": to_frames(np.asarray(predictor.reconstruct(pixels))),
            "repeated": still(real),
            "Farneback 15": warped(real, 15),
            "Farneback 9": warped(real, 9),
            "Farneback 7": warped(real, 7),
        }
        for name, frames in every.items():
            made, target = frames[1:], real[1:]
            values = psnr(made, target, "colour").mean(), (made - target).abs().mean()
            found.setdefault(name, []).append((float(values[0]), float(values[1])))
    for name, pairs in found.items():
        decibels, difference = np.mean(pairs, axis=0)
        say(f"  {name}: PSNR {decibels:.2f} dB, L1 {difference:.4f}")


def drawing(clips: list[Clip], predictor: Predictor) -> None:
    """Print how many animations show what is asked for, and the seam."""
    classifier = ActionClassifier.load(Path(str(files("lvmm_motion") / "assets" / "actions.npz")))
    seams = []
    for kind in ("its own", "another"):
        right = dict[str, list[bool]]()
        for place, clip in enumerate(clips):
            own = str(clip.label)
            if kind == "another" and own not in FRONT:
                continue
            asked = own if kind == "its own" else FRONT[(FRONT.index(own) + 1 + place % 2) % len(FRONT)]
            photo: Pixels = clip.frames(middle(clip, FRAMES)[:1])[0]
            for seed in SEEDS:
                frames = np.asarray(predictor.animate(photo, asked, seed=seed, steps=STEPS, guidance=GUIDANCE))
                right.setdefault(asked, []).append(classifier(frames) == asked)
                seams.append(seam(frames))
        every = np.concatenate(list(right.values()))
        each = ", ".join(f"{action} {np.mean(hits):.2f}" for action, hits in right.items())
        say(f"{kind} action: {every.mean():.3f} of {len(every)} right ({each})")
    say(f"seam: {np.mean(seams):.2f} on average, {np.max(seams):.2f} at most")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--weights", default="demo")
    args = parser.parse_args()
    predictor = Predictor(args.weights)
    clips = open_clips(args.clips / "test.json")
    people = [clip for clip in clips if clip.label in ACTIONS]
    for name, some in (("persons H and I", people), ("flag", [clip for clip in clips if clip.label == "flag"])):
        say(f"{name}, {len(some)} clips:")
        reconstruction(some, predictor)
    if predictor.pipeline is not None:
        drawing(people, predictor)


if __name__ == "__main__":
    main()
