"""Head pose from six landmarks: where a generic face must stand for the camera to see them there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError
from visioncore.extras import require

from .camera import Camera
from .conventions import official_angles
from .rotations import to_matrices

Array = NDArray[np.float64]

LANDMARKS = (
    "right eye, outer corner",
    "right eye, inner corner",
    "left eye, inner corner",
    "left eye, outer corner",
    "right corner of the mouth",
    "left corner of the mouth",
)
"""In this order, sides as the person has them: from left to right in a frontal image."""

FACE = np.array(
    [[-45, -22, 8], [-16, -22, -1], [16, -22, -1], [45, -22, 8], [-26, 44, -7], [26, 44, -7]], dtype=np.float64
)
"""(6, 3): the landmarks of a generic adult face in mm, x to the image's right, y down, z into the head.

Our own round numbers: corners of the eyes 90 and 32 mm apart, mouth 52 mm wide and 66 mm below, outer corners 9 mm
behind the inner ones, mouth 6 mm before those; the origin is the mean of the six, the centre of the face.
"""

FACE_AND_NOSE = np.concatenate([FACE, [[0, 12, -38]]])
"""(7, 3): the same, and the tip of the nose. The six lie almost in a plane, which leaves the pitch of the head open:
against a pose from 468 points, on two photos, they were off by up to 31 degrees, these seven by up to 10."""

FIVE_POINTS = np.array([[-31, -22, 2], [31, -22, 2], [0, 14, -37], [-26, 44, -7], [26, 44, -7]], dtype=np.float64)
"""(5, 3): centres of the right and the left eye, tip of the nose, corners of the mouth; of the same face."""

MOST_OFF = 0.17
"""Of the error of a pose over the extent of the landmarks.

Of faces in photos and a video it was 0.08 at most, of mouths 30 mm open 0.13; of landmarks in a wrong order 0.18 at
least, but for one eye's corners exchanged."""


@dataclass(frozen=True)
class HeadPose:
    """A head in the frame of the camera.

    Attributes:
        rotation: (3, 3), from the frame of the face to that of the camera.
        centre: (3,) mean of the six landmarks of the fitted face in mm: the centre of the face, and the gaze origin.
        error: root mean square distance, in pixels, of the fitted landmarks from the given ones.
    """

    rotation: Array
    centre: Array
    error: float

    @property
    def angles(self) -> Array:
        """(3,): yaw, pitch and roll in degrees of where the face looks, in the frame of the camera.

        Yaw and pitch have the signs of `official` gaze: + to the right and down in the image. Roll is + clockwise.
        """
        ahead = -self.rotation[:, 2]
        level = np.cross([0, 1, 0], -ahead)
        level /= max(float(np.linalg.norm(level)), 1e-12)
        right = self.rotation[:, 0]
        roll = np.arctan2(right @ np.cross(-ahead, level), right @ level)
        return np.degrees([*official_angles(ahead), roll])

    def landmarks(self, camera: Camera) -> Array:
        """Return the pixels (6, 2) at which a camera sees the landmarks of the generic face."""
        placed = (FACE - FACE.mean(axis=0)) @ self.rotation.T + self.centre
        cv2 = require("cv2", "images")
        nowhere = np.zeros(3)
        pixels: Array = cv2.projectPoints(placed, nowhere, nowhere, camera.matrix, camera.distortion)[0][:, 0]
        return pixels


def head_pose(landmarks: ArrayLike, camera: Camera, face: ArrayLike = FACE) -> HeadPose:
    """Return the pose of a head.

    Several solvers start, the best of them is refined. A face behind the camera, or seen from behind, reprojects as
    well as the right one does, so that its error would not show it: such solutions are never taken.

    Args:
        landmarks: (N, 2) pixels (x, y) of the landmarks in the image as the camera took it.
        camera: its calibration.
        face: (N, 3) the same of the face model in mm, with the centre of the face as origin: `FACE`, `FACE_AND_NOSE` or
            `FIVE_POINTS`.

    Raises:
        InputError: if the landmarks have another shape, lie on one line or are not those of a face, or no pose has the
            face before the camera.
    """
    cv2 = require("cv2", "images")
    points, model = (np.ascontiguousarray(array, dtype=np.float64) for array in (landmarks, face))
    count = len(model)
    if points.shape != (count, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks have shape {points.shape}; they must be {count} finite points (x, y)")
    if np.linalg.svd(points - points.mean(axis=0), compute_uv=False)[1] < 1e-3:
        raise InputError("the landmarks lie on one line; a pose needs the corners of eyes and mouth apart")
    best: HeadPose | None = None
    for method in (cv2.SOLVEPNP_EPNP, cv2.SOLVEPNP_SQPNP, cv2.SOLVEPNP_ITERATIVE):
        pose = _solve(cv2, model, points, camera, method)
        if pose is not None and (best is None or pose.error < best.error):
            best = pose
    if best is None:
        raise InputError(
            "no head pose has the face before the camera and turned towards it; are left and right, or x and y swapped?"
        )
    extent = float(np.ptp(points, axis=0).max())
    if best.error > MOST_OFF * extent:
        told = f"the landmarks are {best.error:.1f} pixels off those of a face of {extent:.0f} pixels"
        order = f"; there should be, in this order: {'; '.join(LANDMARKS)}" if count == len(FACE) else ""
        raise InputError(told + order)
    return best


def _solve(cv2: Any, model: Array, points: Array, camera: Camera, method: int) -> HeadPose | None:
    """Return the refined pose of one solver; None if it found none, or one that no camera could see."""
    try:
        found, turn, shift = cv2.solvePnP(model, points, camera.matrix, camera.distortion, flags=method)
        if not found:
            return None
        turn, shift = cv2.solvePnPRefineLM(model, points, camera.matrix, camera.distortion, turn, shift)
    except cv2.error:
        return None
    rotation = to_matrices(turn[:, 0])
    placed = model @ rotation.T + shift[:, 0]
    centre = shift[:, 0]
    seen_from_behind = rotation[:, 2] @ centre <= 0
    if not np.isfinite(placed).all() or (placed[:, 2] <= 0).any() or seen_from_behind:
        return None
    projected = cv2.projectPoints(model, turn, shift, camera.matrix, camera.distortion)[0][:, 0]
    return HeadPose(rotation, centre, float(np.sqrt(np.square(projected - points).sum(axis=1).mean())))
