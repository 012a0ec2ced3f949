"""Pre-training: points of a scan and pixels of its cameras meet in superpoints and superpixels."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from visioncore.errors import InputError

from ..network.image_branch import ImageBranch
from ..network.model import CSC
from ..network.pooling import pool_pixels, pool_points
from ..network.prototypes import PrototypeHead
from ..network.segments import paired_segments
from .config import TrainConfig
from .network_output import rows_of_points

Batch = dict[str, Tensor]


class Segmented(NamedTuple):
    """The S segments of a batch that points fall on.

    Attributes:
        points: (S, C) superpoints.
        pixels: (S, C) superpixels.
        category: (S,) from 1.
    """

    points: Tensor
    pixels: Tensor
    category: Tensor


class Pretraining(nn.Module):
    """A LiDAR network beside the image branch that teaches it, and the prototypes of all scenes.

    Args:
        network: the LiDAR network.
        images: the image branch, its encoder frozen.
        config: the recipe.
    """

    points_prototypes: Tensor
    pixels_prototypes: Tensor
    computed_at: Tensor

    def __init__(self, network: CSC, images: ImageBranch, config: TrainConfig) -> None:
        super().__init__()
        self.network, self.images = network, images
        wanted = config.prototypes
        self.head = None if wanted is None else PrototypeHead(images.config.channels)
        if wanted is not None:
            for name in ("points_prototypes", "pixels_prototypes"):
                self.register_buffer(name, torch.zeros(wanted.categories, images.config.channels))
            self.register_buffer("computed_at", torch.tensor(-1))
        self._cached: dict[int, Tensor] | None = {} if config.cached else None
        self._trained_images = config.trained_images

    def trained(self) -> list[nn.Parameter]:
        """Return the parameters that pre-training changes."""
        parts = [self.network, *((self.images.decoder, self.head) if self._trained_images else ())]
        return [parameter for part in parts if part is not None for parameter in part.parameters()]

    def forward(self, batch: Batch) -> tuple[Segmented, Tensor | None]:
        """Return the segments of a batch, and the prototypes (K, C) after the head; None as long as there are none."""
        if self.head is None or self.computed_at < 0:
            return self.segmented(batch), None
        return self.segmented(batch), self.head(self.points_prototypes, self.pixels_prototypes)

    def segmented(self, batch: Batch) -> Segmented:
        """Return the superpoints and superpixels of a batch, see `data.batch`.

        Raises:
            InputError: if no point falls on a segment.
        """
        if not len(batch["pair_point"]):
            raise InputError("no point of this batch falls on a segment of its images; check calibration and segments")
        maps = batch["segments"]
        segments = paired_segments(maps, batch["pair_image"], batch["pair_row"], batch["pair_column"])
        features = rows_of_points(self.network, batch, batch["pair_point"])
        pixels = pool_pixels(self.images.decode(self._encoded(batch)), maps, segments)
        points = pool_points(features, segments.row, len(segments.ids))
        return Segmented(points, pixels, segments.category)

    def _encoded(self, batch: Batch) -> Tensor:
        if self._cached is None:
            return self.images.encode(batch["images"])
        found = []
        counts = batch["image_scan"].bincount(minlength=int(batch["scans"])).tolist()
        for frame, images in zip(batch["frame"].tolist(), batch["images"].split(counts), strict=True):
            if frame not in self._cached:
                self._cached[frame] = self.images.encode(images)
            found.append(self._cached[frame])
        return torch.cat(found)

    def save_pretrained(self, folder: Path) -> None:
        """Write the LiDAR network, and beside it ``teacher.safetensors``: decoder, head and prototypes."""
        self.network.save_pretrained(folder)
        kept = {
            name: tensor.contiguous()
            for name, tensor in self.state_dict().items()
            if not name.startswith(("network.", "images.encoder."))
        }
        save_file(kept, folder / "teacher.safetensors")
