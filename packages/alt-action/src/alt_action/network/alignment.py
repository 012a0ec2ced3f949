"""Each region gets the entity whose text is most alike: one of them alone, yet with a gradient to all."""

from __future__ import annotations

import torch
from torch import Tensor

SCALE = 100.0
"""CLIP's factor of cosines, frozen."""

_SMALLEST = 1e-10


def precise(x: Tensor) -> Tensor:
    """Return numbers in float32, or in float64 if they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def precise_product(one: Tensor, other: Tensor) -> Tensor:
    """Return a matrix product in float32 or float64, also where others are computed in less."""
    # there is no autocast for tensors without values
    with torch.autocast("cpu" if one.is_meta else one.device.type, enabled=False):
        return precise(one) @ precise(other)


def similarities(features: Tensor, entities: Tensor) -> Tensor:
    """Return logits (..., n, M) of regions (..., n, D) and entities (M, D), all of length 1."""
    return SCALE * precise_product(features, entities.T)


def gumbel(uniform: Tensor) -> Tensor:
    """Return Gumbel noise of numbers that are uniform in [0, 1], kept away from 0 and 1."""
    return -(-uniform.clamp(_SMALLEST, 1 - _SMALLEST).log()).log()


def soft_assignment(logits: Tensor, uniform: Tensor, temperature: float) -> Tensor:
    """Return the Gumbel-softmax (..., n, M) over entities.

    Args:
        logits: (..., n, M).
        uniform: (..., n, M), random numbers in [0, 1].
        temperature: how soft it is.
    """
    return ((logits + gumbel(uniform)) / temperature).softmax(dim=-1)


def straight_through(index: Tensor, soft: Tensor | None, entities: Tensor) -> Tensor:
    """Return the entities of regions (..., n, D), with the gradient of their soft assignment.

    Args:
        index: (..., n), the entity of each region.
        soft: (..., n, M), the soft assignment; None where no gradient is needed.
        entities: (M, D).
    """
    aligned = entities[index]
    if soft is None:
        return aligned
    mixed = precise_product(soft, entities)
    return aligned + (mixed - mixed.detach())


def count_patches(index: Tensor, size: Tensor, entities: int) -> Tensor:
    """Return how many patches of each frame each entity has, (..., M), int64.

    Args:
        index: (..., n), the entity of each region.
        size: (..., n), patches of each region.
        entities: their number M.
    """
    empty = torch.zeros(*index.shape[:-1], entities, dtype=torch.int64, device=index.device)
    return empty.scatter_add(-1, index, size)


def largest_entities(patches: Tensor, top: int) -> Tensor:
    """Return the entities with the most patches, (..., top), most first; of equal ones the first. -1: no more.

    Args:
        patches: (..., M), int64.
        top: how many.
    """
    entities = patches.shape[-1]
    # Whole numbers that are all different, so that every device sorts them alike.
    ranks = patches * entities - torch.arange(entities, device=patches.device)
    found = ranks.topk(min(top, entities), dim=-1).indices
    found = found.masked_fill(patches.gather(-1, found) == 0, -1)
    return torch.nn.functional.pad(found, (0, top - found.shape[-1]), value=-1)
