"""The losses of pre-training and of fine-tuning.

Pre-training pulls the feature of each superpoint to that of its superpixel, against all others in the batch, and to the
prototype of its category across scenes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .lovasz import lovasz_softmax

TEMPERATURE = 0.07
"""Of the contrastive loss, as published; that of the prototypes is 1."""


def contrastive_loss(points: Tensor, images: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Return the mean cross entropy of each superpoint finding its superpixel among all of the batch.

    Args:
        points: (S, C) mean features of points, S at least 1.
        images: (S, C) mean features of pixels, row for row of the same segments.
        temperature: that similarities are divided by.
    """
    logits = points @ images.t() / temperature
    return F.cross_entropy(logits, torch.arange(len(points), device=points.device))


def prototype_loss(points: Tensor, prototypes: Tensor, categories: Tensor, temperature: float = 1.0) -> Tensor:
    """Return the mean cross entropy of each superpoint finding the prototype of its category.

    Args:
        points: (S, C) mean features of points, S at least 1.
        prototypes: (K, C) of the categories 1 to K, from `PrototypeHead`.
        categories: (S,) from 1 to K.
        temperature: that similarities are divided by.
    """
    return F.cross_entropy(points @ prototypes.t() / temperature, categories - 1)


def pretraining_loss(terms: list[Tensor]) -> Tensor:
    """Return the mean of the terms that are active: contrastive alone until there are prototypes, then both."""
    return torch.stack(terms).mean()


def segmentation_losses(logits: Tensor, labels: Tensor, ignore: int = 0) -> dict[str, Tensor]:
    """Return cross entropy and Lovasz-Softmax of labelled voxels, both 0 without any; training adds them up.

    Args:
        logits: (N, K) of voxels.
        labels: (N,) from 0 to K - 1.
        ignore: label of voxels that do not count.
    """
    known = labels != ignore
    logits, labels = logits[known], labels[known]
    if not len(labels):
        return {"cross_entropy": logits.sum(), "lovasz": logits.sum()}
    return {"cross_entropy": F.cross_entropy(logits, labels), "lovasz": lovasz_softmax(logits.softmax(1), labels)}


def segmentation_loss(logits: Tensor, labels: Tensor, ignore: int = 0) -> Tensor:
    """Return the sum of `segmentation_losses`."""
    return torch.stack(list(segmentation_losses(logits, labels, ignore).values())).sum()
