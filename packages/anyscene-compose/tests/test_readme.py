"""The README's examples, and those of the pages, run as they stand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from cutouts_on_disk import write_cut_out

from anyscene_compose.data.synthetic import make_scenes
from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.readme import ReadmeExamples


class TestReadme(ReadmeExamples):
    readme = Path(__file__).parents[1] / "README.md"
    shorter = (
        ("anyscene-compose train", "--set.loop.steps 2"),
        ("anyscene-compose benchmark --data cutouts/", "--steps 1"),
        ("anyscene-compose compose", "--steps 1"),
    )
    elsewhere = ("anyscene-compose demo",)  # test_demo.py

    def prepare(self, folder: Path) -> None:
        """Lay out cut-outs, a photo with its mask, a scene, a layout, what to learn from, images of another tool."""
        write_cut_out(folder / "mug.png")
        write_cut_out(folder / "cutouts" / "mug.png")
        for name in ("photo.jpg", "scene.jpg", "made/another/mug/01-0.png"):
            write_image(folder / name, Image(photo(64, 64, seed=4)))
        mask = np.zeros((64, 64, 3), np.uint8)
        mask[16:48, 16:48] = 255
        write_image(folder / "mask.png", Image(mask, grey=True))
        elements = [
            {"image": "photo.jpg", "mask": "mask.png", "name": "boat", "box": [0, 8, 48, 60]},
            {"image": "mug.png", "words": ["mug"], "box": [30, 30, 62, 62], "rotation": 10, "order": 1},
        ]
        (folder / "layout.json").write_text(json.dumps({"width": 64, "height": 64, "elements": elements}))
        (folder / "prompts.txt").write_text("{name} on the grass\n")
        make_scenes(folder / "scenes")
        make_scenes(folder / "images")
