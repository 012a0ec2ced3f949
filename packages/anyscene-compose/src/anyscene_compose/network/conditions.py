"""Images of the composited foreground that the network is shown: its condition, and its colours beyond its edge."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError
from visioncore.extras import require

from .encoder import on_grey

LOW, HIGH = 100, 200
"""Thresholds of Canny's edges, of 255."""


def condition_of(composite: Tensor) -> Tensor:
    """Return the condition (B, 5, H, W): premultiplied colours, alpha, edges inside the mask; all in [0, 1].

    Args:
        composite: (B, 4, H, W) straight RGBA in [0, 1].
    """
    premultiplied = premultiply(composite)
    alpha = composite[:, 3:]
    return torch.cat((premultiplied, edges(composite) * (alpha > 0)), dim=1)


def edges(composite: Tensor) -> Tensor:
    """Return Canny's edges (B, 1, H, W), 0 or 1, of a composite (B, 4, H, W), straight RGBA in [0, 1], on mid-grey."""
    cv2 = require("cv2", "images")
    shown = (on_grey(premultiply(composite)).clamp(0, 1) * 255).round().byte().movedim(1, -1).cpu().numpy()
    found = [cv2.Canny(np.ascontiguousarray(image), LOW, HIGH) for image in shown]
    return (torch.from_numpy(np.stack(found))[:, None] > 0).to(composite)


def premultiply(composite: Tensor) -> Tensor:
    """Return premultiplied RGBA (B, 4, H, W) of straight RGBA.

    Raises:
        InputError: if it has another shape.
    """
    if composite.ndim != 4 or composite.shape[1] != 4:
        raise InputError(f"the composite is {tuple(composite.shape)}; it must be (B, 4, H, W): RGBA")
    alpha = composite[:, 3:]
    return torch.cat((composite[:, :3] * alpha, alpha), dim=1)


def extend_colours(composite: Tensor) -> Tensor:
    """Return images (B, 3, H, W) whose colours go on beyond the edge of the foreground, without any dark seam.

    Each place gets the mean colour of what is near it, nearer the more of it there is: means over ever larger squares
    fill what smaller ones leave open. The cost is linear in pixels.

    Args:
        composite: (B, 4, H, W) straight RGBA in [0, 1]; where nothing is visible at all, all becomes mid-grey.
    """
    levels = [premultiply(composite)]
    while max(levels[-1].shape[2:]) > 1:
        levels.append(functional.avg_pool2d(levels[-1], 2, ceil_mode=True, count_include_pad=False))
    last = levels[-1]
    filled = torch.where(last[:, 3:] > 0, last[:, :3] / last[:, 3:].clamp(min=1e-6), 0.5)
    for number, level in enumerate(reversed(levels[:-1]), start=2):
        below = functional.interpolate(filled, level.shape[2:], mode="bilinear", align_corners=False)
        # of larger squares, full cover is as good as a colour gets; the image's own pixels count by their alpha
        cover = level[:, 3:] if number == len(levels) else (level[:, 3:] * 4).clamp(max=1)
        own = level[:, :3] / level[:, 3:].clamp(min=1e-6)
        filled = torch.where(level[:, 3:] > 0, cover * own + (1 - cover) * below, below)
    return filled.clamp(0, 1)
