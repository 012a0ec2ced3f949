"""Which point falls on which pixel: projection of scans into cameras, as the method was published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

from .frame import Camera, Frame

LEAST_DEPTH = 1.0
"""Metres in front of a camera from which points count."""


class Pairs(NamedTuple):
    """Points of a scan and the pixels of one camera that they fall on, in the order of the points.

    Attributes:
        point: (M,) int64 place in the scan.
        row: (M,) int64, from 0 at the top.
        column: (M,) int64, from 0 on the left.
    """

    point: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_]) -> Pairs:
        """Return the pairs for which a mask (M,) holds."""
        return Pairs(*(values[kept] for values in self))


def project(points: NDArray[np.floating], camera: Camera) -> Pairs:
    """Return the pairs of a scan and a camera.

    A point counts if it is more than 1 m in front of the camera and strictly inside the image, 0 < column < W - 1 and
    0 < row < H - 1; its pixel is the nearest one, halves rounded to even numbers. The chain is computed in float64.

    Args:
        points: (P, 3) in metres, as the LiDAR measured them.
        camera: at its own time.
    """
    height, width = camera.size
    in_camera = camera.lidar_to_camera[:3, :3] @ points.T.astype(np.float64) + camera.lidar_to_camera[:3, 3:]
    front = np.flatnonzero(in_camera[2] > LEAST_DEPTH)
    across, down, depth = camera.intrinsic @ in_camera[:, front]
    column, row = across / depth, down / depth
    inside = (column > 0) & (column < width - 1) & (row > 0) & (row < height - 1)
    return Pairs(front[inside], np.rint(row[inside]).astype(np.int64), np.rint(column[inside]).astype(np.int64))


@dataclass(frozen=True, eq=False)
class PairedFrame:
    """A frame whose points have found their pixels: where pre-training starts from.

    Attributes:
        points: (P, 3) float32 in metres.
        intensity: (P,) float32.
        images: (H, W, 3) uint8 RGB of each camera.
        segments: (H, W) int32 of each camera, 0 where there is none.
        pairs: of each camera, none of them on segment 0.
        semantic: ids of segments mean the same category in every image.
        name: of the scan.
    """

    points: NDArray[np.float32]
    intensity: NDArray[np.float32]
    images: list[NDArray[np.uint8]]
    segments: list[NDArray[np.int32]]
    pairs: list[Pairs]
    semantic: bool
    name: str


def pair_frame(frame: Frame, kept: NDArray[np.bool_] | None = None) -> PairedFrame:
    """Return a frame with its pairs; cameras without any are left out.

    Args:
        frame: its cameras have segments.
        kept: (P,) the points that take part, see `voxelization.inside_range`; None for all.

    Raises:
        InputError: if a camera has no segments, or an image cannot be read.
    """
    scan = frame.scan
    points, intensity = (scan.points, scan.intensity) if kept is None else (scan.points[kept], scan.intensity[kept])
    images, segments, found = [], [], []
    for camera in frame.cameras:
        if camera.segments is None:
            raise InputError(f"{scan.name}: no segments for {camera.name}; make them first, or name their folder")
        pairs = on_segments(project(points, camera), camera.segments)
        if len(pairs.point):
            images.append(camera.image)
            segments.append(camera.segments)
            found.append(pairs)
    return PairedFrame(points, intensity, images, segments, found, frame.semantic, scan.name)


def on_segments(pairs: Pairs, segments: NDArray[np.int32]) -> Pairs:
    """Return the pairs on pixels that belong to a segment of a map (H, W)."""
    return pairs.where(segments[pairs.row, pairs.column] > 0)
