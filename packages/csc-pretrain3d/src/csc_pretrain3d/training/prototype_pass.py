"""The pass over all training frames that computes the prototypes, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from visioncore.training.model_modes import evaluating
from visioncore.training.processes import rank_and_count, summed

from ..network.prototypes import Prototypes
from .config import PrototypeConfig
from .pretraining import Pretraining

Batch = dict[str, Tensor]


def due(config: PrototypeConfig | None, step: int, epoch_steps: int) -> bool:
    """Return whether the prototypes are computed before a step, counted from 0."""
    if config is None or step % epoch_steps:
        return False
    since = step // epoch_steps - config.first_epoch
    return since >= 0 and since % config.every == 0


def compute_prototypes(
    model: Pretraining, frames: Sequence[int], load: Callable[[int], Batch], config: PrototypeConfig
) -> None:
    """Compute the prototypes of points and of pixels anew, each the mean over all segments of its category.

    Each process takes its share of the frames, and sums and counts are added up over them.

    Args:
        model: whose prototypes they become; as it is afterwards as before otherwise.
        frames: all of them.
        load: a batch of one frame without random changes.
        config: categories and their rows.
    """
    rank, count = rank_and_count()
    channels = model.points_prototypes.shape[1]
    points, pixels = (Prototypes(config.categories, channels, shifted=config.official) for _ in range(2))
    device = model.points_prototypes.device
    with evaluating(model):
        for frame in frames[rank::count]:
            batch = {name: value.to(device) for name, value in load(frame).items()}
            if not len(batch["pair_point"]):
                continue
            found = model.segmented(batch)
            points.update(found.points, found.category)
            pixels.update(found.pixels, found.category)
    for sums, buffer in ((points, model.points_prototypes), (pixels, model.pixels_prototypes)):
        sums.reduce(lambda values: summed(values.to(device, torch.float32 if device.type == "mps" else None)))
        buffer.copy_(sums.means())
