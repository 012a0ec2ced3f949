"""The README's examples run as they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.io import savemat

from isp_scanpath import GazeformerISP
from isp_scanpath.data.synthetic import synthetic_image, write_synthetic
from isp_scanpath.network.published import to_published
from visioncore.images import Image, write_image
from visioncore.testing.readme import ReadmeExamples

README = Path(__file__).parents[1] / "README.md"


class TestReadme(ReadmeExamples):
    readme = README
    shorter = (
        ("isp-scanpath train", "--set.loop.steps 1 --set.loop.batch_size 1 --set.loop.warmup_steps 0"),
        ("isp-scanpath adapt", "--steps 2"),
        ("isp-scanpath evaluate --data scanpaths.csv --weights demo", "--seeds 1"),
    )
    elsewhere = ("isp-scanpath demo",)  # test_commands.py

    def prepare(self, folder: Path) -> None:
        """Lay out a photo, data sets and a checkpoint in the authors' form."""
        write_image(folder / "photo.png", Image(synthetic_image(0)[0]))
        write_synthetic(folder, 4, held_out=2)
        published_osie(folder / "osie")
        torch.manual_seed(0)
        torch.save({"model": to_published(GazeformerISP())}, folder / "checkpoint_best.pth")


def published_osie(folder: Path) -> None:
    """Write OSIE as it is published, with one image that 15 observers have seen."""
    (folder / "stimuli").mkdir(parents=True)
    (folder / "eye").mkdir()
    subjects, item = np.empty((15,), object), np.empty((1, 1), object)
    for index in range(15):
        subjects[index] = {"fix_x": [10.5, 700.0], "fix_y": [20.0, 590.5], "fix_duration": [200, 90]}
    item[0, 0] = {"img": "1001.jpg", "subjects": subjects}
    savemat(folder / "eye" / "fixations.mat", {"fixations": item})
