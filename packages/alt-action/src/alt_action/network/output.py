"""The tensors that go from the image tower to the adapter, and what comes out at the end.

B videos, T frames, n region tokens beside the class token, N patches, d width of the tower, D length of the vectors
that images and texts share, M entities, K entities that are asked for in each frame.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Regions(NamedTuple):
    """Frames as the image tower sees them; the leading sizes are (B, T), or (F) for frames of any videos."""

    tokens: Tensor
    """(..., 1 + n, d): after the tower's last norm, the class token first."""
    features: Tensor
    """(..., 1 + n, D): the tokens in the space of the texts, each of length 1."""
    size: Tensor
    """(..., 1 + n): how many patches each token holds; int64; they add up to 1 + N."""
    source: Tensor
    """(..., 1 + N): the token that holds the class token (0) and each patch, row by row; int64."""


class VideoOutput(NamedTuple):
    """Videos, and the entities that were found in them."""

    video: Tensor
    """(B, D): of length 1, to be compared with the vectors of labels."""
    entity: Tensor
    """(B, T, n): the entity of each region, from 0 to M - 1; int64."""
    mass: Tensor
    """(B, T, M): the share of each frame's area that each entity has; adds up to 1 over M."""
    asked: Tensor
    """(B, T, K): the entities with the largest areas, in descending order; -1 where there are no more; int64."""
