"""The README's examples, and those of the pages, run as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from visioncore.images import Image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.readme import ReadmeExamples

THINGS = ("cat", "boat", "owl")


class TestReadme(ReadmeExamples):
    readme = Path(__file__).parents[1] / "README.md"
    shorter = (
        ("artadapter-style train", "--set.loop.steps 2"),
        ("artadapter-style finetune", "--steps 2"),
        ("artadapter-style evaluate", "--steps 1"),
        ("artadapter-style generate", "--steps 1"),
        ("artadapter-style mix", "--steps 1"),
    )
    elsewhere = ("artadapter-style demo",)  # test_demo.py

    def prepare(self, folder: Path) -> None:
        """Lay out references, a photo with its mask, captioned images, and images of two tools to be compared."""
        for seed, name in enumerate(("ink.png", "oil.png", "photo.png", "styles/ink.png", "styles/oil/a.png")):
            write_image(folder / name, Image(photo(64, 64, seed=seed)))
        mask = np.zeros((64, 64, 3), np.uint8)
        mask[16:48, 16:48] = 255
        write_image(folder / "mask.png", Image(mask))
        (folder / "prompts.txt").write_text("a cat\na boat\n")
        lines = ["file,caption,style"]
        for seed, (style, thing) in enumerate((style, thing) for style in ("ink", "oil") for thing in THINGS):
            write_image(folder / "images" / style / f"{thing}.png", Image(photo(64, 64, seed=10 + seed)))
            lines.append(f"{style}/{thing}.png,a {thing},{style}")
        (folder / "images" / "captions.csv").write_text("\n".join(lines) + "\n")
        for seed, (maker, style, name) in enumerate(
            (maker, style, f"0{number}-{seed}.png")
            for maker in ("made", "other")
            for style in ("ink", "oil")
            for number in (1, 2)
            for seed in (0, 1)
        ):
            write_image(folder / maker / style / name, Image(photo(64, 64, seed=20 + seed)))
        (folder / "judged" / "pairs").mkdir(parents=True)
        (folder / "judged" / "pairs" / "answers.csv").write_text("pair,style,prompt,better\n001,ink,a cat,b\n")
        (folder / "judged" / "pairs-key.csv").write_text("pair,a,b\n001,made,other\n")
