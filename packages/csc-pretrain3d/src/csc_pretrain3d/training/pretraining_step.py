"""One step of pre-training: the terms of the loss, and when the prototypes are computed anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from torch import Tensor, nn

from visioncore.training.processes import gathered

from ..network.losses import contrastive_loss, prototype_loss
from .config import TrainConfig
from .pretraining import Pretraining
from .prototype_pass import compute_prototypes, due

Batch = dict[str, Tensor]


class PretrainingStep:
    """The loss of a batch; at some steps the prototypes are computed before it.

    Args:
        config: the recipe.
        frames: how many training frames there are.
        load: a batch of one of them without random changes.
    """

    def __init__(self, config: TrainConfig, frames: int, load: Callable[[int], Batch]) -> None:
        self.config, self.frames, self.load = config, range(frames), load

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss, whose sum is their mean as long as they are active.

        Segments of all processes count as one batch.
        """
        step, prototypes = int(batch["step"]), self.config.prototypes
        bare = cast(Pretraining, getattr(model, "module", model))
        if prototypes is not None and due(prototypes, step, self.config.epoch_steps) and bare.computed_at != step:
            compute_prototypes(bare, self.frames, self.load, prototypes)
            bare.computed_at.fill_(step)
        found, fused = model(batch)
        points, pixels, category = (gathered(each) for each in found)
        contrastive = contrastive_loss(points, pixels, self.config.temperature)
        if fused is None:
            return {"contrastive": contrastive, "prototype": contrastive.new_zeros(())}
        return {"contrastive": contrastive / 2, "prototype": prototype_loss(points, fused, category) / 2}
