"""The rasterizer, held to one ray for each pixel."""

from __future__ import annotations

import numpy as np
import pytest

from gazedptr_gaze.data import rasterizer
from gazedptr_gaze.data.head_mesh import procedural_head
from gazedptr_gaze.data.rasterizer import rasterize

CAMERA = np.array([[60.0, 0, 15.3], [0, 55, 12.1], [0, 0, 1]])
SIZE = (32, 24)


def cast(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return triangles, weights and depths where the ray through each pixel first meets a triangle's front."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(CAMERA).T
    index, weights = np.full(x.shape, -1), np.zeros((*x.shape, 3))
    depth = np.full(x.shape, np.inf)
    for number, (a, b, c) in enumerate(points[triangles]):
        normal = np.cross(b - a, c - a)
        distance = a @ normal / (rays @ normal)
        meets = rays * distance[..., None]
        inside = [np.cross(q - p, meets - p) @ normal / (normal @ normal) for p, q in ((b, c), (c, a), (a, b))]
        nearer = (normal @ a < 0) & (np.min(inside, axis=0) >= 0) & (distance > 0) & (distance < depth)
        index[nearer], depth[nearer] = number, distance[nearer]
        weights[nearer] = np.stack(inside, axis=-1)[nearer]
    return index, weights, depth


@pytest.fixture(scope="module")
def scene() -> tuple[np.ndarray, np.ndarray]:
    """Thirty triangles of all sizes, that overlap and intersect, partly outside of the image, either side in front."""
    rng = np.random.default_rng(3)
    middle = np.repeat(rng.uniform([-3, -2.5, 8], [3, 2.5, 14], (30, 3)), 3, axis=0)
    points = middle + rng.normal(0, 1, (90, 3)) * np.repeat(rng.choice([0.1, 0.8, 2.5], 30), 3)[:, None]
    return points, np.arange(90).reshape(30, 3)


def test_every_pixel_against_its_ray(scene: tuple[np.ndarray, np.ndarray]) -> None:
    index, weights, depth = cast(*scene)
    seen = rasterize(*scene, CAMERA, SIZE)
    assert 10 < len(np.unique(index)) < 31
    assert 0.3 < (index >= 0).mean() < 0.95
    np.testing.assert_array_equal(seen.triangle, index)
    np.testing.assert_allclose(seen.weights, weights, atol=1e-9)
    np.testing.assert_allclose(seen.depth, depth, rtol=1e-9)
    values = scene[0] @ [[1.0, 0], [0, 1], [2, 0]]
    y, x = np.argwhere(index >= 0)[7]
    expected = weights[y, x] @ values[scene[1][index[y, x]]]
    shown = seen.interpolate(values, scene[1])
    np.testing.assert_allclose(shown[y, x], expected)
    assert not shown[index < 0].any()


def test_pieces_of_any_length_are_the_same(
    scene: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rasterize(*scene, CAMERA, SIZE)
    monkeypatch.setattr(rasterizer, "MOST_FRAGMENTS", 1)
    for one, other in zip(whole, rasterize(*scene, CAMERA, SIZE), strict=True):
        np.testing.assert_array_equal(one, other)


def test_pixel_centres_have_whole_coordinates() -> None:
    # from 10 - e to 12 + e across and from 5 - e to 6 + e down: three by two centres
    corners = np.array([[9.99, 4.99], [9.99, 6.01], [12.01, 6.01], [12.01, 4.99]])
    points = np.column_stack([(corners - CAMERA[:2, 2]) / np.diag(CAMERA)[:2], np.ones(4)]) * 7
    seen = rasterize(points, np.array([[0, 1, 2], [0, 2, 3]]), CAMERA, SIZE)
    expected = np.zeros(SIZE[::-1], bool)
    expected[5:7, 10:13] = True
    np.testing.assert_array_equal(seen.triangle >= 0, expected)
    behind = rasterize(points, np.array([[2, 1, 0], [3, 2, 0]]), CAMERA, SIZE)
    assert (behind.triangle == -1).all()
    assert np.isinf(behind.depth).all()


def test_triangles_without_area_are_not_seen() -> None:
    # a line through pixel centres, and a single point at one
    pixels = np.array([[5.0, 8], [9, 8], [12, 8], [20, 5]])
    points = np.column_stack([(pixels - CAMERA[:2, 2]) / np.diag(CAMERA)[:2], np.ones(4)])
    seen = rasterize(points, np.array([[0, 1, 2], [2, 1, 0], [3, 3, 3], [0, 1, 1]]), CAMERA, SIZE)
    assert (seen.triangle == -1).all()


def test_what_reaches_behind_the_camera_is_left_out() -> None:
    points = np.array([[-2.0, -2, 5], [-2, 2, 5], [2, 2, 5], [0, 3, -1]])
    alone, both = (
        rasterize(points, np.array(triangles), CAMERA, SIZE) for triangles in ([[0, 1, 2]], [[0, 1, 2], [0, 3, 2]])
    )
    assert (alone.triangle == 0).any()
    np.testing.assert_array_equal(both.triangle, alone.triangle)


def test_a_closed_body_has_no_holes() -> None:
    head = procedural_head(16)
    skull = head.triangles[(head.triangles < head.eyes[0].vertices[0]).all(axis=1)]
    camera = np.array([[300.0, 0, 80], [0, 300, 80], [0, 0, 1]])
    seen = rasterize(head.vertices + np.array([0, 0, 400]), skull, camera, (160, 160))
    shown = seen.triangle >= 0
    assert shown.mean() > 0.3
    for lines in (shown, shown.T):
        # the silhouette of an ellipsoid is convex: one run of pixels in each line
        assert (np.diff(lines.astype(int), axis=1) == 1).sum(axis=1).max() == 1
        assert (np.diff(lines.astype(int), axis=1) == -1).sum(axis=1).max() == 1
