"""The training losses (paper, section 3.4): cross entropy and Dice of both decoders, the second with growing weight."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .output import Output

DICE_WEIGHT = 0.9
"""Share of the Dice loss; the rest is cross entropy."""
SMOOTH = 1e-5


def training_losses(output: Output, label: Tensor, low_label: Tensor, epoch: int) -> dict[str, Tensor]:
    """Return the weighted loss of each decoder; their sum is minimised.

    Args:
        output: of the network in training.
        label: (B, S, S) integers from 0 to C.
        low_label: (B, S/4, S/4), the same downsampled, for the first decoder.
        epoch: counted from 0; decides the decoders' weights.

    Returns:
        ``coarse`` and, for a network with a second decoder, ``fine``: scalars.
    """
    coarse = segmentation_loss(output.coarse_logits, low_label)
    if output.fine_logits is None:
        return {"coarse": coarse}
    weight = fine_weight(epoch)
    return {"coarse": (1 - weight) * coarse, "fine": weight * segmentation_loss(output.fine_logits, label)}


def fine_weight(epoch: int) -> float:
    """Return the weight of the second decoder's loss at an epoch counted from 0: 0.6, later close to 1."""
    return 0.6 ** (0.99**epoch)


def segmentation_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Return 0.1 cross entropy + 0.9 Dice loss.

    Args:
        logits: (B, K, H, W).
        label: (B, H, W) integers from 0 to K - 1.
    """
    entropy = F.cross_entropy(logits, label)
    return (1 - DICE_WEIGHT) * entropy + DICE_WEIGHT * dice_losses(logits, label).mean()


def dice_losses(logits: Tensor, label: Tensor) -> Tensor:
    """Return the Dice loss of each class, (K,), over the whole batch.

    One minus twice the overlap over the sum of squares; a class that is neither there nor found costs almost nothing.

    Args:
        logits: (B, K, H, W).
        label: (B, H, W) integers from 0 to K - 1.
    """
    probabilities = logits.softmax(dim=1)
    truth = F.one_hot(label, logits.shape[1]).movedim(-1, 1).to(probabilities.dtype)
    batch = (0, 2, 3)
    overlap = (probabilities * truth).sum(batch)
    sizes = probabilities.square().sum(batch) + truth.sum(batch)
    return 1 - (2 * overlap + SMOOTH) / (sizes + SMOOTH)
