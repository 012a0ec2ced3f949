"""The outputs of a gaze network."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class GazeOutput(NamedTuple):
    """Outputs of a gaze network; None where the variant has none, or none was asked for."""

    gaze: Tensor
    """(B, 2), yaw and pitch in radians, ``official`` convention, in the frame of the normalised camera."""
    zone_logits: Tensor | None = None
    """(3, B, Z): from the image, from the projected points, from both."""
    points: Tensor | None = None
    """(3, B, 3): where the gaze meets the planes x = 0, y = 0, z = 0 of the camera, in the unit of the gaze origin."""
    normalised_gazes: Tensor | None = None
    """(4 or 5, B, 2): gazes of the heads that help training, in the frame of the normalised camera."""
    original_gazes: Tensor | None = None
    """(5, B, 2): the same in the frame of the original camera."""
