"""The view of an element that the semantic route gets: its crop on mid-grey, as patches of pixels or of CLIP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from visioncore.backbones.clip_embedding import MEAN, STD
from visioncore.backbones.clip_files import read_clip
from visioncore.backbones.clip_transformer import CLIPViT
from visioncore.errors import InputError
from visioncore.weights.fingerprint import fingerprint

GREY = 0.5
"""The ground that elements are seen on: darker or lighter than most edges would be."""
SIDE, PATCH = 32, 4
"""Of the crop and of its patches, in pixels, where there is no network."""
CELLS = SIDE // PATCH
PATCH_FEATURES = 4 * PATCH**2 + 2 * CELLS
"""Width of a patch: colours and alpha of its pixels, and its row and column, one number each."""


class PatchEncoder(Protocol):
    """A maker of features of crops."""

    @property
    def side(self) -> int:
        """Of crops as they are seen, in pixels."""
        ...

    @property
    def name(self) -> str:
        """That follows from its weights."""
        ...

    def __call__(self, crops: Tensor | Sequence[Tensor]) -> Tensor:
        """Return features (E, P, D) of crops, see `square_crops`."""


def square_crops(crops: Tensor | Sequence[Tensor], side: int) -> Tensor:
    """Return premultiplied crops (E, 4, side, side) of (E, 4, H, W) or several (4, H, W), straight RGBA in [0, 1].

    Nothing is stretched: the shorter sides are filled up with nothing.

    Raises:
        InputError: if a crop has another shape, or there is none.
    """
    several = list(crops)
    if not several or any(crop.ndim != 3 or crop.shape[0] != 4 or 0 in crop.shape for crop in several):
        shapes = ", ".join(str(tuple(crop.shape)) for crop in several) or "none"
        raise InputError(f"crops are {shapes}; each must be (4, H, W): RGBA")
    return torch.stack([_square(crop, side) for crop in several])


def _square(crop: Tensor, side: int) -> Tensor:
    premultiplied = torch.cat((crop[:3] * crop[3:], crop[3:]))
    high, wide = crop.shape[1:]
    longest = max(high, wide)
    top, left = (longest - high) // 2, (longest - wide) // 2
    padded = functional.pad(premultiplied, (left, longest - wide - left, top, longest - high - top))
    resized = functional.interpolate(padded[None], (side, side), mode="bilinear", antialias=True, align_corners=False)
    return resized[0].clamp(0, 1)


def on_grey(premultiplied: Tensor) -> Tensor:
    """Return images (..., 3, H, W) of premultiplied RGBA (..., 4, H, W) on mid-grey."""
    colours, alpha = premultiplied[..., :3, :, :], premultiplied[..., 3:, :, :]
    return colours + (1 - alpha) * GREY


class PixelPatches:
    """Patches of 4 x 4 pixels of a crop of 32 x 32, without any network; for tests and the demo."""

    side, name = SIDE, "patches"

    def __call__(self, crops: Tensor | Sequence[Tensor]) -> Tensor:
        """Return features (E, 64, 80) of crops, see `square_crops`."""
        small = square_crops(crops, SIDE)
        shown = torch.cat((on_grey(small), small[:, 3:]), dim=1)
        patches = functional.pixel_unshuffle(shown, PATCH).flatten(2).transpose(1, 2)
        places = torch.eye(CELLS).to(patches)
        rows, columns = places.repeat_interleave(CELLS, 0), places.repeat(CELLS, 1)
        where = torch.cat((rows, columns), dim=1).expand(len(patches), -1, -1)
        return torch.cat((patches * 2 - 1, where), dim=2)


class ClipPatches:
    """Patch tokens of CLIP's image tower.

    Args:
        weights: a file or folder of OpenAI, open_clip or transformers, see `visioncore.backbones.clip_files.read_clip`.
        device: where it runs.
        dtype: of its weights.

    Raises:
        InputError: if the weights cannot be read or hold no tower on patches.
    """

    def __init__(
        self, weights: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> None:
        self.tower: CLIPViT = read_clip(weights).vit().to(device, dtype).eval().requires_grad_(False)

    @property
    def side(self) -> int:
        """Of crops as they are seen, in pixels."""
        return self.tower.config.image_size

    @property
    def name(self) -> str:
        """That follows from its weights."""
        return fingerprint(self.tower)

    @property
    def features(self) -> int:
        """Width of the features."""
        return self.tower.config.width

    @torch.no_grad()
    def __call__(self, crops: Tensor | Sequence[Tensor]) -> Tensor:
        """Return features (E, P, D) of crops, see `square_crops`, in float32 where those are."""
        small = square_crops(crops, self.tower.config.image_size)
        # it is no part of the injector, which may have been moved since
        self.tower.to(small.device)
        mean, deviation = (small.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        images = ((on_grey(small) - mean) / deviation).to(self.tower.proj)
        tokens = self.tower.transformer(self.tower.embed(images))
        found: Tensor = tokens[:, 1:]
        return found.to(small)
