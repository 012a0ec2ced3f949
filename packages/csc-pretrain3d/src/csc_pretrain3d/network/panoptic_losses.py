"""The losses of the panoptic network: classes of voxels, heat of centres, offsets to them."""

from __future__ import annotations

import torch
from torch import Tensor

from .losses import segmentation_losses
from .panoptic import PanopticOutput

CENTRE_WEIGHT = 100.0
OFFSET_WEIGHT = 10.0


def panoptic_losses(
    output: PanopticOutput,
    labels: Tensor,
    centre: Tensor,
    offset: Tensor,
    seen: Tensor,
    *,
    ignore: int = 16,
    official: bool = False,
) -> dict[str, Tensor]:
    """Return the weighted loss terms by name; training adds them up.

    The heat of centres counts where a voxel has a label or the target is above 0, the offset where an instance is.

    Args:
        output: of the network, for N voxels in B samples.
        labels: (N,) classes of voxels.
        centre: (B, 1, distances, angles) target from 0 to 1.
        offset: (B, 2, distances, angles) target in cells, 0 where there is no instance.
        seen: (B, 1, distances, angles) whether a cell has a voxel with a label.
        ignore: class of voxels that do not count.
        official: the mean over all cells instead, as in the authors' code, where the masks cancel out.
    """
    terms = segmentation_losses(output.logits, labels, ignore)
    wrong, far = (output.centre - centre).square(), (output.offset - offset).abs()
    counts, inside = (centre > 0) | seen, (offset != 0).any(dim=1, keepdim=True).expand_as(offset)
    if official:
        terms["centre"] = CENTRE_WEIGHT * (wrong.mean() if counts.any() else 0 * wrong.sum())
        terms["offset"] = OFFSET_WEIGHT * (far.mean() if inside.any() else 0 * far.sum())
    else:
        terms["centre"] = CENTRE_WEIGHT * _mean(wrong, counts)
        terms["offset"] = OFFSET_WEIGHT * _mean(far, inside)
    return terms


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0).sum() / mask.sum().clamp(min=1)
