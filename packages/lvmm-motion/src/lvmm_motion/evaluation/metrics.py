"""Metrics of frames and of motion. The paper does not say how it measures: these are the usual definitions.

PSNR and SSIM are those of `visioncore.metrics.image`, by its protocol ``rgb``.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from visioncore.errors import InputError

Floats = NDArray[np.float64]


def l1(made: Tensor, real: Tensor) -> Tensor:
    """Return the mean absolute difference (n,) of frames (n, 3, H, W) in [0, 1].

    Raises:
        InputError: if the shapes differ.
    """
    check_alike(made, real)
    return (made.double() - real.double()).abs().mean(dim=(1, 2, 3))


def frechet_distance(made: Floats, real: Floats) -> float:
    """Return the squared Fréchet distance of two sets of features, taken as normally distributed.

    It is the squared distance of their means, plus trace(A + B - 2 (A B)^(1/2)) of their unbiased covariances. With few
    samples it comes out too large: compare only values of equal numbers.

    Args:
        made: (N, d).
        real: (M, d).

    Raises:
        InputError: if one has fewer than two samples, they differ in width, or a value is not finite.
    """
    if made.ndim != 2 or real.ndim != 2 or made.shape[1] != real.shape[1] or min(len(made), len(real)) < 2:
        raise InputError(
            f"features are {made.shape} and {real.shape}; a Fréchet distance is of two sets (N, d), N at least 2"
        )
    if not (np.isfinite(made).all() and np.isfinite(real).all()):
        raise InputError("features are not all finite; is this the right network?")
    a, b = (_root(features) for features in (made, real))
    # A = a'a and B = b'b, so the trace of (A B)^(1/2) is the sum of the singular values of a b'
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    means = np.square(made.mean(axis=0) - real.mean(axis=0)).sum()
    return float(means + np.square(a).sum() + np.square(b).sum() - 2 * shared)


def _root(features: Floats) -> Floats:
    """Return a matrix a, at most (d, d), whose a'a is the unbiased covariance."""
    centred = (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"), np.float64)


def end_point_error(flow: Tensor, reference: Tensor, visible: Tensor | None = None) -> Tensor:
    """Return the mean distance (n,) in pixels of the reference between where flows and where references point.

    Args:
        flow: (n, h, w, 2) positions from -1 to 1; resized to the reference's size first.
        reference: (n, H, W, 2).
        visible: (n, H, W) of bool, the pixels that count; None for all.
    """
    height, width = reference.shape[1:3]
    if flow.shape[1:3] != (height, width):
        flow = functional.interpolate(flow.movedim(-1, 1), (height, width), mode="bilinear").movedim(1, -1)
    pixels = torch.tensor([(width - 1) / 2, (height - 1) / 2]).to(reference)
    distance = ((flow.to(reference) - reference) * pixels).norm(dim=-1)
    counts = torch.ones_like(distance) if visible is None else visible.to(distance)
    return (distance * counts).sum(dim=(1, 2)) / counts.sum(dim=(1, 2))


def temporal_difference(frames: Tensor, flows: Tensor) -> Tensor:
    """Return the mean absolute difference (n - 1,) of each frame and the one before, warped onto it.

    Args:
        frames: (n, 3, H, W) in [0, 1].
        flows: (n - 1, H, W, 2) in pixels (x, y): where in the frame before each pixel comes from, less where it is.
    """
    return (warp_by_pixels(frames[:-1], flows) - frames[1:]).abs().mean(dim=(1, 2, 3))


def warp_by_pixels(frames: Tensor, flows: Tensor) -> Tensor:
    """Sample frames (n, 3, H, W) bilinearly at each pixel plus its flow (n, H, W, 2); borders go on outside."""
    height, width = frames.shape[2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([x, y], dim=-1).to(flows) + flows
    grid = 2 * places / (torch.tensor([width, height]).to(flows) - 1) - 1
    return functional.grid_sample(frames, grid.to(frames), padding_mode="border", align_corners=True)


def check_alike(made: Tensor, real: Tensor) -> None:
    """Validate that frames are of one shape (n, 3, H, W).

    Raises:
        InputError: if they are not.
    """
    if made.shape != real.shape or made.ndim != 4:
        raise InputError(
            f"frames are {tuple(made.shape)}, and the real ones {tuple(real.shape)}; both must be one (n, 3, H, W)"
        )
