"""Lay out the clips that the demo's networks are trained on, as sheets of 64x64 tiles: train.json and test.json.

    python docs/demo_clips.py --actions human_actions/ --flag flag.mp4 --out clips/

- the 72 real clips of people, which are sheets of frames (github.com/AliaksandrSiarohin/monkey-net, data/actions);
- a flag in the wind (github.com/jianwen-xie/Dynamic_generator, trainingVideo), its first 200 frames and its last 50;
- 40 clips of drawn people.

Persons H and I and the flag's last frames are in test.json, everything else in train.json.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lvmm_motion.data.datasets import open_clips
from lvmm_motion.data.figures import drawn_people
from lvmm_motion.data.preparation import square

SIDE, COLUMNS = 64, 32
TEST_PERSONS = ("H", "I")
FLAG_TRAIN = 200
DRAWN = 40


def sheet(frames: NDArray[np.uint8], path: Path) -> None:
    """Write frames (n, 64, 64, 3), 32 a row."""
    rows = math.ceil(len(frames) / COLUMNS)
    tiles = np.zeros((rows * COLUMNS, SIDE, SIDE, 3), np.uint8)
    tiles[: len(frames)] = frames
    pixels = tiles.reshape(rows, COLUMNS, SIDE, SIDE, 3).transpose(0, 2, 1, 3, 4)
    Image.fromarray(pixels.reshape(rows * SIDE, COLUMNS * SIDE, 3)).save(path)


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("actions", "flag", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True)
    entries: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}

    def add(name: str, frames: int, action: str, person: str, split: str) -> None:
        about = {"action": action, "person": person}
        entries[split].append({"file": name, "frames": frames, "columns": COLUMNS, "tile": SIDE, "fps": 25, **about})

    for entry in json.loads((args.actions / "index.json").read_text()):
        shutil.copy(args.actions / entry["file"], args.out)
        split = "test" if entry["person"] in TEST_PERSONS else "train"
        add(entry["file"], entry["frames"], entry["action"], entry["person"], split)
    (flag,) = open_clips(args.flag)
    pixels = flag.frames(range(flag.length))
    frames = np.stack([square(frame, SIDE) for frame in pixels])
    for split, part in (("train", frames[:FLAG_TRAIN]), ("test", frames[FLAG_TRAIN:])):
        sheet(part, args.out / f"flag-{split}.png")
        add(f"flag-{split}.png", len(part), "flag", "flag", split)
    for number, clip in enumerate(drawn_people(DRAWN)):
        sheet(clip.frames(range(clip.length)), args.out / f"drawn-{number}.png")
        add(f"drawn-{number}.png", clip.length, str(clip.label), f"drawn {number}", "train")
    for split, listed in entries.items():
        (args.out / f"{split}.json").write_text(json.dumps(listed, indent=0))


if __name__ == "__main__":
    main()
