"""Baselines that a reconstruction has to beat: the first frame again and again, and the first frame warped."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from visioncore.extras import require

from ..data.clips import Pixels
from .metrics import warp_by_pixels


def still(frames: Tensor) -> Tensor:
    """Return the first of the frames (n, 3, H, W), n times."""
    return frames[:1].expand_as(frames)


def farneback(frames: Tensor) -> Tensor:
    """Return the first of the frames (n, 3, H, W) in [0, 1], warped onto each by optical flow between the two.

    The flow is Farneback's (2003), dense and estimated from the frame that is to be made.
    """
    return warp_by_pixels(still(frames), flows_from_first(frames))


def grey_frames(frames: Tensor) -> Pixels:
    """Return frames (n, 3, H, W) in [0, 1] as grey ones (n, H, W) of 8 bits."""
    weights = torch.tensor([0.299, 0.587, 0.114]).to(frames)
    grey = (frames.clamp(0, 1) * weights[:, None, None]).sum(dim=1)
    pixels: Pixels = (255 * grey).round().byte().cpu().numpy()
    return pixels


def optical_flow(before: Pixels, after: Pixels) -> Tensor:
    """Return Farneback's flow (H, W, 2) in pixels (x, y): from each pixel of ``after`` to its place in ``before``.

    Args:
        before: grey frame (H, W) of 8 bits.
        after: another one.
    """
    cv2 = require("cv2", "images")
    flow = cv2.calcOpticalFlowFarneback(
        after, before, None, pyr_scale=0.5, levels=3, winsize=15, iterations=3, poly_n=5, poly_sigma=1.2, flags=0
    )
    return torch.from_numpy(np.asarray(flow, np.float32))


def flows_from_first(frames: Tensor) -> Tensor:
    """Return the flow (n, H, W, 2) from each frame to the first one, see `optical_flow`."""
    first, *_ = grey = grey_frames(frames)
    return torch.stack([optical_flow(first, frame) for frame in grey])


def flows_between(frames: Tensor) -> Tensor:
    """Return the flow (n - 1, H, W, 2) from each frame to the one before, see `optical_flow`."""
    grey = grey_frames(frames)
    return torch.stack([optical_flow(before, after) for before, after in itertools.pairwise(grey)])
