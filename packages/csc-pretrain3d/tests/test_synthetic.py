"""Made-up streets: the rays, what the sensors measure, and how scenes differ."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from csc_pretrain3d.data.ray_casting import BOX, CYLINDER, ELLIPSOID, GROUND, NOTHING, Solids, cast
from csc_pretrain3d.data.street import make_street
from csc_pretrain3d.data.street_builder import ADE20K, POLE, SKY
from csc_pretrain3d.data.synthetic import SMALL, SensorConfig, synthetic_frame
from visioncore.errors import InputError


def solid(
    kind: int, centre: tuple[float, ...], half: tuple[float, ...], yaw: float = 0.0, sparse: float = 0.0
) -> Solids:
    columns = (np.array([value], np.float32) for value in (centre, half, yaw, sparse))
    return Solids(np.array([kind]), *columns)


def unit(*direction: float) -> np.ndarray:
    return (np.array(direction) / np.linalg.norm(direction)).astype(np.float32)


@pytest.mark.parametrize(
    ("body", "direction", "distance", "normal"),
    [
        (solid(BOX, (10, 0, 2), (1, 3, 2)), (1, 0, 0), 9, (-1, 0, 0)),
        # turned by 45 degrees, its edge is in front
        (solid(BOX, (10, 0, 2), (1, 1, 2), math.pi / 4), (1, 0.001, 0), 10 - math.sqrt(2), None),
        (solid(BOX, (10, 0, 0.5), (1, 3, 0.5)), (9.5, 0, -1), math.hypot(9.5, 1), (0, 0, 1)),
        (solid(ELLIPSOID, (10, 0, 2), (2, 1, 1)), (1, 0, 0), 8, (-1, 0, 0)),
        (solid(ELLIPSOID, (10, 0, 2), (2, 1, 1), math.pi / 2), (1, 0, 0), 9, (-1, 0, 0)),
        (solid(CYLINDER, (10, 0, 3), (0.5, 0.5, 3)), (1, 0, 0), 9.5, (-1, 0, 0)),
        # below the upper end of a low cylinder the ray meets nothing but the ground behind
        (solid(CYLINDER, (10, 0, 0.5), (0.5, 0.5, 0.5)), (20, 0, -2), math.hypot(20, 2), (0, 0, 1)),
    ],
)
def test_where_rays_meet_bodies(
    body: Solids, direction: tuple[float, ...], distance: float, normal: tuple[float, ...] | None
) -> None:
    hits = cast(body, np.array([0, 0, 2], np.float32), unit(*direction)[None], np.random.default_rng(0))
    assert hits.distance[0] == pytest.approx(distance, rel=2e-3)
    assert np.linalg.norm(hits.normal[0]) == pytest.approx(1, abs=1e-5)
    if normal is not None:
        np.testing.assert_allclose(hits.normal[0], normal, atol=1e-5)


def test_the_nearest_body_counts_and_the_sky_is_nothing() -> None:
    near, far = (solid(BOX, (x, 0, 2), (1, 1, 2)) for x in (10, 20))
    both = Solids(*(np.concatenate((getattr(far, name), getattr(near, name))) for name in Solids.__dataclass_fields__))
    rays = np.stack((unit(1, 0, 0), unit(0, 0, 1), unit(0, 1, -1)))
    hits = cast(both, np.array([0, 0, 2], np.float32), rays, np.random.default_rng(0))
    assert hits.solid.tolist() == [1, NOTHING, GROUND]
    assert math.isinf(hits.distance[1])


def test_leaves_let_some_rays_through_and_end_others_inside() -> None:
    body = solid(ELLIPSOID, (10, 0, 3), (2, 2, 2), sparse=0.3)
    rays = np.repeat(unit(1, 0, 0)[None], 4000, axis=0)
    hits = cast(body, np.array([0, 0, 3], np.float32), rays, np.random.default_rng(0))
    met = hits.solid == 0
    assert met.mean() == pytest.approx(0.7, abs=0.03)
    assert hits.distance[met].min() >= 8
    assert 9 < hits.distance[met].max() < 12


def test_frames_are_their_seeds() -> None:
    one, same = (synthetic_frame(4, 1) for _ in range(2))
    other, later = synthetic_frame(5, 1), synthetic_frame(4, 2)
    np.testing.assert_array_equal(one.scan.points, same.scan.points)
    for mine, again in zip(one.cameras, same.cameras, strict=True):
        np.testing.assert_array_equal(mine.image, again.image)
        np.testing.assert_array_equal(mine.segments, again.segments)
    assert len({len(frame.scan) for frame in (one, other, later)}) == 3
    assert one.scene == later.scene != other.scene


def test_scans_alone_are_those_of_the_frames() -> None:
    np.testing.assert_array_equal(synthetic_frame(2).scan.points, synthetic_frame(2, cameras=False).scan.points)


def test_cameras_and_scan_agree() -> None:
    """What a point is, and what the segmenter says where the point falls, are the same but at edges and in leaves."""
    sensors = SensorConfig(azimuths=360, size=(112, 208), mislabelled=0)
    agree, count = 0, 0
    for scene in range(4):
        frame = synthetic_frame(scene, sensors=sensors)
        scan = frame.scan
        assert scan.labels is not None
        expected = np.array([ADE20K.get(label, 0) for label in range(17)])[scan.labels]
        for camera in frame.cameras:
            assert camera.segments is not None
            x, y, z = camera.lidar_to_camera[:3, :3] @ scan.points.T + camera.lidar_to_camera[:3, 3:]
            column, row, _ = camera.intrinsic @ np.stack((x, y, z)) / z
            height, width = camera.size
            inside = (z > 1) & (column > 0) & (column < width - 1) & (row > 0) & (row < height - 1)
            found = camera.segments[row[inside].round().astype(int), column[inside].round().astype(int)]
            right = (found == expected[inside]) | ((found == POLE) & (expected[inside] == ADE20K[15]))
            agree, count = agree + right.sum(), count + len(right)
    assert count > 20_000
    assert agree / count > 0.93


def test_a_segmenter_that_errs() -> None:
    right, wrong = (make_street(7, mislabelled=share) for share in (0.0, 1.0))
    assert not np.array_equal(right.category, wrong.category)
    assert set(right.category) <= {*ADE20K.values(), POLE, SKY}


def test_what_is_measured() -> None:
    frames = [synthetic_frame(scene) for scene in range(20)]
    labels = np.concatenate([frame.scan.labels for frame in frames])
    count = np.bincount(labels, minlength=17)
    assert count[0] == count[12] == 0
    assert (count[[1, 3, 4, 7, 10, 11, 13, 14, 15, 16]] > 100).all()
    for frame in frames:
        scan = frame.scan
        distance = np.linalg.norm(scan.points, axis=1)
        assert 6000 < len(scan) <= SMALL.beams * SMALL.azimuths
        assert distance.max() < SMALL.reach + 0.2
        assert scan.intensity.min() >= 0 <= scan.intensity.max() <= 255
        # the road lies where the sensor's height puts it
        assert scan.points[scan.labels == 11, 2].mean() == pytest.approx(-1.84, abs=0.02)
    # how bright a class is differs from scene to scene more than inside a scene by chance
    road = [frame.scan.intensity[frame.scan.labels == 11].mean() for frame in frames]
    assert np.std(road) > 0.2 * np.mean(road)
    fewer = synthetic_frame(0, sensors=SensorConfig(azimuths=360, lost=0.4), cameras=False)
    assert len(fewer.scan) < 0.75 * len(frames[0].scan)


def test_it_takes_less_than_a_second() -> None:
    begin = time.process_time()
    synthetic_frame(0)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "wrong", [{"beams": 0}, {"size": (0, 4)}, {"lowest": 20.0}, {"reach": 0.0}, {"lost": 1.0}, {"mislabelled": 2.0}]
)
def test_sensors_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        SensorConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="scene is -1"):
        synthetic_frame(-1)
