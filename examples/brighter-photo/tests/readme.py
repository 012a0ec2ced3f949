"""The files that the README's examples speak of, and what keeps its commands short."""

from __future__ import annotations

from pathlib import Path

import torch

from brighter_photo import Brighter
from brighter_photo.data.synthetic import make_photos
from brighter_photo.network.published import to_published
from visioncore.images import from_tensor, write_image

SMALLER = {"brighter-photo train": "--set.loop.steps 2"}


def prepare(folder: Path) -> None:
    """Lay out photos and a checkpoint in the authors' form."""
    photo = from_tensor(make_photos(1)[0][None])
    write_image(folder / "dim.png", photo)
    write_image(folder / "photos" / "a.png", photo)
    torch.save(to_published(Brighter()), folder / "their_checkpoint.pth")
