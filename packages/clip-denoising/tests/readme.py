"""The files that the README's examples speak of, and what keeps its commands short."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import torch

from clip_denoising import CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.network.published import to_published
from visioncore.images import Image, write_image

SMALLER = {
    "clip-denoising pretrain": (
        "--set.loop.steps 2 --set.loop.batch_size 2 --set.loop.warmup_steps 0 --set.side 32 --set.model.width 4"
    ),
    "clip-denoising train": (
        "--set.loop.steps 2 --set.loop.batch_size 2 --set.loop.workers 0 --set.data.patch 32 "
        "--set.data.validation_patch 32 --set.model.width 4"
    ),
    "clip-denoising bench": "--rounds 1 --sizes 64 --dtypes float32",
}


def prepare(folder: Path) -> None:
    """Lay out photos, a CT scan, a checkpoint in the authors' form and weights for CT, small ones."""
    for number in range(3):
        write_image(folder / "photos" / f"{number}.png", photo(number))
    write_image(folder / "photo.png", photo(3))
    hu = np.random.default_rng(0).normal(-200, 300, (48, 40, 3)).round().astype(np.int16)
    scan = nibabel.Nifti1Image(hu, np.diag([0.7, 0.7, 1.0, 1.0]))  # type: ignore[no-untyped-call]
    nibabel.save(scan, folder / "scan.nii.gz")
    small = CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1), keep_layer4=True)
    torch.save({"params": to_published(CLIPDenoiser(small))}, folder / "net_g_latest.pth")
    CLIPDenoiser(CLIPDenoiserConfig(channels=1, width=8, blocks=(1, 1, 1, 1))).save_pretrained(folder / "ct")


def photo(seed: int) -> Image:
    """Return soft waves of colour with some noise, 96 x 128."""
    rng, (y, x) = np.random.default_rng(seed), np.mgrid[:96, :128]
    waves = [np.sin(x / rng.uniform(5, 20) + y / rng.uniform(5, 20)) for _ in range(3)]
    pixels = 127 + 80 * np.stack(waves, axis=-1) + rng.normal(0, 15, (96, 128, 3))
    return Image(pixels.clip(0, 255).astype(np.uint8))
