"""The calibration of a camera, from OpenCV's YAML and JSON files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from visioncore.configs import shown
from visioncore.errors import InputError
from visioncore.extras import require

from .texts import read_utf8

Array = NDArray[np.float64]

MATRIX_NAMES = ("camera_matrix", "cameraMatrix", "Camera_Matrix", "mtx", "K")
DISTORTION_NAMES = ("distortion_coefficients", "dist_coeffs", "distCoeffs", "Distortion_Coefficients", "dist", "D")
WIDTH_NAMES, HEIGHT_NAMES = ("image_width", "image_Width", "width"), ("image_height", "image_Height", "height")
DISTORTION_LENGTHS = (0, 4, 5, 8, 12, 14)
"""Numbers of coefficients in OpenCV's model."""
FIELD_OF_VIEW = 60.0
"""Degrees that an unknown camera is taken to see."""
SHORTEST = 0.1
"""Of focal lengths over the width of an image: 157 degrees are seen then, more than this model of a lens is for."""


@dataclass(frozen=True)
class Camera:
    """A calibrated camera.

    Attributes:
        matrix: (3, 3) intrinsics in pixels.
        distortion: OpenCV's coefficients, 0, 4, 5, 8, 12 or 14 of them.
        size: (width, height) of the images it was calibrated on; None if the file does not say.

    Raises:
        InputError: if a value cannot be that of a camera.
    """

    matrix: Array
    distortion: Array
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        matrix = self.matrix
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise InputError(f"the camera matrix has shape {matrix.shape}; it must be 3x3, of finite numbers")
        if matrix[0, 0] <= 0 or matrix[1, 1] <= 0 or not np.array_equal(matrix[2], [0, 0, 1]):
            raise InputError("the camera matrix must be [fx s cx; 0 fy cy; 0 0 1] with fx and fy above 0")
        if self.distortion.size not in DISTORTION_LENGTHS or not np.isfinite(self.distortion).all():
            count = self.distortion.size
            raise InputError(
                f"there are {count} distortion coefficients; there must be 0, 4, 5, 8, 12 or 14, all finite"
            )

    @classmethod
    def guess(cls, width: int, height: int) -> Camera:
        """Return a camera without distortion that sees `FIELD_OF_VIEW` degrees across the longer side: a guess."""
        focal = max(width, height) / 2 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
        matrix = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
        return cls(matrix, np.zeros(0), (width, height))

    def check_size(self, width: int, height: int, where: str) -> None:
        """Validate that an image is of the size that the camera was calibrated on.

        Raises:
            InputError: if it is not, the principal point lies outside of it, or the focal length is far too short.
        """
        if self.size is not None and self.size != (width, height):
            known = "x".join(map(str, self.size))
            raise InputError(f"{where}: the image is {width}x{height}, but the camera was calibrated on {known}")
        focal = float(self.matrix[0, 0])
        if focal < SHORTEST * width:
            told = f"{where}: the focal length is {focal:g} pixels, of an image {width} wide"
            raise InputError(f"{told}; no lens sees so much: the camera matrix must be in pixels")
        x, y = self.matrix[:2, 2]
        if not (0 <= x <= width and 0 <= y <= height):
            raise InputError(
                f"{where}: the principal point ({x:g}, {y:g}) is outside of the image, {width}x{height}; "
                "was the camera calibrated on images of another size?"
            )

    def for_size(self, width: int, height: int, where: str) -> Camera:
        """Return the camera for images of a size: itself, or scaled if theirs have the shape of those it knows.

        Raises:
            InputError: if they have another shape, or the principal point lies outside of them.
        """
        if self.size is None or self.size == (width, height):
            self.check_size(width, height, where)
            return self
        factor = width / self.size[0]
        if abs(self.size[1] * factor - height) > 1:
            self.check_size(width, height, where)
        # the centre of the first pixel is (0, 0), so its corner is what stays in place
        corner = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
        matrix = np.linalg.inv(corner) @ np.diag([factor, factor, 1]) @ corner @ self.matrix
        scaled = Camera(matrix, self.distortion, (width, height))
        scaled.check_size(width, height, where)
        return scaled

    def undistort(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return an image (H, W, C) as a camera without distortion would see it."""
        if not self.distortion.any():
            return image
        undistorted: NDArray[Any] = require("cv2", "images").undistort(image, self.matrix, self.distortion)
        return undistorted


class _Loader(yaml.SafeLoader):
    """YAML that builds plain values, and knows OpenCV's matrices."""


_Loader.add_constructor(
    "tag:yaml.org,2002:opencv-matrix",
    lambda loader, node: loader.construct_mapping(node, deep=True),  # type: ignore[arg-type]
)


def read_camera(path: str | Path) -> Camera:
    """Return the camera of a calibration file, YAML or JSON, as OpenCV or common scripts write it.

    Raises:
        InputError: if the file cannot be read or holds no camera.
    """
    path = Path(path)
    text = read_utf8(path)
    try:
        # OpenCV's first line, %YAML:1.0, is not YAML's own %YAML 1.0.
        found = json.loads(text) if path.suffix == ".json" else yaml.load(text.replace("%YAML:1.0", "", 1), _Loader)
    except (ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a camera calibration in YAML or JSON ({reason})") from error
    if not isinstance(found, Mapping):
        raise InputError(
            f"{path}: not a camera calibration; it should have {MATRIX_NAMES[0]} and {DISTORTION_NAMES[0]}"
        )
    matrix = _array(found, MATRIX_NAMES, path)
    if matrix is None:
        raise InputError(f"{path}: no camera matrix; it should stand under {MATRIX_NAMES[0]}")
    distortion = _array(found, DISTORTION_NAMES, path)
    try:
        return Camera(matrix, np.zeros(0) if distortion is None else distortion.ravel(), _size(found))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _size(found: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return width and height; None if the file does not say."""
    width, height = (next((n for n in names if n in found), None) for names in (WIDTH_NAMES, HEIGHT_NAMES))
    if width is None and height is None:
        return None
    if width is None or height is None:
        raise InputError(f"{width or height} without a {'height' if width else 'width'}; there should be both or none")
    for name in (width, height):
        value = found[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value < 1e9 or value % 1:
            raise InputError(f"{name} is {shown(value)}; it should be a whole number of pixels")
    return int(found[width]), int(found[height])


def _array(found: Mapping[str, Any], names: tuple[str, ...], path: Path) -> Array | None:
    """Return a matrix under one of several names, as nested lists or in OpenCV's form; None if there is none."""
    name = next((name for name in names if name in found), None)
    if name is None:
        return None
    value = found[name]
    try:
        if isinstance(value, Mapping):
            return np.array(value["data"], dtype=np.float64).reshape(value["rows"], value["cols"])
        return np.array(value, dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: {name} is not a matrix of numbers with rows, cols and data") from error
