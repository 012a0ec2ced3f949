"""Cutting out by Segment Anything, from a point or a box in a photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.extras import require
from visioncore.images import Image, eight_bit

from .blending import shares


def load_sam(weights: str | Path, device: str | torch.device = "auto") -> Any:
    """Return a ``SamPredictor`` of the package segment-anything.

    Args:
        weights: a checkpoint of its authors.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        InputError: as `visioncore.backbones.sam.read_sam`.
    """
    predictor = require("segment_anything", "sam").SamPredictor
    # needs what the extra brings
    from visioncore.backbones.sam import read_sam

    return predictor(read_sam(weights).to(resolve_device(device)))


def segment(
    predictor: Any,
    photo: Image,
    points: Sequence[tuple[float, float]] = (),
    box: Sequence[float] | None = None,
) -> NDArray[np.uint8]:
    """Return the mask (H, W), 0 or 255, of what Segment Anything finds in a photo.

    Args:
        predictor: of `load_sam`.
        photo: its alpha is not looked at.
        points: columns and rows of pixels that belong to it; default: the middle of the box, or of the photo.
        box: left, top, right, bottom around it.

    Raises:
        InputError: if a point or the box lies outside of the photo, or nothing is found.
    """
    left, top, right, bottom = (0, 0, photo.width, photo.height) if box is None else box
    if not (0 <= left < right <= photo.width and 0 <= top < bottom <= photo.height):
        raise InputError(
            f"the box ({left:g}, {top:g}, {right:g}, {bottom:g}) does not lie in the photo of {photo.width} x "
            f"{photo.height}; it is left, top, right, bottom"
        )
    asked = np.array(points if len(points) else [((left + right) / 2, (top + bottom) / 2)], np.float64)
    for x, y in asked:
        if not (0 <= x < photo.width and 0 <= y < photo.height):
            raise InputError(f"the point ({x:g}, {y:g}) lies outside of the photo of {photo.width} x {photo.height}")
    predictor.set_image(np.ascontiguousarray(eight_bit(photo.pixels)))
    masks, scores, _ = predictor.predict(
        point_coords=asked,
        point_labels=np.ones(len(asked), np.int64),
        box=None if box is None else np.array(box, np.float64),
        multimask_output=True,
    )
    # of a part, the whole, and what is around it, the one that it is surest of
    best = np.asarray(masks[int(np.argmax(scores))], bool)
    if not best.any():
        raise InputError("Segment Anything finds nothing there; give other points, or a box around it")
    return np.where(best, 255, 0).astype(np.uint8)


def unsure(mask: NDArray[np.generic], width: int) -> NDArray[np.uint8]:
    """Return a trimap (H, W) of a mask: 255 inside, 0 outside, and 128 within some pixels of its outline."""
    cv2 = require("cv2", "images")
    share = shares(mask)
    near = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    inside, outside = (cv2.erode(each.astype(np.uint8), near) > 0 for each in (share > 0.5, share <= 0.5))
    return np.where(inside, 255, np.where(outside, 0, 128)).astype(np.uint8)
