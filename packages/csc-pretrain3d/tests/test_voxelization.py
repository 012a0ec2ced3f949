"""Voxels of the three networks: the golden case, and what it does not reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from csc_pretrain3d.data.voxelization import (
    inside_range,
    voxelize_cylinder3d,
    voxelize_minkunet,
    voxelize_voxelnet,
)
from visioncore.errors import InputError
from visioncore.testing.deterministic import normal_input, uniform_input

Points = NDArray[np.float32]


def floats(values: object) -> Points:
    return np.array(values, np.float32)


@pytest.fixture(scope="module")
def case(golden: Callable[[str], Any]) -> Any:
    return golden("voxelisation")


@pytest.fixture(scope="module")
def points(case: Any) -> Points:
    """The points of the golden case, by its own description."""
    u = uniform_input("csc-vox-points", (600, 3))
    distance, angle = 1 + 54 * u[:, 0] ** 2, (2 * u[:, 1] - 1) * np.pi
    xyz = np.stack([distance * np.cos(angle), distance * np.sin(angle), 9 * u[:, 2] - 5.5], axis=1)
    xyz[300:] = xyz[:300] + 0.03 * normal_input("csc-vox-jitter", (300, 3))
    return xyz.astype(np.float32)[case.outputs["kept_rows"]]


@pytest.fixture(scope="module")
def intensity(case: Any) -> Points:
    values = 255 * uniform_input("csc-vox-intensity", (600, 1))
    return values[case.outputs["kept_rows"], 0].astype(np.float32)


def test_minkunet(case: Any, points: Points, intensity: Points) -> None:
    voxels = voxelize_minkunet(points, intensity)
    case.close("minkunet_coordinates", voxels.coordinates)
    case.close("minkunet_first_point", voxels.first)
    case.close("minkunet_point_to_voxel", voxels.inverse)
    np.testing.assert_array_equal(voxels.features, intensity[case.outputs["minkunet_first_point"], None])
    shifted = voxelize_minkunet(points, intensity, intensity_offset=1.0)
    np.testing.assert_array_equal(shifted.features, voxels.features + 1)


def test_voxelnet(case: Any, points: Points, intensity: Points) -> None:
    voxels = voxelize_voxelnet(points, intensity)
    case.close("voxelnet_zyx", voxels.coordinates)
    case.close("voxelnet_point_to_voxel", voxels.inverse)
    case.close("voxelnet_points_per_voxel", np.bincount(voxels.inverse[voxels.inverse >= 0]))
    case.close("voxelnet_features", voxels.features.astype(np.float64))


def test_cylinder3d(case: Any, points: Points, intensity: Points) -> None:
    voxels = voxelize_cylinder3d(points, intensity)
    case.close("cylinder3d_grid", voxels.coordinates[voxels.inverse])
    assert len(np.unique(voxels.coordinates, axis=0)) == len(voxels.coordinates)
    np.testing.assert_array_equal(voxels.coordinates, np.unique(voxels.coordinates, axis=0))
    np.testing.assert_allclose(voxels.features[:, 0], np.linalg.norm(points[:, :2], axis=1), rtol=1e-6)
    np.testing.assert_array_equal(voxels.features[:, 3], intensity)


def test_cartesian_cells_are_floored() -> None:
    points = floats([[-0.05, 0.05, 0.25], [0.05, 0.05, 0.25], [-0.01, 0.09, 0.21]])
    voxels = voxelize_minkunet(points, floats([1, 2, 3]), cylindrical=False)
    np.testing.assert_array_equal(voxels.coordinates, [[-1, 0, 2], [0, 0, 2]])
    np.testing.assert_array_equal(voxels.inverse, [0, 1, 0])


def test_the_first_points_of_a_voxel_count() -> None:
    points = np.full((4, 3), 0.05, np.float32)
    points[1, 0] = 20.05
    voxels = voxelize_voxelnet(points, floats([1, 8, 3, 50]), most_points=2)
    np.testing.assert_array_equal(voxels.features[:, 3], [2, 8])
    np.testing.assert_array_equal(voxels.inverse, [0, 1, 0, 0])


def test_no_more_voxels_than_allowed() -> None:
    points = floats([[0, 0, 0], [5, 0, 0], [0, 0, 0], [9, 0, 0]]) + np.float32(0.05)
    voxels = voxelize_voxelnet(points, np.ones(4, np.float32), most_voxels=2)
    assert len(voxels.coordinates) == len(voxels.features) == len(voxels.first) == 2
    np.testing.assert_array_equal(voxels.inverse, [0, 1, 0, -1])


def test_points_outside_the_grid() -> None:
    far = np.full((3, 3), 500, np.float32)
    with pytest.raises(InputError, match=r"all 3 points are outside the range .* check the unit"):
        voxelize_voxelnet(far, np.ones(3, np.float32))
    voxels = voxelize_cylinder3d(far, np.ones(3, np.float32))
    np.testing.assert_array_equal(voxels.coordinates[0], [479, 224, 31])


def test_coordinates_that_no_key_holds() -> None:
    wide = floats([[2e8, 0, 0], [0, 2e8, 0], [0, 0, 2e8], [0, 0, 0], [2e8, 0, 0]])
    voxels = voxelize_minkunet(wide, np.ones(5, np.float32), cylindrical=False)
    np.testing.assert_array_equal(voxels.inverse, [0, 1, 2, 3, 0])
    with pytest.raises(InputError, match="coordinates are in metres"):
        voxelize_minkunet(wide * 10, np.ones(5, np.float32), cylindrical=False)


def test_what_pre_training_keeps() -> None:
    points = floats([[51, 0, 0], [40, 40, 0], [1, 0, 3.5], [1, 0, -5.5], [0, -51.1, 2.9]])
    np.testing.assert_array_equal(inside_range(points), [True, False, False, False, True])
