"""The training loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

SMOOTHING = 0.1
"""Share of a target that is spread over all classes."""


def training_losses(logits: Tensor, targets: Tensor, smoothing: float = SMOOTHING) -> dict[str, Tensor]:
    """Return the loss terms by name; training adds them up.

    Args:
        logits: (B, C), of videos and labels.
        targets: (B), int64, the label of each; or (B, C), shares that add up to 1, as mixup makes them.
        smoothing: this share of a target is spread evenly over all classes.
    """
    return {"cross_entropy": F.cross_entropy(logits, targets, label_smoothing=smoothing)}
