"""Duplication: whether the foreground is there a second time, in the scene around it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visioncore.extras import require

from ..network.conditions import extend_colours
from .areas import Mask, Pixels, box_of, check_mask, grown, inside

Judge = Callable[[Pixels, str], float]
"""An image (H, W, 3) without its foreground, and the foreground's name -> how surely the name is seen in it."""
SIDE = 128
"""Longer side of the image in which copies are looked for, at most."""
SCALES = (0.5, 0.71, 1.0)
"""Sizes of copies that are looked for, as parts of the foreground's."""
MOST_COMMON = 0.1
"""Part of a copy that may lie in the foreground itself."""


def without_foreground(image: Pixels, mask: Mask) -> Pixels:
    """Return an image (H, W, 3) with the mask's pixels filled smoothly from the scene around it.

    A grey hole would show the outline, by which networks know many things.

    Raises:
        InputError: if the mask is empty or of another size.
    """
    check_mask(mask, image)
    known = np.dstack([image, np.where(mask, np.uint8(0), np.uint8(255))])
    filled = extend_colours(torch.from_numpy(known).movedim(-1, 0)[None].float() / 255)[0].movedim(0, -1).numpy()
    return np.where(mask[..., None], (filled * 255).round().astype(np.uint8), image)


def name_margin(scenes: Tensor, names: Tensor, others: Tensor) -> Tensor:
    """Return how much nearer CLIP's vectors of scenes are to the foregrounds' names than to what else the prompts say.

    Args:
        scenes: (N, D), of images without their foregrounds.
        names: (N, D), of the names.
        others: (N, D), of the prompts without the names.

    Returns:
        (N,), from -2 to 2; above 0 the foreground is there a second time rather than not.
    """
    return functional.cosine_similarity(scenes, names) - functional.cosine_similarity(scenes, others)


def copy_likeness(image: Pixels, foreground: Pixels) -> float:
    """Return how much the likeliest place outside a foreground looks like it, from -1 to 1: the correlation of colours.

    For drawings, where no network is needed. Copies of three sizes and their mirror images are looked for; one may lie
    in the foreground itself by a tenth of its area.

    Args:
        image: (H, W, 3) RGB.
        foreground: (H, W, 4) RGB with straight alpha, of the same size.

    Raises:
        InputError: if the foreground is empty or of another size.
    """
    check_mask(inside(foreground), image)
    cv2 = require("cv2", "images")
    if (longer := max(image.shape[:2])) > SIDE:
        size = max(1, round(image.shape[1] * SIDE / longer)), max(1, round(image.shape[0] * SIDE / longer))
        image, foreground = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (image, foreground))
    mask = inside(foreground)
    left, top, right, bottom = box_of(mask)
    scene, taken = without_foreground(image, grown(mask, 1)), mask.astype(np.float32)
    found = [-1.0]
    for scale in SCALES:
        size = max(4, round((right - left) * scale)), max(4, round((bottom - top) * scale))
        copy = cv2.resize(foreground[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
        for flipped in (copy, np.ascontiguousarray(copy[:, ::-1])):
            found.append(_likeliest(scene, flipped, taken))
    return max(found)


def _likeliest(scene: Pixels, copy: Pixels, taken: NDArray[np.float32]) -> float:
    """Return the highest correlation of a copy (h, w, 4) with the scene where little of it is taken."""
    cv2 = require("cv2", "images")
    if copy.shape[0] > scene.shape[0] or copy.shape[1] > scene.shape[1]:
        return -1.0
    seen = (copy[..., 3] >= 128).astype(np.float32)
    if not seen.any():
        return -1.0
    common = cv2.matchTemplate(taken, seen, cv2.TM_CCORR) / seen.sum()
    weights = np.repeat(seen[..., None], 3, axis=2)
    colours = copy[..., :3].astype(np.float32)
    likeness = cv2.matchTemplate(scene.astype(np.float32), colours, cv2.TM_CCOEFF_NORMED, mask=weights)
    there = (common <= MOST_COMMON) & np.isfinite(likeness) & (np.abs(likeness) <= 1.0001)
    return float(likeness[there].max().clip(-1, 1)) if there.any() else -1.0
