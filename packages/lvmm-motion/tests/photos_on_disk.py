"""What docs/animation.md speaks of."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from lvmm_motion.data.synthetic import make_clips
from visioncore.images import Image, write_image
from visioncore.video import Frame, write_video


def lay_out_photos(folder: Path) -> None:
    """Write a photo, a mask of its size, and a video."""
    frames = make_clips(1, frames=6, size=64)[0].frames(range(6))
    write_image(folder / "photo.png", Image(frames[0]))
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[16:48] = 255
    write_image(folder / "mask.png", Image(mask))
    write_video(folder / "driving.mp4", map(Frame, frames), Fraction(25))
