"""Clips that the examples of the pages speak of."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from lvmm_motion.data.synthetic import make_clips
from visioncore.video import Frame, write_video


def lay_out_clips(folder: Path) -> None:
    """Write the folder ``videos``, of two classes with a clip each."""
    for name, clip in zip(("bend/a.mp4", "wave/b.mp4"), make_clips(2, frames=12, size=64), strict=True):
        write_video(folder / "videos" / name, (Frame(pixels) for pixels in clip.read(range(12))), Fraction(25))
