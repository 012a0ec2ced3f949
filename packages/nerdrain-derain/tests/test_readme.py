"""The README's examples run as they stand."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from nerdrain_derain import VARIANTS, NeRDRain, NeRDRainConfig
from nerdrain_derain.network.published import to_published
from visioncore.images import Image, read_image, write_image
from visioncore.testing.readme import ReadmeExamples

README = Path(__file__).parents[1] / "README.md"


class TestReadme(ReadmeExamples):
    readme = README
    shorter = (
        ("nerdrain-derain export", "--weights few_operations/ --size 16 --format pt2"),  # the rest is in test_export.py
        ("nerdrain-derain bench", "--sizes 32"),
        (
            "nerdrain-derain train",
            (
                "--set.loop.steps 2 --set.loop.workers 0 --set.data.patch 32 --set.data.validation_patch 32 "
                "--set.model.dim 8 --set.model.num_blocks '[1, 1, 1]' --set.model.inr_hidden 16"
            ),
        ),
    )

    elsewhere = ("nerdrain-derain demo",)  # test_commands.py

    def prepare(self, folder: Path) -> None:
        """Lay out photos, pairs and a checkpoint in the authors' form, small ones."""
        samples = Path(str(files("nerdrain_derain"))) / "assets" / "samples"
        for kind in ("input", "target"):
            for path in sorted((samples / kind).glob("*.jpg"))[:2]:
                pixels = np.array(read_image(path).pixels[:96, :128], dtype=np.uint8)
                write_image(folder / "pairs" / kind / path.name, Image(pixels))
        shutil.copytree(folder / "pairs" / "input", folder / "photos")
        shutil.copy(sorted((folder / "photos").iterdir())[0], folder / "rainy.jpg")
        few = NeRDRainConfig(dim=8, num_blocks=(1, 1, 1), block="cab", inr="none", fusion="none")
        NeRDRain(few).save_pretrained(folder / "few_operations")
        published = to_published(NeRDRain(VARIANTS["nerd-rain-s"]))
        torch.save({"epoch": 1, "state_dict": published}, folder / "their_checkpoint.pth")
