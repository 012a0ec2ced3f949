"""How much of the motion of real clips a few Fourier coefficients keep.

    python docs/fourier_energy.py --actions human_actions/ --natural natural_motion/

Motion is the optical flow (Farneback) from frame 0 to each frame, at 64 pixels; its energy is the mean square of how
far that is from its mean over time. A straight line from the last frame back to the first, which no periodic motion can
follow, is part of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from lvmm_motion.data.clips import Clip
from lvmm_motion.data.datasets import open_clips
from lvmm_motion.data.preparation import squares
from lvmm_motion.evaluation.baselines import flows_from_first
from lvmm_motion.evaluation.protocols import to_frames
from visioncore.cli import say

KEPT = (2, 4, 8, 16, 32)


def shares(clip: Clip, frames: int) -> list[float]:
    """Return the share of the energy that each number of coefficients keeps."""
    flow = flows_from_first(to_frames(squares(clip, range(frames), 64))).double()
    spectrum = torch.fft.rfft(flow, dim=0)[1:].abs().square().sum(dim=(1, 2, 3))
    if frames % 2 == 0:
        spectrum[-1] /= 2  # the others stand for two
    return [float(spectrum[: keep - 1].sum() / spectrum.sum()) for keep in KEPT]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("actions", "natural"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    say(" | ".join(["clips", "frames", *(f"k={keep}" for keep in KEPT)]))
    people = open_clips(args.actions)
    for frames in (32, 48, 0):
        found = np.mean([shares(clip, frames or clip.length) for clip in people], axis=0)
        say(
            " | ".join(
                [f"{len(people)} of people", str(frames or "all (51 to 146)"), *(f"{share:.3f}" for share in found)]
            )
        )
    for clip in open_clips(args.natural):
        if clip.length >= 150:
            say(" | ".join([clip.name, "150", *(f"{share:.3f}" for share in shares(clip, 150))]))


if __name__ == "__main__":
    main()
