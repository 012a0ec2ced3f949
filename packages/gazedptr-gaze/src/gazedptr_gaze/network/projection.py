"""The tri-plane projection: where a gaze ray meets the three coordinate planes of the camera."""

from __future__ import annotations

import torch
from torch import Tensor

from visioncore.devices import without_autocast

from .positional_code import precise


def gaze_ray(gaze: Tensor) -> Tensor:
    """Return unit vectors (B, 3) of gazes (B, 2) = (yaw, pitch) in radians, by the published networks' own map.

    That map is the inverse of the ``gazehub`` convention, but published labels follow the ``official`` one: x and y are
    mirrored. The published weights were trained that way, so the projection keeps it.
    """
    yaw, pitch = gaze.unbind(-1)
    return torch.stack([-pitch.cos() * yaw.sin(), -pitch.sin(), -pitch.cos() * yaw.cos()], dim=-1)


def tri_plane_points(gaze: Tensor, origin: Tensor, to_camera: Tensor | None = None, *, double: bool = False) -> Tensor:
    """Return the points (3, B, 3) in which gaze rays meet the planes x = 0, y = 0 and z = 0.

    A ray parallel to a plane has no finite point there, and points behind the head count as any other, as in the
    published networks. The coordinate that should be 0 is what rounding leaves of it: the published weights saw that.

    Args:
        gaze: (B, 2), yaw and pitch in radians, in the frame of the normalised camera.
        origin: (B, 3), where the gaze starts, in the frame of the original camera.
        to_camera: (B, 3, 3), the inverse of the normalisation rotation; None for none.
        double: compute in float64.
    """
    with without_autocast(gaze.device):
        ray, origin = gaze_ray(precise(gaze, double)), precise(origin, double)
        if to_camera is not None:
            # by element: a product of matrices may run in TF32, and its rounding may depend on the batch
            columns, parts = precise(to_camera, double).unbind(-1), ray.split(1, dim=-1)
            ray = columns[0] * parts[0] + columns[1] * parts[1] + columns[2] * parts[2]
        return torch.stack([origin + ray * (-origin[:, a : a + 1] / ray[:, a : a + 1]) for a in range(3)])
