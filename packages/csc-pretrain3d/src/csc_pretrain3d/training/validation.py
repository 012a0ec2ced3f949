"""Validation during fine-tuning: mean IoU over the points of held-out scans."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ..data.batch import collate, labelled_sample
from ..data.frames import Frames
from ..data.network_input import of_points, voxelize
from ..network.config import Config


def validate(network: nn.Module, frames: Frames, config: Config, classes: int) -> dict[str, float]:
    """Return the mean IoU over the classes that are present, and the share of points with the right class, in percent.

    Args:
        network: takes a batch and returns the logits of its voxels.
        frames: with labels.
        config: of the LiDAR network.
        classes: K.
    """
    device = next(network.parameters()).device
    counts = np.zeros((classes, classes), np.int64)
    for place in range(len(frames)):
        scan = frames[place].scan
        assert scan.labels is not None
        voxels = voxelize(scan.points, scan.intensity, config)
        batch = {name: value.to(device) for name, value in collate([labelled_sample(scan, voxels)]).items()}
        logits: torch.Tensor = network(batch)
        found = of_points(logits.argmax(dim=1, keepdim=True), voxels.inverse)[:, 0].cpu().numpy()
        cells = np.bincount(scan.labels * classes + found, minlength=classes**2)
        counts += cells.reshape(classes, classes)
    counts[0] = 0  # points without a label
    right, union = counts.diagonal()[1:], (counts.sum(axis=0) + counts.sum(axis=1) - counts.diagonal())[1:]
    return {
        "miou_validation": float(100 * (right / np.maximum(union, 1))[union > 0].mean()),
        "accuracy_validation": float(100 * right.sum() / counts.sum()),
    }
