"""A found face -> what the networks get of it: head pose, virtual camera, normalised image, original view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.camera import Camera
from ..data.crop import crop_face, face_box
from ..data.head_pose import FACE, HeadPose, head_pose
from ..data.normalisation import Normalisation, normalise_square
from .faces import Face

__all__ = ["SeenFace", "see_face"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class SeenFace:
    """A face, where it is, and its two images.

    Attributes:
        face: as it was found.
        pose: of the head.
        virtual: the camera that looks straight at it.
        normalised: (S, S, 3) uint8 RGB, what that camera sees.
        original: (S, S, 3) uint8 RGB, the plain crop.
        box: (x0, y0, x1, y1) of that crop in pixels of the image.
        cut: whether the crop reaches beyond the border of the image.
    """

    face: Face
    pose: HeadPose
    virtual: Normalisation
    normalised: NDArray[np.uint8]
    original: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    cut: bool


def see_face(
    image: NDArray[np.uint8], undistorted: NDArray[np.uint8], face: Face, camera: Camera, size: int
) -> SeenFace:
    """Return a face as the networks see it.

    Args:
        image: (H, W, 3) RGB as the camera took it.
        undistorted: the same as a camera without distortion would see it.
        face: in the image.
        camera: its calibration.
        size: side of the images that the network was trained on, in pixels.

    Raises:
        InputError: if no head pose has the face before the camera, or it lies outside of the image.
    """
    pose = head_pose(face.landmarks, camera, face.model)
    virtual = normalise_square(camera.matrix, pose.centre, pose.rotation, size)
    # The crop goes by the corners of eyes and mouth; a finder that knows others leaves them to the pose.
    corners = face.landmarks[: len(FACE)] if len(face.model) >= len(FACE) else pose.landmarks(camera)
    x0, y0, x1, y1 = face_box(corners)
    height, width = image.shape[:2]
    return SeenFace(
        face,
        pose,
        virtual,
        virtual.face(undistorted),
        np.asarray(crop_face(image, corners, size), np.uint8),
        (x0, y0, x1, y1),
        x0 < -0.5 or y0 < -0.5 or x1 > width - 0.5 or y1 > height - 0.5,
    )
