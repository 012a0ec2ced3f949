"""The panoptic network's output -> instances: centres from the heat, the nearest one for each cell, a class for each.

Centres are the places of the heat that are above a threshold and the highest around them. A cell's own guess of its
centre is its place plus its offset. The class of an instance is the likeliest thing over all its voxels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

THRESHOLD = 0.1
AROUND = 5
MOST = 100
INSTANCE = 65536
"""A panoptic label is instance * 65536 + class."""
_AT_ONCE = 2**24


def find_centres(heat: Tensor, threshold: float = THRESHOLD, around: int = AROUND, most: int = MOST) -> Tensor:
    """Return the cells (I, 2) of instances' centres, ordered by place.

    Args:
        heat: (distances, angles).
        threshold: that a centre is above.
        around: side of the square in which a centre is the highest, odd; it goes round along the angles.
        most: centres; of more, those above the height of the last are kept, as published.
    """
    heat = heat.where(heat > threshold, -1)
    margin = around // 2
    padded = F.pad(heat[None, None], (margin, margin, 0, 0), mode="circular")
    highest = F.max_pool2d(padded, around, stride=1, padding=(margin, 0))[0, 0]
    peaks = heat.where(heat == highest, -1)
    centres = (peaks > 0).nonzero()
    if len(centres) >= most:
        centres = (peaks > peaks.flatten().topk(most).values[-1]).nonzero()
    return centres


def nearest_centres(centres: Tensor, offset: Tensor, cells: Tensor, *, official: bool = False) -> Tensor:
    """Return the number (N,) from 1 of the centre that each cell's offset leads to, 0 without any centre.

    Args:
        centres: (I, 2) from `find_centres`.
        offset: (2, distances, angles) in cells.
        cells: (N, 2) places.
        official: the authors' code goes round along the distance instead of the angle, by the number of angles, and in
            one direction.
    """
    if not len(centres):
        return torch.zeros(len(cells), dtype=torch.long, device=cells.device)
    goals = cells + offset[:, cells[:, 0], cells[:, 1]].t()
    return torch.cat(
        [_nearest(centres, part, offset.shape[2], official) for part in goals.split(_AT_ONCE // len(centres))]
    )


def _nearest(centres: Tensor, goals: Tensor, angles: int, official: bool) -> Tensor:
    outwards, across = (centres[:, None].to(goals.dtype) - goals).unbind(2)
    if official:
        outwards = torch.where(outwards > angles / 2, outwards - angles, outwards)
    else:
        turn = angles - 1  # cells are a little wider than a full turn has room for
        across = (across + turn / 2) % turn - turn / 2
    return (outwards.square() + across.square()).argmin(0) + 1


def panoptic_labels(logits: Tensor, instance: Tensor, *, things: int = 10, official: bool = False) -> Tensor:
    """Return the panoptic label (N,) of each voxel of one scan: instance * 65536 + class; instance 0 is none.

    Args:
        logits: (N, classes).
        instance: (N,) number from `nearest_centres` of the bird's-eye cell under each voxel.
        things: how many of the first classes are things.
        official: the authors' code never takes the last thing class for an instance, and gives the one after the
            class it means.
    """
    classes = logits.argmax(1)
    is_thing = (classes < things) & (instance > 0)
    number = instance[is_thing]
    votes = logits.new_zeros(int(instance.max()) + 1 if len(instance) else 1, logits.shape[1])
    votes.index_add_(0, number, logits[is_thing].softmax(1))
    chosen = votes[:, : things - 1 if official else things].argmax(1) + (1 if official else 0)
    labels = classes.clone()
    labels[is_thing] = number * INSTANCE + chosen[number]
    return labels


def segment_instances(
    logits: Tensor, coordinates: Tensor, heat: Tensor, offset: Tensor, *, things: int = 10, official: bool = False
) -> Tensor:
    """Return the panoptic label (N,) of each voxel of one scan, see `panoptic_labels`.

    Args:
        logits: (N, classes).
        coordinates: (N, 3) cells: distance, angle, height.
        heat: (distances, angles).
        offset: (2, distances, angles).
        things: how many of the first classes are things.
        official: with the faults of the authors' code.
    """
    cells, inverse = coordinates[:, :2].long().unique(dim=0, return_inverse=True)
    instance = nearest_centres(find_centres(heat), offset, cells, official=official)[inverse]
    return panoptic_labels(logits, instance, things=things, official=official)
