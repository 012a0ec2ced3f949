"""Time and memory of blending, by a foreground that covers all of an image of 12 megapixels.

    python docs/blending_speed.py [--size 4000 3000] [--threads 1] [--deep]

Time is that of the processor; memory is what the process takes at most, both images and the libraries included.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import cv2
import numpy as np

from anyscene_compose import blend
from visioncore.cli import say


def noise(shape: tuple[int, ...], dtype: type, seed: int) -> np.ndarray:
    """Return values over the full range of a type."""
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--size", type=int, nargs=2, default=(4000, 3000), help="width and height")
    given.add_argument("--threads", type=int, default=1, help="of OpenCV")
    given.add_argument("--deep", action="store_true", help="16 bit in place of 8")
    options = given.parse_args()
    cv2.setNumThreads(options.threads)
    width, height = options.size
    dtype = np.uint16 if options.deep else np.uint8
    foreground, scene = (noise((height, width, 3), dtype, seed) for seed in (0, 1))
    alpha = np.ones((height, width), np.float32)
    alpha[: height // 20] = np.linspace(0, 1, height // 20)[:, None]
    for harmony in (0.0, 0.5, 1.0):
        start, clock = time.process_time(), time.perf_counter()
        blend(foreground, scene, alpha, harmony)
        seconds, wall = time.process_time() - start, time.perf_counter() - clock
        say(f"harmony {harmony:g}: {seconds:.2f} s of the processor, {wall:.2f} s on the clock")
    # Linux counts kilobytes, macOS bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
    say(f"{width * height / 1e6:g} megapixels of {8 * np.dtype(dtype).itemsize} bit, at most {peak:.2f} GB")


if __name__ == "__main__":
    main()
