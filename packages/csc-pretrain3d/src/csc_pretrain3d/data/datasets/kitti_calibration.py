"""Calibration files of KITTI: lines of a name and the numbers of a matrix."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, damage
from visioncore.size_limit import check_size

from ..frame import matrix

Matrix = NDArray[np.float64]


class Calibration(NamedTuple):
    """Of one camera: ``intrinsic`` (3, 3), and ``lidar_to_camera`` (4, 4)."""

    intrinsic: Matrix
    lidar_to_camera: Matrix


def read_calibration(path: Path, camera: int = 2) -> Calibration:
    """Read ``calib.txt`` of odometry (P0 to P3, Tr) or a file of the object benchmark (with R0_rect, Tr_velo_to_cam).

    P is the intrinsic matrix times the position beside camera 0, which is moved into ``lidar_to_camera``.

    Args:
        path: the file.
        camera: 0 to 3; 2 is the left colour camera.

    Raises:
        InputError: if the file is missing, or a matrix is missing or bad.
    """
    if not path.is_file():
        raise InputError(f"{path}: no calibration for the images; put the file there")
    check_size(path, path.stat().st_size)
    with damage(path, "is no calibration of KITTI"):
        lines = (line.partition(":") for line in path.read_text(encoding="ascii").splitlines())
        found = {name.strip(): [float(word) for word in values.split()] for name, _, values in lines if values}
    projection = _matrix(path, found, f"P{camera}", (3, 4))
    pose = _padded(_matrix(path, found, "Tr" if "Tr" in found else "Tr_velo_to_cam", (3, 4)))
    if "R0_rect" in found:
        pose = _padded(_matrix(path, found, "R0_rect", (3, 3))) @ pose
    intrinsic = projection[:, :3]
    with damage(path, f"P{camera} has no inverse"):
        beside = np.linalg.solve(intrinsic, projection[:, 3])
    shift = np.eye(4)
    shift[:3, 3] = beside
    return Calibration(intrinsic, shift @ pose)


def _matrix(path: Path, found: dict[str, list[float]], name: str, shape: tuple[int, int]) -> Matrix:
    values = found.get(name, [])
    if len(values) != shape[0] * shape[1]:
        raise InputError(f"{path}: {name} is missing or has {len(values)} numbers; there must be {shape[0] * shape[1]}")
    return matrix(np.reshape(values, shape), shape, f"{path}: {name}")


def _padded(values: Matrix) -> Matrix:
    whole = np.eye(4)
    whole[: values.shape[0], : values.shape[1]] = values
    return whole
