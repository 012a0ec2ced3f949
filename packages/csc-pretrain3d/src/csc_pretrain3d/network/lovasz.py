"""The Lovasz-Softmax loss: what the Jaccard index of each class loses, made smooth by sorting errors.

Berman et al., "The Lovasz-Softmax loss", CVPR 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor


def lovasz_softmax(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over the classes that are present, from 0 to 1.

    Args:
        probabilities: (N, K), rows sum to 1, N at least 1.
        labels: (N,) from 0 to K - 1.
    """
    present = labels.unique()
    truth = (labels == present[:, None]).to(probabilities.dtype)
    errors, order = (truth - probabilities.t()[present]).abs().sort(dim=1, descending=True)
    sorted_truth = truth.gather(1, order)
    total = sorted_truth.sum(1, keepdim=True)
    intersection = total - sorted_truth.cumsum(1)
    union = total + (1 - sorted_truth).cumsum(1)
    jaccard = 1 - intersection / union
    steps = torch.cat([jaccard[:, :1], jaccard.diff(dim=1)], dim=1)
    return (errors * steps).sum(1).mean()
