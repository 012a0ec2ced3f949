"""The safety checker of a base model, which acts as in the base model's own pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@torch.inference_mode()
def run_checker(base: Any, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[bool]]:
    """Return images (n, H, W, 3) with those black that the checker flags, and which these are.

    Args:
        base: the pipeline of diffusers; without a checker all images stay.
        images: as they would be saved.
    """
    checker = getattr(base, "safety_checker", None)
    if checker is None:
        return images, [False] * len(images)
    weight = next(checker.parameters())
    pixels = base.feature_extractor(list(images), return_tensors="pt").pixel_values.to(weight)
    checked, flagged = checker(images=images.copy(), clip_input=pixels)
    return np.asarray(checked, np.uint8), [bool(flag) for flag in flagged]
