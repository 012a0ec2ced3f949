"""The README's examples run as they stand."""

from __future__ import annotations

from pathlib import Path

import torch

from csc_pretrain3d import CSC
from csc_pretrain3d.data.synthetic import make_photos
from csc_pretrain3d.network.published import to_published
from visioncore.images import from_tensor, write_image
from visioncore.testing.readme import ReadmeExamples


class TestReadme(ReadmeExamples):
    readme = Path(__file__).parents[1] / "README.md"
    shorter = (("csc-pretrain3d train", "--set.loop.steps 2"),)

    def prepare(self, folder: Path) -> None:
        """Lay out photos, pairs and a checkpoint in the authors' form."""
        first, second = (from_tensor(photo[None]) for photo in make_photos(2))
        for name in ("dim.png", "photos/a.png", "pairs/input/a.png", "pairs/target/a.png"):
            write_image(folder / name, first)
        write_image(folder / "photos" / "b.png", second)
        torch.save(to_published(CSC()), folder / "their_checkpoint.pth")
