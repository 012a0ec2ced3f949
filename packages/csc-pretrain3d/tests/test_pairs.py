"""Points and the pixels they fall on, through augmentation and into batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from csc_pretrain3d.data.augmentation import (
    PLAIN,
    AugmentationConfig,
    Crop,
    augment,
    draw_crop,
    drop_cuboid,
    into_crop,
    resize,
    rotate_and_flip,
    without_points,
)
from csc_pretrain3d.data.batch import collate, labelled_sample, majority_labels, pretrain_sample
from csc_pretrain3d.data.frame import Camera, Frame, Scan
from csc_pretrain3d.data.network_input import voxelize
from csc_pretrain3d.data.pairs import PairedFrame, Pairs, pair_frame, project
from csc_pretrain3d.network.config import Cylinder3DConfig, MinkUNetConfig, VoxelNetConfig
from visioncore.errors import InputError

LIDAR_TO_CAMERA = np.array([[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], np.float64)
"""Of a camera at the LiDAR that looks along x."""

INTRINSIC = np.array([[64, 0, 32], [0, 64, 24], [0, 0, 1]], np.float64)
SIZE = (48, 64)
NARROW = VoxelNetConfig(lowest=(-6.4, -6.4, -5.0), highest=(6.4, 6.4, 3.0))
"""A grid that many points are outside of."""

SMALL = AugmentationConfig(size=(24, 32), least_pairs=20)


def camera(name: str = "front", turn: float = 0, segments: NDArray[np.int32] | None = None) -> Camera:
    """Return a camera at the LiDAR that looks ``turn`` degrees to the left of x."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    pose = LIDAR_TO_CAMERA @ np.array([[c, s, 0, 0], [-s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    image = np.stack([rows, columns, (rows + columns) % 256], axis=2).astype(np.uint8)
    if segments is None:
        segments = (1 + rows // 12 + 4 * (columns // 16)).astype(np.int32)
        segments[:4] = 0
    return Camera(name, image, INTRINSIC, pose, segments)


@pytest.fixture(scope="module")
def frame() -> Frame:
    rng = np.random.default_rng(0)
    angle, distance = rng.uniform(-np.pi, np.pi, 3000), rng.uniform(0.5, 30, 3000)
    height = rng.uniform(-2, 3, 3000)
    points = np.stack([distance * np.cos(angle), distance * np.sin(angle), height], axis=1).astype(np.float32)
    labels = rng.integers(0, 5, 3000)
    scan = Scan(points, rng.uniform(0, 255, 3000).astype(np.float32), labels, name="made")
    return Frame(scan, [camera(), camera("left", 90), camera("back", 180)], "a", semantic=True)


@pytest.fixture(scope="module")
def paired(frame: Frame) -> PairedFrame:
    return pair_frame(frame)


def expected_pairs(points: NDArray[np.float32], seen_by: Camera) -> list[tuple[int, int, int]]:
    """Return (point, row, column) by plain arithmetic, one point at a time."""
    found = []
    for place, point in enumerate(points.astype(np.float64)):
        x, y, z = (seen_by.lidar_to_camera @ [*point, 1])[:3]
        if z <= 1:
            continue
        u, v, w = seen_by.intrinsic @ [x, y, z]
        if 0 < u / w < SIZE[1] - 1 and 0 < v / w < SIZE[0] - 1:
            found.append((place, round(v / w), round(u / w)))
    return found


def test_projection(frame: Frame) -> None:
    for seen_by in frame.cameras:
        pairs = project(frame.scan.points, seen_by)
        assert list(zip(*(values.tolist() for values in pairs), strict=True)) == expected_pairs(
            frame.scan.points, seen_by
        )
        assert len(pairs.point) > 200


def test_borders_depth_and_rounding() -> None:
    def at(row: float, column: float, depth: float = 2.0) -> list[float]:
        return [depth, -(column - 32) / 64 * depth, -(row - 24) / 64 * depth]

    places = [(0, 9), (9, 0), (47, 9), (9, 63), (10.5, 11.5), (0.25, 62.75), (11.5, 20.5)]
    points = np.array([at(*place) for place in places] + [at(9, 9, 1.0), at(9, 9, 1.5), at(9, 9, -3.0)], np.float32)
    pairs = project(points, camera())
    assert list(zip(*(values.tolist() for values in pairs), strict=True)) == [
        *((4, 10, 12), (5, 0, 63), (6, 12, 20), (8, 9, 9)),
    ]


def test_pairs_are_on_segments(frame: Frame, paired: PairedFrame) -> None:
    assert len(paired.pairs) == 3
    for pairs, seen_by, segments in zip(paired.pairs, frame.cameras, paired.segments, strict=True):
        every = project(frame.scan.points, seen_by)
        assert (segments[pairs.row, pairs.column] > 0).all()
        assert len(pairs.point) == np.count_nonzero(segments[every.row, every.column]) < len(every.point)


def test_cameras_without_pairs_or_segments(frame: Frame) -> None:
    blind = camera("blind", segments=np.zeros(SIZE, np.int32))
    assert len(pair_frame(replace(frame, cameras=[blind, *frame.cameras])).pairs) == 3
    bare = Camera("bare", frame.cameras[0].image, INTRINSIC, LIDAR_TO_CAMERA)
    with pytest.raises(InputError, match="made: no segments for bare; make them first"):
        pair_frame(replace(frame, cameras=[bare]))


def test_some_points_take_part(frame: Frame, paired: PairedFrame) -> None:
    kept = frame.scan.points[:, 0] > 0
    some = pair_frame(frame, kept)
    assert len(some.points) == np.count_nonzero(kept)
    np.testing.assert_array_equal(some.points[some.pairs[0].point], paired.points[paired.pairs[0].point])


def test_rotation_and_flips() -> None:
    points = np.random.default_rng(0).normal(0, 9, (50, 3)).astype(np.float32)
    turned = [rotate_and_flip(points, AugmentationConfig(), np.random.default_rng(seed)) for seed in range(40)]
    signs = []
    for each in turned:
        np.testing.assert_array_equal(each[:, 2], points[:, 2])
        np.testing.assert_allclose(np.hypot(*each[:, :2].T), np.hypot(*points[:, :2].T), rtol=1e-5)
        signs.append(np.linalg.det(np.linalg.lstsq(points.astype(float), each.astype(float))[0]))
    assert 5 < sum(sign > 0 for sign in signs) < 35
    np.testing.assert_array_equal(turned[3], rotate_and_flip(points, AugmentationConfig(), np.random.default_rng(3)))
    np.testing.assert_array_equal(rotate_and_flip(points, PLAIN, np.random.default_rng(0)), points)


def test_a_cuboid_is_dropped(paired: PairedFrame) -> None:
    shares = []
    for seed in range(30):
        kept = drop_cuboid(paired.points, paired.pairs, SMALL, np.random.default_rng(seed))
        dropped = paired.points[~kept]
        shares.append(len(dropped))
        if len(dropped):
            low, high = dropped.min(axis=0), dropped.max(axis=0)
            inside = ((paired.points >= low) & (paired.points <= high)).all(axis=1)
            assert not kept[inside].any()
            assert (high - low <= 0.2 * np.ptp(paired.points, axis=0) + 1e-4).all()
    assert max(shares) > 10
    strict = replace(SMALL, least_pairs=10_000)
    assert drop_cuboid(paired.points, paired.pairs, strict, np.random.default_rng(0)).all()


def test_pairs_without_dropped_points() -> None:
    pairs = Pairs(np.array([0, 2, 2, 5]), np.arange(4), np.arange(4) * 2)
    left = without_points(pairs, np.array([True, False, True, True, False, False]))
    assert [values.tolist() for values in left] == [[0, 1, 1], [0, 1, 2], [0, 2, 4]]


def test_crops_keep_pairs(paired: PairedFrame) -> None:
    pairs = paired.pairs[0]
    crops = [
        draw_crop(pairs, SIZE, replace(SMALL, aspects=(1.0, 1.6)), np.random.default_rng(seed)) for seed in range(60)
    ]
    for crop in crops:
        kept = len(into_crop(pairs, crop, SMALL.size).point)
        assert kept > SMALL.least_pairs or kept > 0.75 * len(pairs.point)
        assert crop.top + crop.height <= SIZE[0]
        assert crop.left + crop.width <= SIZE[1]
        assert 0.28 < crop.height * crop.width / (48 * 64) <= 1
    assert len(set(crops)) > 50


def test_crops_keep_three_quarters_of_few_pairs(paired: PairedFrame) -> None:
    pairs, few = paired.pairs[0], replace(SMALL, least_pairs=10_000, aspects=(1.0, 1.6))
    for seed in range(30):
        kept = len(into_crop(pairs, draw_crop(pairs, SIZE, few, np.random.default_rng(seed)), SMALL.size).point)
        assert kept > 0.75 * len(pairs.point)


def test_crops_are_drawn_a_bounded_number_of_times(paired: PairedFrame) -> None:
    corner = Pairs(np.arange(4), np.array([0, 47, 0, 47]), np.array([0, 0, 63, 63]))
    whole = Crop(0, 0, 48, 64)
    assert draw_crop(corner, SIZE, replace(SMALL, tries=30, aspects=(1.3, 1.35)), np.random.default_rng(0)) == whole
    assert draw_crop(corner, SIZE, replace(SMALL, aspects=(90, 99)), np.random.default_rng(0)) == whole
    assert draw_crop(paired.pairs[0], SIZE, PLAIN, np.random.default_rng(0)) == whole


def test_pixels_in_a_crop() -> None:
    pairs = Pairs(np.arange(5), np.array([9, 10, 19, 29, 30]), np.array([20, 21, 25, 59, 30]))
    inside = into_crop(pairs, Crop(10, 20, 20, 40), (10, 20))
    # rows (r - 10) / 2 and columns (c - 20) / 2, halves to even: row 19 -> 4.5 -> 4; row 29 -> 9.5 -> 10, outside
    assert [values.tolist() for values in inside] == [[0, 1, 2], [0, 0, 4], [0, 0, 2]]


def test_images_and_segments_at_another_size(paired: PairedFrame) -> None:
    image, ids = resize(paired.images[0], paired.segments[0], Crop(8, 16, 24, 32), (24, 32))
    assert (image.shape, image.dtype, ids.dtype) == ((3, 24, 32), torch.float32, torch.int32)
    np.testing.assert_allclose(image[0].numpy() * 255, paired.images[0][8:32, 16:48, 0], atol=1e-4)
    np.testing.assert_array_equal(ids.numpy(), paired.segments[0][8:32, 16:48])
    half, few = resize(paired.images[0], paired.segments[0], Crop(0, 0, 48, 64), (24, 32))
    np.testing.assert_allclose(half[1, 0].numpy() * 255, np.arange(32) * 2 + 0.5, atol=1e-4)
    np.testing.assert_array_equal(few.numpy(), paired.segments[0][::2, ::2])


def test_a_view_shows_the_same_things(paired: PairedFrame) -> None:
    """Colours of the made images are their rows and columns, so that each pixel says where it comes from."""
    flipped = 0
    for seed in range(8):
        view = augment(paired, SMALL, np.random.default_rng(seed))
        for image, ids, pairs in zip(view.images, view.segments, view.pairs, strict=True):
            assert (ids.numpy()[pairs.row, pairs.column] > 0).all()
            columns = image[1].mean(dim=0)
            flipped += bool(columns[0] > columns[-1])
            # a pair's pixel in the view shows what its pixel in the image did, within the step of the resampling
            where = {
                point: (row, column) for point, row, column in zip(*find_original(paired, view, pairs), strict=True)
            }
            shown = image.numpy()[:2, pairs.row, pairs.column] * 255
            np.testing.assert_allclose(shown, np.array([where[point] for point in pairs.point]).T, atol=2.6)
    assert 4 < flipped < 20


def find_original(frame: PairedFrame, view: object, pairs: Pairs) -> tuple[list[int], list[int], list[int]]:
    """Return the places, rows and columns in the frame of points that a view keeps, by their intensity."""
    intensity = view.intensity  # type: ignore[attr-defined]
    place = {value: at for at, value in enumerate(frame.intensity.tolist())}
    originals = [place[value] for value in intensity[pairs.point].tolist()]
    for found in frame.pairs:
        rows = dict(zip(found.point.tolist(), zip(found.row.tolist(), found.column.tolist(), strict=True), strict=True))
        if all(original in rows for original in originals):
            return pairs.point.tolist(), [rows[each][0] for each in originals], [rows[each][1] for each in originals]
    raise AssertionError("pairs of no camera")


def test_views_come_from_the_generator(paired: PairedFrame) -> None:
    first, again, other = (augment(paired, SMALL, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.points, again.points)
    assert all(torch.equal(a, b) for a, b in zip(first.images, again.images, strict=True))
    assert len(first.points) != len(other.points) or not np.array_equal(first.points, other.points)
    plain = augment(paired, replace(PLAIN, size=(24, 32)), np.random.default_rng(0))
    np.testing.assert_array_equal(plain.points, paired.points)
    assert plain.images[0].shape == (3, 24, 32)


@pytest.mark.parametrize("config", [MinkUNetConfig(), VoxelNetConfig(), NARROW, Cylinder3DConfig()])
def test_batches_of_scans(paired: PairedFrame, config: MinkUNetConfig) -> None:
    views = [augment(paired, SMALL, np.random.default_rng(seed)) for seed in range(2)]
    samples = [pretrain_sample(view, config, semantic=True) for view in views]
    batch = collate(samples)
    voxels, points, images = ([len(sample[name]) for sample in samples] for name in ("coordinates", "points", "images"))
    assert batch["scans"] == 2
    assert batch["semantic"]
    np.testing.assert_array_equal(batch["coordinates"][:, 0], np.repeat([0, 1], voxels))
    np.testing.assert_array_equal(batch["point_scan"], np.repeat([0, 1], points))
    np.testing.assert_array_equal(batch["image_scan"], np.repeat([0, 1], images))
    inverse, outside = batch["inverse"], batch["inverse"] < 0
    assert inverse.max() == sum(voxels) - 1
    if isinstance(config, MinkUNetConfig):
        assert not outside.any()
        cells = voxelize(views[1].points, views[1].intensity, config)
        np.testing.assert_array_equal(batch["coordinates"][inverse[points[0] :], 1:], cells.coordinates[cells.inverse])
    # pairs of the second scan count its points and images behind those of the first
    second = samples[1]
    many = len(second["pair_point"])
    np.testing.assert_array_equal(batch["pair_point"][-many:], second["pair_point"] + points[0])
    np.testing.assert_array_equal(batch["pair_image"][-many:], second["pair_image"] + images[0])
    np.testing.assert_array_equal(batch["points"][batch["pair_point"][-1]], second["points"][second["pair_point"][-1]])
    ids = batch["segments"][batch["pair_image"], batch["pair_row"], batch["pair_column"]]
    assert (ids > 0).all()
    assert (batch["inverse"][batch["pair_point"]] >= 0).all()


def test_scans_without_cameras_in_a_batch(paired: PairedFrame) -> None:
    bare = replace(paired, images=[], segments=[], pairs=[])
    views = [augment(each, SMALL, np.random.default_rng(0)) for each in (bare, paired, bare)]
    batch = collate(
        [
            pretrain_sample(view, MinkUNetConfig(), semantic=each)
            for view, each in zip(views, (True, False, True), strict=True)
        ]
    )
    assert not batch["semantic"]
    np.testing.assert_array_equal(batch["image_scan"], [1] * len(views[1].images))
    assert len(collate([pretrain_sample(views[0], MinkUNetConfig(), semantic=True)])["pair_point"]) == 0


def test_labels_of_voxels(frame: Frame) -> None:
    scan = frame.scan
    assert scan.labels is not None
    voxels = voxelize(scan.points, scan.intensity, MinkUNetConfig(cylindrical=False, voxel_size=4.0))
    first = labelled_sample(scan, voxels)["labels"].numpy()
    most = labelled_sample(scan, voxels, majority=True)["labels"].numpy()
    for voxel in range(len(voxels.coordinates)):
        inside = scan.labels[voxels.inverse == voxel]
        assert first[voxel] == inside[0]
        assert most[voxel] == np.bincount(inside).argmax()
    assert (first != most).any()
    batch = collate([labelled_sample(scan, voxels)] * 2)
    assert len(batch["labels"]) == 2 * len(first)
    assert len(batch["point_labels"]) == 2 * len(scan)
    assert int(batch["inverse"].max()) == 2 * len(first) - 1


def test_points_outside_do_not_vote() -> None:
    points = np.array([[1, 1, 0], [1, 1, 0], [99, 0, 0], [1, 1, 0]], np.float32)
    voxels = voxelize(points, np.ones(4, np.float32), VoxelNetConfig())
    np.testing.assert_array_equal(majority_labels(np.array([2, 1, 4, 1]), voxels), [1])


def test_images_of_another_size_than_the_calibration() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(InputError, match="front: the image is 48 x 64 and the calibration is for 64 x 48"):
        Camera("front", image, INTRINSIC, LIDAR_TO_CAMERA, size=(64, 48))
    with pytest.raises(InputError, match="the image is 48 x 64 and its segments 24 x 64"):
        Camera("front", image, INTRINSIC, LIDAR_TO_CAMERA, segments=np.zeros((24, 64), np.int32))
    with pytest.raises(InputError, match=r"front: intrinsic must be 3 x 3 finite numbers, and has shape \(4, 4\)"):
        Camera("front", image, np.eye(4), LIDAR_TO_CAMERA)
    with pytest.raises(InputError, match="front: lidar_to_camera is no matrix of numbers"):
        Camera("front", image, INTRINSIC, [[1, 2], [3]])
