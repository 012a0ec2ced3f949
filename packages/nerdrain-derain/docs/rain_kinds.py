"""Does a network remove rain of kinds that it was not trained on? Photos in rain of several kinds, as pairs.

    python docs/rain_kinds.py --photos CBSD68 --out kinds/
    for kind in kinds/*; do nerdrain-derain evaluate --weights demo --data $kind --out tables/$(basename $kind); done

A folder for each kind, with ``input`` and ``target``: rain of each recipe's own look, of image editors in three
strengths (see ``rain_statistics.py``), and none, so that ``dry`` tells what a network does to clean photos.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rain_statistics import EDITOR, edited

from nerdrain_derain.training.config import TrainConfig
from visioncore.images import IMAGE_SUFFIXES, Image, read_image, write_image
from visioncore.recipes import load_recipe

SEED = 11


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--recipes", nargs="+", default=["demo", "wide"])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    looks = {name: load_recipe(TrainConfig, "nerdrain_derain", name).data.rain for name in given.recipes}
    rains = {name: replace(rain, ordinary=0.0) for name, rain in looks.items()}
    photos = sorted(path for path in given.photos.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    for number, path in enumerate(photos):
        clean = read_image(path).pixels / np.float32(255)
        kinds = {"dry": clean}
        kinds |= {name: rain.fall_on(clean, np.random.default_rng([SEED, number])) for name, rain in rains.items()}
        kinds |= {
            f"editor-{name}": edited(clean, np.random.default_rng([SEED, number]), look)
            for name, look in EDITOR.items()
        }
        for kind, rainy in kinds.items():
            for role, values in (("input", rainy), ("target", clean)):
                folder = given.out / kind / role
                folder.mkdir(parents=True, exist_ok=True)
                write_image(folder / f"{path.stem}.png", Image(np.rint(values * 255).astype(np.uint8)))


if __name__ == "__main__":
    main()
