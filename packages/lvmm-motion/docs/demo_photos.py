"""Draw the bundled photos: the first frame of a drawn person for each action, with seeds that training does not see.

python docs/demo_photos.py --out src/lvmm_motion/assets/samples
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from lvmm_motion.data.figures import drawn_people

FIRST = 30_000


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    for clip in drawn_people(4, 1, seed=FIRST):
        name = str(clip.label).replace(" ", "-")
        Image.fromarray(clip.frames([0])[0]).save(out / f"{name}.png")


if __name__ == "__main__":
    main()
