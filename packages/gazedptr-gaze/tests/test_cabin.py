"""Zones of a user's own cabin by geometry: where rays meet surfaces, and every wrong line of the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gazedptr_gaze.inference.cabin import read_cabin
from gazedptr_gaze.inference.records import FrameGaze
from gazedptr_gaze.inference.surfaces import Surface
from gazedptr_gaze.inference.zones import read_zones, with_cabin_zones
from visioncore.testing.fuzzing import Sample, fuzz
from visioncore.testing.refusals import one_line, refusal

CABIN = """\
zones:
  mirror:
    rectangle: [[-60, -420, 250], [60, -420, 250], [60, -360, 250]]
  display:
    polygon: [[-200, 100, 100], [-80, 100, 100], [-80, 200, 100], [-200, 200, 100]]
  "2nd row":
    plane: {point: [0, 0, 900], normal: [0, 0, 2]}
  windshield:
    plane: {point: [0, 0, -500], normal: [0, 0, 1]}
"""
FACE = np.array([0.0, 0.0, 600.0])
U_SHAPE = [[0, 0, 0], [30, 0, 0], [30, 30, 0], [20, 30, 0], [20, 10, 0], [10, 10, 0], [10, 30, 0], [0, 30, 0]]


@pytest.fixture
def cabin(tmp_path: Path) -> Path:
    path = tmp_path / "cabin" / "cabin.yaml"
    path.parent.mkdir()
    path.write_text(CABIN)
    return path


def towards(*targets: tuple[float, float, float]) -> np.ndarray:
    vectors = np.array(targets) - FACE
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_nearest_zone_in_front(cabin: Path) -> None:
    zones = read_zones(cabin)
    assert zones.names == ("elsewhere", "mirror", "display", "2nd row", "windshield")
    vectors = towards((0, -400, 250), (-100, 150, 100), (-190, 190, 100), (0, 0, 0), (0, 0, 700), (600, 0, 600))
    ids, probabilities = zones.of(vectors, np.broadcast_to(FACE, vectors.shape))
    assert [zones.names[i] for i in ids] == ["mirror", "display", "display", "windshield", "2nd row", "elsewhere"]
    assert probabilities.tolist() == [1] * 6
    # from behind the windshield, what lies ahead of the driver lies behind
    ids, _ = zones.of([[0, 0, -1], [0, 0, 1]], [[0, 0, -600], [0, 0, -600]])
    assert [zones.names[i] for i in ids] == ["elsewhere", "windshield"]
    none, _ = zones.of(np.zeros((0, 3)), np.zeros((0, 3)))
    assert none.shape == (0,)


def test_distance_along_a_slanted_ray() -> None:
    surface = Surface.plane([0, 0, -500], [0, 0, 3])
    assert surface.normal.tolist() == [0, 0, 1]
    distances = surface.distances(towards((300, 0, 200)), FACE[None])
    assert distances[0] == pytest.approx(1100 / 0.8)


@pytest.mark.parametrize("turns", range(3))
def test_polygon_that_is_not_convex(turns: int) -> None:
    """Hits are those of the shape, in any orientation of its plane and either order of its corners."""
    axes = np.roll(np.eye(3), turns, axis=1)
    for corners in (U_SHAPE, U_SHAPE[::-1]):
        surface = Surface.polygon(np.array(corners) @ axes)
        x, y = (each.ravel() for each in np.meshgrid(np.arange(-4.5, 36), np.arange(-4.5, 36)))
        expected = (x > 0) & (x < 30) & (y > 0) & (y < 30) & ~((x > 10) & (x < 20) & (y > 10))
        starts = np.stack([x, y, np.full_like(x, 100)], axis=1) @ axes
        rays = np.broadcast_to(np.array([0, 0, -1.0]) @ axes, starts.shape)
        np.testing.assert_array_equal(np.isfinite(surface.distances(rays, starts)), expected)
        assert surface.area() == pytest.approx(700)


def test_rays_as_by_triangles() -> None:
    """Hits with a slanted quadrilateral are those with its two triangles, by barycentric coordinates."""
    rng = np.random.default_rng(0)
    corners = np.array([[-100, 0, 50], [120, 10, 40], [0, 0, 0], [0, 0, 0.0]])
    corners[2] = corners[1] + [10, 130, 60]
    corners[3] = corners[0] + 0.8 * (corners[2] - corners[1])
    starts = FACE + rng.normal(scale=50, size=(4000, 3))
    vectors = towards(*rng.uniform([-150, -50, 0], [150, 200, 120], size=(4000, 3)))
    met = np.zeros(4000, dtype=bool)
    for triangle in (corners[[0, 1, 2]], corners[[0, 2, 3]]):
        matrix = np.stack([*np.broadcast_to((triangle[1:] - triangle[0])[:, None], (2, 4000, 3)), -vectors], axis=-1)
        u, v, t = np.linalg.solve(matrix, (starts - triangle[0])[..., None])[..., 0].T
        met |= (u > 0) & (v > 0) & (u + v < 1) & (t > 0)
    assert 500 < met.sum() < 3500
    np.testing.assert_array_equal(np.isfinite(Surface.polygon(corners).distances(vectors, starts)), met)


def test_zones_of_records(cabin: Path) -> None:
    vector = tuple(towards((-100, 150, 100))[0])
    records = [FrameGaze("a", 0, 0, 0, vector=vector, origin=(0, 0, 600)), FrameGaze("a", 1, 0.1)]
    found = with_cabin_zones(records, read_zones(cabin))
    assert (found[0].cabin_zone, found[0].cabin_probability) == ("display", 1)
    assert found[1] == records[1]
    assert with_cabin_zones(records[1:], read_zones(cabin)) == records[1:]
    nowhere = [FrameGaze("drive.mp4", 7, 0, 0, vector=vector)]
    assert "drive.mp4, frame 7: the gaze has no origin" in one_line(with_cabin_zones, nowhere, read_zones(cabin))
    assert "needs gaze origins" in one_line(read_zones(cabin).of, [vector], None)


def test_table(cabin: Path) -> None:
    rows = read_cabin(cabin).table().rows
    assert rows[0] == ("mirror", 4, pytest.approx(72), pytest.approx(np.hypot(390, 250)))
    assert rows[3] == ("windshield", None, None, 500)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("zones:", "areas:", "no cabin; it should be zones:"),
        ("zones:", "unit: m\nzones:", "no cabin; it should be zones:"),
        (CABIN, "", "no cabin; it should be zones:"),
        (CABIN, "zones: {}", "no cabin"),
        (CABIN, "zones: [1", "this is not YAML"),
        ("display", "mirror", "line 4: mirror is there twice"),
        ("mirror", "elsewhere", "line 2: zone 'elsewhere': is what meets no zone"),
        ('"2nd row"', "2", "line 6: zone 2: a name is text"),
        ('"2nd row"', '" "', "line 6: zone ' ': a name is text"),
        ("polygon", "circle", "it should be one of polygon, rectangle, plane"),
        (", [-80, 200, 100], [-200, 200, 100]]", "]", "line 4: zone 'display': 2 corners; a polygon has at least 3"),
        ("[-80, 200, 100]", "[-80, 200, 145]", "is 11.6 mm off the plane through the corners; at most 10 mm"),
        ("[-80, 200, 100]", "[-200, 100, 100]", "corner 3 equals corner 1"),
        ("[[-200, 100, 100], [-80, 100, 100], [-80, 200, 100], [-200, 200, 100]]",
         "[[0, 0, 0], [1, 1, 1], [3, 3, 3]]", "line 4: zone 'display': all corners lie on one line"),
        ("[-80, 200, 100], [-200, 200, 100]", "[-200, 200, 100], [-80, 200, 100]",
         "the edges 2 to 3 and 4 to 1 cross"),
        ("[-80, 200, 100]", "[-80, 200]", "corner 3 is [-80, 200]; it should be [x, y, z] in mm"),
        ("[-80, 200, 100]", "[-80, wide, 100]", "corner 3 is [-80, 'wide', 100]"),
        ("[-80, 200, 100]", "[-80, true, 100]", "corner 3 is [-80, True, 100]"),
        ("[-80, 200, 100]", "[-80, .nan, 100]", "corner 3 is [-80, nan, 100]"),
        ("[[-200, 100, 100], [-80, 100, 100], [-80, 200, 100], [-200, 200, 100]]", "5", "5; a polygon is a list"),
        (", [60, -360, 250]]", "]", "line 2: zone 'mirror': 2 corners; a rectangle is given by 3"),
        ("[60, -360, 250]", "[70, -360, 250]", "the angle at the second corner is 99.5 degrees"),
        ("[60, -360, 250]", "[60, -420, 250]", "corner 3 equals corner 2"),
        ("normal: [0, 0, 1]", "normal: [0, 0, 0]", "line 8: zone 'windshield': the normal has length zero"),
        ("plane: {point: [0, 0, 9", "polygon: []\n    plane: {point: [0, 0, 9", "line 6: zone '2nd row': {'plane'"),
        (", normal: [0, 0, 1]", "", "a plane is {point: [x, y, z], normal: [x, y, z]}"),
    ],
)  # fmt: skip
def test_wrong_files(cabin: Path, old: str, new: str, told: str) -> None:
    assert CABIN.count(old) >= 1
    cabin.write_text(CABIN.replace(old, new, 1))
    assert told in refusal(read_zones, cabin)


def test_flatness_tolerance(cabin: Path) -> None:
    cabin.write_text(CABIN.replace("[-80, 200, 100]", "[-80, 200, 135]"))
    assert read_zones(cabin).names[2] == "display"


def test_files_that_are_no_zones(tmp_path: Path) -> None:
    assert "zones are a .yaml file" in refusal(read_zones, tmp_path / "zones.txt")
    assert "cannot be read" in refusal(read_zones, tmp_path / "none.yaml")


def test_damage(cabin: Path, tmp_path: Path) -> None:
    assert list(fuzz([Sample(cabin, read_cabin, "cabin")], tmp_path / "damaged", 5, most=400)) == []
