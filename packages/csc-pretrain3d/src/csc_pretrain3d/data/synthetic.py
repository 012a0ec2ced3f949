"""Synthetic samples: the demo, the tests and training without data need nothing else."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

LIGHT = (0.4, 0.5, 0.3)
"""Share of red, green and blue that is left in a dim photo, on average."""


def make_photos(count: int, size: int = 64) -> list[Tensor]:
    """Return synthetic photos, each (3, size, size) in [0, 1]: soft random colours."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((count, 3, 8, 8), dtype=np.float32))
    return list(torch.nn.functional.interpolate(coarse, (size, size), mode="bilinear"))


def dim_photo(photo: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a photo (3, H, W) in dim light, which is drawn from ``rng``."""
    light = np.array(LIGHT) * rng.normal(1, 0.02, 3)
    return photo * torch.from_numpy(light).to(photo)[:, None, None]
