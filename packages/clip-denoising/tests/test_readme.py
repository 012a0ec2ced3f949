"""The README's examples run as they stand."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import torch

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.network.published import to_published
from visioncore.images import Image, write_image
from visioncore.testing.photos import photo, write_photos
from visioncore.testing.readme import ReadmeExamples

README = Path(__file__).parents[1] / "README.md"


class TestReadme(ReadmeExamples):
    readme = README
    shorter = (
        (
            "clip-denoising pretrain",
            "--set.loop.steps 2 --set.loop.batch_size 2 --set.loop.warmup_steps 0 --set.side 32 --set.model.width 4",
        ),
        (
            "clip-denoising train",
            (
                "--set.loop.steps 2 --set.loop.batch_size 2 --set.loop.workers 0 --set.data.patch 32 "
                "--set.data.validation_patch 32 --set.model.width 4"
            ),
        ),
        ("clip-denoising export", "--weights ct/"),  # a network for images is in test_export.py
        ("clip-denoising bench", "--rounds 1 --sizes 64 --dtypes float32"),
    )

    elsewhere = ("clip-denoising demo",)  # test_commands.py

    def prepare(self, folder: Path) -> None:
        """Lay out photos, a CT scan, a checkpoint in the authors' form and weights for CT, small ones."""
        write_photos(folder / "photos", 3, (96, 128))
        write_image(folder / "photo.png", Image(photo(96, 128, seed=3)))
        hu = np.random.default_rng(0).normal(-200, 300, (48, 40, 3)).round().astype(np.int16)
        scan = nibabel.Nifti1Image(hu, np.diag([0.7, 0.7, 1.0, 1.0]))  # type: ignore[no-untyped-call]
        nibabel.save(scan, folder / "scan.nii.gz")
        small = CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1), keep_layer4=True)
        torch.save({"params": to_published(CLIPDenoiser(small))}, folder / "net_g_latest.pth")
        CLIPDenoiser(CLIPDenoiserConfig(channels=1, width=8, blocks=(1, 1, 1, 1))).save_pretrained(folder / "ct")
