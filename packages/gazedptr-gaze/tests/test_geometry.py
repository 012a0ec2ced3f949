"""Sign conventions, rotations, the virtual camera, cameras in files, head pose, the crop."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazedptr_gaze.data.camera import Camera, read_camera
from gazedptr_gaze.data.conventions import gazehub_angles, gazehub_vectors, official_angles, official_vectors
from gazedptr_gaze.data.crop import crop_face
from gazedptr_gaze.data.head_pose import FACE, FACE_AND_NOSE, FIVE_POINTS, head_pose
from gazedptr_gaze.data.normalisation import normalise
from gazedptr_gaze.data.rotations import to_matrices, to_vectors
from visioncore.errors import InputError
from visioncore.testing.golden import GoldenCase

MATRIX = np.array([[900.0, 0, 320], [0, 910, 240], [0, 0, 1]])
OPENCV = """%YAML:1.0
---
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 900., 0., 320., 0., 910., 240., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 1
   cols: 5
   dt: d
   data: [ -1.0e-1, 2.0e-2, 0., 0., 0. ]
"""


@pytest.fixture(scope="module")
def case(golden: Callable[[str], GoldenCase]) -> GoldenCase:
    """The golden case of the geometry."""
    return golden("geometry_metrics")


def test_published_conventions(case: GoldenCase) -> None:
    vectors = case.outputs["input/vectors"]
    angles = official_angles(vectors)
    case.close("reader_angles", angles)
    case.close("gazeto3d_of_reader_angles", gazehub_vectors(angles))
    for to_angles, to_directions in ((official_angles, official_vectors), (gazehub_angles, gazehub_vectors)):
        np.testing.assert_allclose(to_directions(to_angles(3 * vectors)), vectors, atol=1e-12)


@pytest.mark.parametrize(
    ("vector", "yaw", "pitch"), [((1, 0, -1), 1, 0), ((-1, 0, -1), -1, 0), ((0, 1, -1), 0, 1), ((0, -1, -1), 0, -1)]
)
def test_signs(vector: tuple[float, ...], yaw: int, pitch: int) -> None:
    expected = np.array([yaw, pitch]) * math.pi / 4
    np.testing.assert_allclose(official_angles(vector), expected, atol=1e-15)
    np.testing.assert_allclose(gazehub_angles(vector), -expected, atol=1e-15)


def test_a_gaze_of_length_zero() -> None:
    with pytest.raises(InputError, match="length zero"):
        official_angles([[0, 0, -1], [0, 0, 0]])


def test_rotations() -> None:
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(50, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    for angle in (0, 1e-12, 1e-6, 0.3, 2.0, math.pi - 1e-6):
        matrices = to_matrices(axes * angle)
        np.testing.assert_allclose(
            matrices @ matrices.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (50, 3, 3)), atol=1e-14
        )
        np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-14)
        np.testing.assert_allclose(to_vectors(matrices), axes * angle, rtol=1e-8, atol=1e-18)
    half = to_matrices(axes * math.pi)
    np.testing.assert_allclose(to_matrices(to_vectors(half)), half, atol=1e-12)
    np.testing.assert_allclose(to_matrices([0, 0, math.pi / 2]) @ [1, 0, 0], [0, 1, 0], atol=1e-15)


@pytest.mark.parametrize("name", ["scaled", "rotation_only"])
def test_published_normalisation(name: str, case: GoldenCase) -> None:
    given = {key.removeprefix("input/"): value for key, value in case.outputs.items() if key.startswith("input/")}
    options = {"focal": 900.0, "distance": None, "size": (96, 80)} if name == "rotation_only" else {}
    head = to_matrices(given["head_rvec"])
    found = normalise(given["camera"], given["face_center"], head, **options)  # type: ignore[arg-type]
    gaze = found.gaze(given["target"] - given["face_center"])
    values = {
        "R": found.rotation,
        "W": found.warp,
        "z_scale": np.array(found.scale),
        "gaze": gaze / np.linalg.norm(gaze),
        "head_rvec": found.head(head),
    }
    if name == "rotation_only":
        y, x = np.mgrid[:480, :640]
        values["warped"] = found.image(127 + 60 * np.sin(x / 37) + 50 * np.cos(y / 29 + x / 91))
    for key, value in values.items():
        case.close(f"normalise/{name}/{key}", value)
    assert {f"normalise/{name}/{key}" for key in values} == {
        key for key in case.about["outputs"] if key.startswith(f"normalise/{name}/")
    }


def test_virtual_camera() -> None:
    centre, head = np.array([60.0, -40, 700]), to_matrices([0.1, -0.3, 0.2])
    found = normalise(MATRIX, centre, head)
    np.testing.assert_allclose(found.rotation @ centre, [0, 0, float(np.linalg.norm(centre))], atol=1e-10)
    np.testing.assert_allclose(np.linalg.det(found.rotation), 1)
    pixel = found.warp @ MATRIX @ centre
    np.testing.assert_allclose(pixel[:2] / pixel[2], [112, 112])
    np.testing.assert_allclose(found.axis, centre / np.linalg.norm(centre))
    gaze = np.array([[0.3, 0.1, -0.9]])
    np.testing.assert_allclose(found.to_camera @ found.gaze(gaze)[0], gaze[0], atol=1e-15)
    np.testing.assert_allclose((found.rotation @ head)[1, 0], 0, atol=1e-15)
    with pytest.raises(InputError, match="in front of the camera"):
        normalise(MATRIX, -centre, head)


def test_a_camera_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(OPENCV)
    plain = {"camera_matrix": MATRIX.tolist(), "dist_coeffs": [[-0.1, 0.02, 0, 0, 0]], "width": 640, "height": 480}
    (tmp_path / "a.json").write_text(json.dumps(plain))
    for name in ("a.yml", "a.json"):
        camera = read_camera(tmp_path / name)
        np.testing.assert_array_equal(camera.matrix, MATRIX)
        np.testing.assert_array_equal(camera.distortion, [-0.1, 0.02, 0, 0, 0])
        camera.check_size(640, 480, "a.png")
        with pytest.raises(InputError, match=r"a\.png: the image is 1280x960, but .* 640x480"):
            camera.check_size(1280, 960, "a.png")
    seen = np.zeros((480, 640, 3), np.uint8)
    seen[395:406, 595:606] = 255
    rows, columns = np.nonzero(camera.undistort(seen)[..., 0])
    # the lens draws things towards the middle, (320, 240)
    assert columns.mean() > 601
    assert rows.mean() > 401
    with pytest.raises(InputError, match="principal point"):
        Camera(MATRIX, np.zeros(0)).check_size(200, 200, "a.png")
    # in shares of the image, not in pixels
    shares = Camera(np.array([[0.8, 0, 0.5], [0, 1.1, 0.5], [0, 0, 1]]), np.zeros(0))
    with pytest.raises(InputError, match=r"a\.png: the focal length is 0\.8 pixels, of an image 640 wide;"):
        shares.for_size(640, 480, "a.png")
    (tmp_path / "a.json").write_text(json.dumps({**plain, "width": 640.0}))
    assert read_camera(tmp_path / "a.json").size == (640, 480)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "not a camera calibration in YAML or JSON"),
        ("- 1", "not a camera calibration; it should have camera_matrix"),
        ("width: 3", "no camera matrix"),
        ("K: [[1, 0], [0, 1]]", "it must be 3x3"),
        ("K: {rows: 3, cols: 3, data: [1, 2]}", "K is not a matrix"),
        ("K: [[1, 0, 0], [0, -1, 0], [0, 0, 1]]", "fx and fy above 0"),
        ("K: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nD: [1, 2]", "there are 2 distortion coefficients"),
        (
            "K: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nwidth: '640'\nheight: 480",
            "width is '640'; it should be a whole",
        ),
        ("K: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nwidth: 640\nheight: 0", "height is 0; it should be a whole number"),
        ("K: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nwidth: 640.5\nheight: 480", "width is 640.5; it should be a whole"),
        ("K: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nimage_width: 640", "image_width without a height"),
        ("K: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nimage_height: 480", "image_height without a width"),
    ],
)
def test_files_that_hold_no_camera(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(InputError, match=told) as caught:
        read_camera(tmp_path / "bad.yaml")
    assert str(caught.value).startswith(str(tmp_path / "bad.yaml"))


def seen_at(rotation: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the pixels (6, 2) of the landmarks of a head."""
    points = (FACE - FACE.mean(axis=0)) @ rotation.T + centre
    pixels = points @ MATRIX.T
    return np.asarray(pixels[:, :2] / pixels[:, 2:])


@pytest.mark.parametrize("turn", [(0, 0, 0), (0.2, -0.5, 0.1), (-0.3, 0.6, -0.2)])
def test_head_pose(turn: tuple[float, float, float]) -> None:
    rotation, centre = to_matrices(turn), np.array([40.0, -30, 650])
    camera = Camera(MATRIX, np.zeros(0))
    pose = head_pose(seen_at(rotation, centre), camera)
    np.testing.assert_allclose(pose.rotation, rotation, atol=1e-4)
    np.testing.assert_allclose(pose.centre, centre, atol=0.05)
    assert pose.error < 1e-3


def test_a_face_that_no_camera_sees() -> None:
    camera = Camera(MATRIX, np.zeros(0))
    pixels = seen_at(np.eye(3), np.array([0.0, 0, 600]))
    mirrored = pixels[[3, 2, 1, 0, 5, 4]]
    with pytest.raises(InputError, match="are left and right, or x and y swapped"):
        head_pose(mirrored, camera)
    with pytest.raises(InputError, match="on one line"):
        head_pose(np.stack([np.arange(6.0), np.arange(6.0)], axis=1), camera)
    with pytest.raises(InputError, match="6 finite points"):
        head_pose(pixels[:5], camera)


@pytest.mark.parametrize("order", [(1, 0, 3, 2, 4, 5), (4, 5, 0, 1, 2, 3), (0, 1, 2, 3, 5, 4)])
def test_landmarks_in_another_order(order: tuple[int, ...]) -> None:
    """Such a pose has the face before the camera too, and only the landmarks' distances show that it is none."""
    pixels = seen_at(to_matrices((0.1, -0.2, 0)), np.array([0.0, 0, 600]))
    with pytest.raises(InputError, match=r"are [\d.]+ pixels off those of a face of \d+ pixels; .* order: right eye"):
        head_pose(pixels[[*order]], Camera(MATRIX, np.zeros(0)))


def test_an_open_mouth_is_still_a_face() -> None:
    camera = Camera(MATRIX, np.zeros(0))
    for face in (FACE, FACE_AND_NOSE, FIVE_POINTS):
        open_wide = face.copy()
        mouth = [4, 5] if len(face) > 5 else [3, 4]
        open_wide[mouth] *= [0.85, 1, 1]
        open_wide[mouth, 1] += 25
        points = (open_wide + np.array([0, 0, 600])) @ MATRIX.T
        assert head_pose(points[:, :2] / points[:, 2:], camera, face).centre[2] > 400


def test_crop() -> None:
    image = np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3)
    cut = crop_face(image, [[20, 20], [40, 40]], size=26)
    np.testing.assert_array_equal(cut, image[17:43, 17:43])
    border = crop_face(image, [[-10, 0], [10, 20]], size=26)
    assert not border[:, :13].any()
    np.testing.assert_array_equal(border[3:, 13:], image[:23, :13])
    whole = crop_face(image, [[0, 0], [79, 59]], size=26)
    assert whole.shape == (26, 26, 3)
    assert crop_face(image[..., 0], [[20, 20], [40, 40]], size=26).shape == (26, 26)


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([[5, 5], [5, 5]], "no face is so small"),
        ([[500, 500], [540, 540]], r"the face lies outside of the image, 80x60, around \(520, 520\)"),
        ([[-500, 20], [-460, 40]], "outside of the image"),
        ([[5, 5, 1], [9, 9, 1]], r"landmarks have shape \(2, 3\); they must be two or more finite points"),
        ([5, 5], r"landmarks have shape \(2,\)"),
        (np.zeros((0, 2)), r"landmarks have shape \(0, 2\)"),
        ([[5, 5], [9, np.nan]], "finite points"),
        ([[-1e9, 0], [1e9, 0]], "are 2e\\+09 pixels apart; no face in an image of 80x60 is so large"),
    ],
)
def test_landmarks_that_frame_no_face(points: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        crop_face(np.zeros((60, 80, 3), np.uint8), points)


def test_images_that_cannot_be_cut() -> None:
    points = [[20, 20], [40, 40]]
    for shape in ((0, 80, 3), (60, 0, 3), (60,), (1, 60, 80, 3)):
        with pytest.raises(
            InputError, match=r"the image has shape .*; it must be \(H, W\) or \(H, W, C\) and not empty"
        ):
            crop_face(np.zeros(shape, np.uint8), points)
    with pytest.raises(InputError, match="size is 0; it must be at least 1"):
        crop_face(np.zeros((60, 80, 3), np.uint8), points, size=0)
