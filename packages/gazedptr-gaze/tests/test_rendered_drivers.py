"""Rendered drivers: the cabin, what the labels say, and that an image depends on its seed and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gazedptr_gaze.data import rendered_drivers
from gazedptr_gaze.data.head_mesh import procedural_head
from gazedptr_gaze.data.ivgaze import NORMALISED, ORIGINAL, Fold, read_fold
from gazedptr_gaze.data.rendered_drivers import MOST_TURNED, draw_driver, write_rendered_drivers
from gazedptr_gaze.data.rotations import to_matrices
from gazedptr_gaze.data.synthetic_cabin import ZONE_CENTRES, ZONE_SIZES, CabinCamera, draw_camera, draw_target
from gazedptr_gaze.data.zones import COARSE_ZONES, FINE_ZONES, coarse_of_fine
from visioncore.errors import InputError
from visioncore.images import read_image

HEAD = procedural_head(8)
SIZE = 48


def place_in_zone(point: np.ndarray, zone: int) -> np.ndarray:
    """Return where a point of the cabin is in a zone (across, down, ahead of it), -0.5 to 0.5 from edge to edge."""
    across, down = ZONE_SIZES[zone]
    ahead = np.cross(across, down) / np.linalg.norm(across)
    return np.linalg.solve(np.stack([across, down, ahead], axis=1), point - ZONE_CENTRES[zone])


def test_every_zone_has_its_place() -> None:
    assert ZONE_CENTRES.shape == (FINE_ZONES, 3)
    assert np.isfinite(ZONE_CENTRES).all()
    assert np.isfinite(ZONE_SIZES).all()
    apart = np.linalg.norm(ZONE_CENTRES[:, None] - ZONE_CENTRES, axis=2) + np.diag(np.full(FINE_ZONES, np.inf))
    assert apart.min() > 20
    coarse = coarse_of_fine()
    same = coarse[apart.argmin(axis=1)] == coarse
    assert same.mean() > 0.9
    mean = {name: ZONE_CENTRES[coarse == number].mean(axis=0) for number, name in enumerate(COARSE_ZONES)}
    sides = [mean[name][0] for name in ("left-side mirror", "dashboard", "central-control screen", "right-side mirror")]
    assert sides == sorted(sides)
    heights = [mean[name][1] for name in ("rear-view mirror", "left-side windshield", "dashboard", "steering wheel")]
    assert heights == sorted(heights)
    np.testing.assert_allclose(ZONE_CENTRES[106:109].mean(axis=0), [0, 430, 400])  # the hub of the wheel
    rng = np.random.default_rng(0)
    for zone in range(FINE_ZONES):
        # a ray from the driver through the drawn point meets the zone's rectangle there
        *inside, off = place_in_zone(draw_target(rng, zone), zone)
        assert np.abs(inside).max() <= 0.5
        assert abs(off) < 1e-9
    drawn = [place_in_zone(draw_target(rng, 7), 7)[:2] for _ in range(200)]
    assert np.abs(drawn).max(axis=0).min() > 0.45


def test_cameras_see_the_driver() -> None:
    rng = np.random.default_rng(0)
    cameras = [draw_camera(rng) for _ in range(50)]
    for camera in cameras:
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(camera.rotation) > 0
        seen = camera.see(np.zeros(3))
        assert seen[2] / np.linalg.norm(seen) > 0.97
        assert np.linalg.norm(seen) == pytest.approx(np.linalg.norm(camera.position))
        assert camera.rotation[1, 1] > 0.8  # its down is about the cabin's
        assert camera.see(np.array([100.0, 0, 0]))[0] < seen[0]  # it faces the driver, so the cabin's right is its left
    assert np.std([camera.position for camera in cameras], axis=0).min() > 40
    still = [draw_camera(rng, 0) for _ in range(2)]
    np.testing.assert_array_equal(still[0].position, still[1].position)
    np.testing.assert_array_equal(still[0].rotation, still[1].rotation)


def test_heads_in_the_frame_of_the_camera() -> None:
    camera: CabinCamera = draw_camera(np.random.default_rng(1))
    turn = to_matrices([0.2, -0.4, 0.1])
    turned = camera.turn(turn)
    face, up = np.array([0, 0, -1]), np.array([0, -1, 0])
    np.testing.assert_allclose(turned @ face, camera.rotation @ turn @ [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(turned @ up, camera.rotation @ turn @ up, atol=1e-12)
    assert np.linalg.det(turned) > 0


def test_a_drawn_driver() -> None:
    drivers = [draw_driver(HEAD, np.random.default_rng(seed), size=SIZE) for seed in range(16)]
    for driver in drivers:
        for image in (driver.normalised, driver.original):
            assert image.shape == (SIZE, SIZE, 3)
            assert image.dtype == np.uint8
            assert image.std() > 5
        facing = driver.pose.rotation[:, 2] @ driver.pose.centre / np.linalg.norm(driver.pose.centre)
        assert np.degrees(np.arccos(facing)) < MOST_TURNED
        # the true centre of the face is seen in the middle: by the size of the generic face and found landmarks about
        x, y, z = driver.virtual.rotation @ driver.pose.centre
        assert np.degrees(np.arctan2(np.hypot(x, y), z)) < 0.5
    grey = [all(np.ptp(image, axis=2).max() == 0 for image in (d.normalised, d.original)) for d in drivers]
    colour = [all(np.ptp(image, axis=2).max() > 5 for image in (d.normalised, d.original)) for d in drivers]
    assert [a != b for a, b in zip(grey, colour, strict=True)] == [True] * len(drivers)
    assert 3 < sum(grey) < 13
    assert 0 < sum(driver.glasses for driver in drivers) < 12
    assert len({driver.zone for driver in drivers}) > 10


def test_the_same_seed_gives_the_same_driver() -> None:
    first, again = (draw_driver(HEAD, np.random.default_rng(4), size=SIZE) for _ in range(2))
    other = draw_driver(HEAD, np.random.default_rng(5), size=SIZE)
    np.testing.assert_array_equal(first.normalised, again.normalised)
    np.testing.assert_array_equal(first.original, again.original)
    assert (first.normalised != other.normalised).mean() > 0.5


def test_a_face_that_no_camera_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendered_drivers, "MOST_TURNED", 0.0)
    with pytest.raises(InputError, match="no drawn pose shows the face"):
        draw_driver(HEAD, np.random.default_rng(0), size=SIZE)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of one person in each fold, three images of each, seen by one camera."""
    folder = tmp_path_factory.mktemp("rendered") / "drivers"
    write_rendered_drivers(folder, [[HEAD]] * 3, 3, seed=9, size=SIZE, spread=0)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_labels_are_consistent(rendered: Path) -> None:
    camera = draw_camera(np.random.default_rng(0), 0)
    names = set()
    for number in (1, 2, 3):
        fold: Fold = read_fold(rendered, number)
        assert len(fold) == 3
        names |= set(fold.names)
        assert fold.frame_error().max() < 1e-6
        np.testing.assert_allclose(
            np.einsum("nij,nj->ni", fold.rotation, fold.original_vectors), fold.normalised_vectors, atol=1e-6
        )
        np.testing.assert_allclose(np.linalg.norm(fold.original_vectors, axis=1), 1, atol=1e-6)
        for row, zone in enumerate(fold.zone):
            target = np.array([float(word) for word in fold.columns[ORIGINAL][row][4].split(",")])
            *inside, off = place_in_zone(camera.rotation.T @ target + camera.position, zone)
            assert np.abs(inside).max() < 0.501
            assert abs(off) < 1e-4
            away = target - fold.origin[row]
            cosine = away @ fold.original_vectors[row] / np.linalg.norm(away)
            assert np.degrees(np.arccos(cosine)) < 6  # the origin is estimated with a generic face
            np.testing.assert_allclose(
                [float(word) for word in fold.columns[NORMALISED][row][4].split(",")],
                fold.rotation[row] @ fold.origin[row],
                rtol=1e-6,
                atol=1e-5,
            )
            name = fold.names[row]
            for tree in (NORMALISED, ORIGINAL):
                assert read_image(rendered / tree / name).pixels.shape == (SIZE, SIZE, 3)
    assert {name.split("/")[1].split("_")[0] for name in names} == {"subject0000", "subject0001", "subject0002"}
    assert len(names) == 9


def test_images_depend_on_the_seed_alone(rendered: Path, tmp_path: Path) -> None:
    settings = {"size": SIZE, "spread": 0}
    write_rendered_drivers(tmp_path / "more", [[HEAD, HEAD], [HEAD], [HEAD]], 2, seed=9, **settings)
    write_rendered_drivers(tmp_path / "other", [[HEAD]] * 3, 1, seed=10, **settings)
    usual, more, other = contents(rendered), contents(tmp_path / "more"), contents(tmp_path / "other")
    # the second head of the first fold is person 1, who is the only one of the second fold here
    shared = {name for name in usual.keys() & more.keys() if name.endswith(".jpg")}
    assert len(shared) == 12
    assert all(usual[name] == more[name] for name in shared)
    assert all(usual[name] != other[name] for name in usual.keys() & other.keys())
    # nobody looks the same in two images
    images = [data for name, data in usual.items() if name.endswith(".jpg")]
    assert len(set(images)) == len(images)


def test_several_processes_write_the_same(rendered: Path, tmp_path: Path) -> None:
    write_rendered_drivers(tmp_path / "two", [[HEAD]] * 3, 3, seed=9, size=SIZE, spread=0, processes=2)
    assert contents(tmp_path / "two") == contents(rendered)


def test_folds_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 folds; IVGaze has 3"):
        write_rendered_drivers(tmp_path / "two", [[HEAD]] * 2, 1)
    assert not (tmp_path / "two").exists()
