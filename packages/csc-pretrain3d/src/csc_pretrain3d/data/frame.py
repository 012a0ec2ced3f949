"""A scan, the cameras around it, and the frame of both: what every data set gives and every other file works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visioncore.errors import InputError
from visioncore.images import eight_bit, image_size, read_image


@dataclass(frozen=True, eq=False)
class Scan:
    """The points of one LiDAR sweep, in the order of their file.

    Attributes:
        points: (P, 3) float32 x, y, z in metres, x forwards, y to the left and z up where the sensor says so.
        intensity: (P,) float32 in the scale of its source: 0 to 255 in nuScenes, 0 to 1 in SemanticKITTI.
        labels: (P,) int64 classes of a class map, or None.
        instances: (P,) int64 ids of things, 0 where there is none, or None.
        name: for messages and results.

    Raises:
        InputError: if there is no point, a coordinate or an intensity is not finite, or shapes do not fit.
    """

    points: NDArray[np.float32]
    intensity: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    instances: NDArray[np.int64] | None = None
    name: str = "scan"

    def __post_init__(self) -> None:
        points, count = self.points, len(self.points)
        if points.ndim != 2 or points.shape[1] != 3 or points.dtype != np.float32:
            raise InputError(f"{self.name}: points are {points.shape} {points.dtype}; they must be (P, 3) float32")
        if not count:
            raise InputError(f"{self.name}: the scan is empty; it must have at least one point")
        for what in ("intensity", "labels", "instances"):
            values = getattr(self, what)
            if values is not None and values.shape != (count,):
                raise InputError(
                    f"{self.name}: {what} is {values.shape} and there are {count} points; there must be one for each"
                )
        finite = np.isfinite(points).all(axis=1)
        if bad := count - int(np.count_nonzero(finite)):
            raise InputError(
                f"{self.name}: {bad} of {count} points have coordinates that are NaN or infinite, the first is number "
                f"{int(finite.argmin())}; remove them, with their labels"
            )
        if not np.isfinite(self.intensity).all():
            raise InputError(f"{self.name}: intensities are NaN or infinite; set them to 0 where they are unknown")

    def __len__(self) -> int:
        return len(self.points)


class Camera:
    """One image and how points get into it.

    Args:
        name: such as ``CAM_FRONT``.
        image: (H, W, 3) uint8 RGB, or its file, which is read when the image is first asked for.
        intrinsic: (3, 3) from camera coordinates in metres to pixels.
        lidar_to_camera: (4, 4) from the scan's coordinates to the camera's (x right, y down, z forwards), at the times
            at which both were recorded.
        segments: (H, W) int32 segment of each pixel, 0 where there is none, or None.
        size: (H, W) that the calibration holds for; None for that of the image.
        key: what its file of segments is called in a folder of segments, without suffix.

    Raises:
        InputError: if shapes do not fit, or a matrix is not finite.
    """

    def __init__(
        self,
        name: str,
        image: NDArray[np.uint8] | str | Path,
        intrinsic: ArrayLike,
        lidar_to_camera: ArrayLike,
        segments: NDArray[np.int32] | None = None,
        size: tuple[int, int] | None = None,
        key: str = "",
    ) -> None:
        self.name, self.key, self._image = name, key or name, Path(image) if isinstance(image, str | Path) else image
        self.intrinsic = matrix(intrinsic, (3, 3), f"{name}: intrinsic")
        self.lidar_to_camera = matrix(lidar_to_camera, (4, 4), f"{name}: lidar_to_camera")
        found = image_size(self._image) if isinstance(self._image, Path) else _size(self._image, name)
        where = f"{self._image}: the image" if isinstance(self._image, Path) else f"{name}: the image"
        if size is not None and tuple(size) != found:
            raise InputError(f"{where} is {_by(found)} and the calibration is for {_by(size)}; they must be equal")
        if segments is not None and segments.shape != found:
            raise InputError(f"{where} is {_by(found)} and its segments {_by(segments.shape)}; they must be equal")
        self.size, self.segments = found, segments

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB.

        Raises:
            InputError: if the file cannot be read.
        """
        if not isinstance(self._image, Path):
            return self._image
        return eight_bit(read_image(self._image).pixels)

    def with_segments(self, segments: NDArray[np.int32]) -> Camera:
        """Return the camera with the segment (H, W) of each pixel.

        Raises:
            InputError: if they are of another size than the image.
        """
        return Camera(self.name, self._image, self.intrinsic, self.lidar_to_camera, segments, key=self.key)

    def __repr__(self) -> str:
        return f"Camera({self.name!r}, {_by(self.size)})"


@dataclass(frozen=True, eq=False)
class Frame:
    """A scan and the cameras that saw the same moment.

    Attributes:
        scan: its points.
        cameras: any number of them.
        scene: name of the drive that the frame is part of.
        semantic: ids of segments mean the same category in every image (1 to K); prototypes need that.
    """

    scan: Scan
    cameras: Sequence[Camera] = ()
    scene: str = ""
    semantic: bool = False


def matrix(values: ArrayLike, shape: tuple[int, int], what: str) -> NDArray[np.float64]:
    """Return a matrix of finite numbers.

    Raises:
        InputError: if it is of another shape, or not finite; ``what`` says which matrix it is.
    """
    try:
        found: NDArray[Any] = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} is no matrix of numbers; it must be {_by(shape)}") from error
    if found.shape != shape or not np.isfinite(found).all():
        said = f"has shape {found.shape}" if found.shape != shape else "some are NaN or infinite"
        raise InputError(f"{what} must be {_by(shape)} finite numbers, and {said}")
    return found


def _size(image: NDArray[np.uint8], name: str) -> tuple[int, int]:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InputError(f"{name}: the image is {image.shape} {image.dtype}; it must be (H, W, 3) uint8")
    return image.shape[0], image.shape[1]


def _by(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))
