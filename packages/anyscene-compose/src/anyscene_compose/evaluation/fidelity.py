"""Fidelity: whether the foreground in an image is the one that was given."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from visioncore.extras import require
from visioncore.metrics.image import WINDOW, ssim_map

from .areas import Mask, Pixels, box_of, check_mask

MOST_PSNR = 100.0
"""Decibels that stand for a foreground without any difference, so that means can be taken."""
GREY = 128


def psnr_inside(image: Pixels, reference: Pixels, mask: Mask) -> float:
    """Return the peak signal-to-noise ratio of the pixels in a mask in dB, at most 100; all channels, 8 bits.

    Args:
        image: (H, W, 3) RGB.
        reference: (H, W, 3) RGB, the foreground's colours.
        mask: (H, W).

    Raises:
        InputError: if the mask is empty or of another size.
    """
    check_mask(mask, image)
    error = np.square(image[mask].astype(np.float64) - reference[mask]).mean()
    return min(MOST_PSNR, 10 * math.log10(255**2 / error)) if error else MOST_PSNR


def ssim_inside(image: Pixels, reference: Pixels, mask: Mask) -> float:
    """Return the mean structural similarity at the pixels in a mask; windows see mid-grey outside it, in both images.

    Arguments and errors as for `psnr_inside`.
    """
    check_mask(mask, image)
    left, top, right, bottom = box_of(mask)
    chosen = mask[top:bottom, left:right]
    one, other = (
        functional.pad(_planes(cut_out(each, mask)[top:bottom, left:right]), (WINDOW // 2,) * 4, value=float(GREY))
        for each in (image, reference)
    )
    similarity = ssim_map(one, other, 255.0)[0].numpy()
    return float(similarity[:, chosen].mean())


def cut_out(image: Pixels, mask: Mask) -> Pixels:
    """Return an image (H, W, 3) with mid-grey outside a mask."""
    return np.where(mask[..., None], image[..., :3], np.uint8(GREY))


def crop_of(image: Pixels, mask: Mask) -> Pixels:
    """Return the square around a mask, (S, S, 3), in mid-grey outside the mask, as networks compare foregrounds.

    Raises:
        InputError: if the mask is empty or of another size.
    """
    check_mask(mask, image)
    left, top, right, bottom = box_of(mask)
    crop = cut_out(image, mask)[top:bottom, left:right]
    side = max(crop.shape[:2])
    down, across = side - crop.shape[0], side - crop.shape[1]
    margins = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    padded: NDArray[np.uint8] = np.pad(crop, margins, constant_values=GREY)
    return padded


def _planes(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).movedim(-1, 0)[None].double()


def resized(image: Pixels, side: int) -> Pixels:
    """Return a square image at another side, bicubically as Pillow does."""
    pillow = require("PIL.Image", "images")
    found: Pixels = np.array(pillow.fromarray(image).resize((side, side), pillow.Resampling.BICUBIC))
    return found
