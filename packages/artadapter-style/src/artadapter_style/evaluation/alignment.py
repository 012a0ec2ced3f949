"""Cosines of CLIP's vectors: how well an image fits its prompt and its references.

All are raw. CLIP's vectors of images hold content too, so an image that copies its reference has a high style
alignment: read it beside the content leak and the distances of `distances`.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def text_alignment(images: Tensor, prompts: Tensor) -> Tensor:
    """Return the cosine (N,) of each image (N, D) with its prompt (N, D)."""
    return functional.cosine_similarity(images, prompts, dim=-1)


def style_alignment(images: Tensor, references: Tensor) -> Tensor:
    """Return the mean (N,) of the cosines of each image with its references; the cosine with their mean is larger.

    Args:
        images: (N, D).
        references: (N, R, D), or (R, D) for all images.
    """
    return functional.cosine_similarity(images[:, None], references, dim=-1).mean(dim=1)


def content_leak(images: Tensor, captions: Tensor) -> Tensor:
    """Return the mean (N,) of the cosines of each image with captions of its references; lower is better.

    Args:
        images: (N, D).
        captions: (N, R, D), or (R, D) for all images.
    """
    return style_alignment(images, captions)
