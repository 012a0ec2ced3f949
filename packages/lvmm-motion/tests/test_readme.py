"""The README's examples, and those of the pages, run as they stand."""

from __future__ import annotations

from pathlib import Path

import torch
from clips_on_disk import lay_out_clips
from golden_networks import SMALL
from photos_on_disk import lay_out_photos

from lvmm_motion import FlowAutoencoder
from lvmm_motion.network.published import to_published
from visioncore.testing.readme import ReadmeExamples


class TestReadme(ReadmeExamples):
    readme = Path(__file__).parents[1] / "README.md"
    shorter = (
        ("lvmm-motion train", "--set.loop.steps 2"),
        ("lvmm-motion train --recipe demo-motion", "--set.model.frames 12 --set.model.keep 4"),
        ("lvmm-motion animate photo.png --weights runs/motion/last", "--steps 2"),
    )
    elsewhere = ("lvmm-motion demo",)  # test_demo.py

    def prepare(self, folder: Path) -> None:
        """Lay out a photo, a mask, a driving video, clips and a checkpoint in the authors' form."""
        lay_out_clips(folder)
        lay_out_photos(folder)
        network = FlowAutoencoder(SMALL)
        state = to_published(network.config, network.state_dict())
        torch.save({"global_step": 1, "state_dict": state}, folder / "RegionMM.pth")
