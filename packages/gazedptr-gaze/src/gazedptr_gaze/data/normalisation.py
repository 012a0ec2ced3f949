"""The virtual camera that looks straight at a face, and the way back (Zhang, Sugano, Bulling, ETRA 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError
from visioncore.extras import require

from .rotations import to_vectors

Array = NDArray[np.float64]

FOCAL, DISTANCE, SIZE = 960.0, 600.0, (224, 224)
"""Of the virtual camera: pixels, mm, (width, height). IVGaze's own are not published; these are ETH-XGaze's."""


@dataclass(frozen=True)
class Normalisation:
    """The way from a camera to its virtual camera.

    Attributes:
        rotation: (3, 3), from the frame of the camera to that of the virtual camera; its rows are the axes of the
            virtual camera (right, down, forward) in the frame of the camera.
        warp: (3, 3), from undistorted pixels (x, y, 1) of the camera to those of the virtual camera.
        scale: how much the virtual camera moves along its axis: its distance over that of the face.
        size: (width, height) of its image in pixels.
    """

    rotation: Array
    warp: Array
    scale: float
    size: tuple[int, int]

    @property
    def to_camera(self) -> Array:
        """(3, 3), back to the camera: the true inverse in float64, which the networks take."""
        return np.asarray(np.linalg.inv(self.rotation), dtype=np.float64)

    @property
    def axis(self) -> Array:
        """(3,), where the virtual camera looks, in the frame of the camera."""
        return self.to_camera[:, 2]

    def gaze(self, vector: ArrayLike) -> Array:
        """Return camera-frame directions (..., 3) in the virtual frame: rotated, never scaled."""
        return np.asarray(vector, dtype=np.float64) @ self.rotation.T

    def head(self, rotation: ArrayLike) -> Array:
        """Return the rotation vector (3,) of a head in the virtual frame, of its matrix (3, 3) in the camera's."""
        return to_vectors(self.rotation @ np.asarray(rotation, dtype=np.float64))

    def image(self, image: ArrayLike) -> NDArray[np.float32]:
        """Return the image of the virtual camera, (h, w) or (h, w, C), of an undistorted image (H, W) or (H, W, C).

        Bilinear, zero outside, pixel centres at integers.
        """
        return warp_image(image, self.warp, self.size)

    def face(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the network's input, (h, w, C): `image` without aliasing where the virtual camera is coarser."""
        to_source = np.asarray(np.linalg.inv(self.warp), dtype=np.float64)
        coarser = float(np.linalg.norm(to_source[:2, 0] / to_source[2, 2]))
        left, top, right, bottom = _seen(to_source, self.size, image.shape)
        part = image[top:bottom, left:right]
        if coarser > 1.2 and part.size:
            part = require("cv2", "images").GaussianBlur(part, (0, 0), 0.4 * coarser)
        moved = self.warp @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1]])
        return warp_image(part, moved, self.size).round().clip(0, 255).astype(np.uint8)


def normalise(
    camera: ArrayLike,
    centre: ArrayLike,
    head: ArrayLike,
    *,
    focal: float = FOCAL,
    distance: float | None = DISTANCE,
    size: tuple[int, int] = SIZE,
) -> Normalisation:
    """Return the virtual camera for a face.

    Args:
        camera: (3, 3) intrinsics.
        centre: (3,) of the face, mm in the frame of the camera.
        head: (3, 3) rotation of the head; its first column is the head's own right-left axis.
        focal: of the virtual camera in pixels.
        distance: of the virtual camera from the face in mm; None to rotate only.
        size: (width, height) of its image in pixels.

    Raises:
        InputError: if the face is not in front of the camera, or the head looks along its own x axis.
    """
    camera, centre, head = (np.asarray(array, dtype=np.float64) for array in (camera, centre, head))
    if not np.isfinite(centre).all() or centre[2] <= 0:
        raise InputError(f"the centre of the face is {centre.tolist()}; its z must be above 0, in front of the camera")
    away = float(np.linalg.norm(centre))
    forward = centre / away
    down = np.cross(forward, head[:, 0])
    if np.linalg.norm(down) < 1e-9:
        raise InputError("the head's x axis points at the camera; no virtual camera is upright then")
    down /= np.linalg.norm(down)
    right = np.cross(down, forward)
    rotation = np.stack([right / np.linalg.norm(right), down, forward])
    scale = 1.0 if distance is None else distance / away
    virtual = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    warp = virtual @ np.diag([1, 1, scale]) @ rotation @ np.linalg.inv(camera)
    return Normalisation(rotation, warp, scale, size)


def normalise_square(camera: ArrayLike, centre: ArrayLike, head: ArrayLike, side: int) -> Normalisation:
    """Return the virtual camera of `normalise` with an image of ``side`` pixels that shows as much as usual."""
    return normalise(camera, centre, head, focal=FOCAL * side / SIZE[0], size=(side, side))


def _seen(to_source: Array, size: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the part of an image that a virtual camera sees, with room for blurring."""
    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ to_source.T
    if (corners[:, 2] <= 0).any():
        return 0, 0, shape[1], shape[0]
    points = corners[:, :2] / corners[:, 2:]
    room = 3 + 0.1 * np.ptp(points, axis=0).max()
    low, high = np.floor(points.min(axis=0) - room), np.ceil(points.max(axis=0) + room)
    left, top = np.clip(low, 0, [shape[1], shape[0]]).astype(int)
    right, bottom = np.clip(high, 0, [shape[1], shape[0]]).astype(int)
    return left, top, right, bottom


def warp_image(image: ArrayLike, warp: ArrayLike, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return an image (h, w) or (h, w, C) whose pixel W p is pixel p of an image (H, W) or (H, W, C).

    Written out because OpenCV 4 samples on a grid of 1/32 pixel, and OpenCV 5 still does for some types.
    """
    source = np.asarray(image, dtype=np.float32)
    width, height = size
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    points = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(np.asarray(warp, dtype=np.float64)).T
    # points behind the camera are outside
    depth = np.where(points[..., 2] > 0, points[..., 2], np.nan)
    columns, rows = np.nan_to_num(points[..., 0] / depth, nan=-2.0), np.nan_to_num(points[..., 1] / depth, nan=-2.0)
    columns, rows = np.clip(columns, -2, source.shape[1] + 1), np.clip(rows, -2, source.shape[0] + 1)
    padded = np.pad(source, [(2, 3), (2, 3)] + [(0, 0)] * (source.ndim - 2))
    left, top = np.floor(columns).astype(int), np.floor(rows).astype(int)
    right, down = ((at - start).astype(np.float32) for at, start in ((columns, left), (rows, top)))
    if source.ndim == 3:
        right, down = right[..., None], down[..., None]
    left, top = left + 2, top + 2
    upper = padded[top, left] * (1 - right) + padded[top, left + 1] * right
    lower = padded[top + 1, left] * (1 - right) + padded[top + 1, left + 1] * right
    warped: NDArray[np.float32] = upper * (1 - down) + lower * down
    return warped
