"""Data sets on disk: what is read of tiny ones, which frames belong to what, and what is wrong with bad ones."""

from __future__ import annotations

import json
import pickle
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_trees import SEGMENTS, SENSORS

from csc_pretrain3d.data.classes import NUSCENES, SEMANTICKITTI, ClassMap
from csc_pretrain3d.data.datasets import (
    FolderFrames,
    KITTIObject,
    NuScenes,
    SemanticKITTI,
    open_frames,
)
from csc_pretrain3d.data.datasets.folder_writing import write_folder
from csc_pretrain3d.data.datasets.frames import rigid
from csc_pretrain3d.data.datasets.kitti_calibration import read_calibration
from csc_pretrain3d.data.datasets.nuscenes import _is_validation
from csc_pretrain3d.data.frame import Frame
from csc_pretrain3d.data.frames import labelled_part
from csc_pretrain3d.data.pairs import pair_frame, project
from csc_pretrain3d.data.synthetic import synthetic_frame
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.testing.refusals import one_line, refusal


@pytest.fixture
def nuscenes(nuscenes_tree: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(nuscenes_tree, tmp_path / "nuscenes")


@pytest.fixture
def kitti(semantickitti_tree: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(semantickitti_tree, tmp_path / "kitti")


@pytest.fixture
def folder(made_once: Callable[[str, Callable[[Path], object]], Path], tmp_path: Path) -> Path:
    """Two frames of one street and one of another, in a folder of one's own that a test may damage."""
    places = ((0, 0), (0, 1), (1, 0))

    def fill(place: Path) -> None:
        write_folder(place / "own", [named(synthetic_frame(*each, SENSORS)) for each in places], NUSCENES)

    source = made_once("own", fill)
    return shutil.copytree(source / "own", tmp_path / "own")


def named(frame: Frame) -> Frame:
    """Return a frame whose names are fit for files."""
    scan = frame.scan
    return Frame(
        type(scan)(scan.points, scan.intensity, scan.labels, scan.instances, scan.name[-7:].replace(" ", "")),
        frame.cameras,
        frame.scene,
        frame.semantic,
    )


def same_frame(found: Frame, made: Frame, atol: float = 1e-9) -> None:
    np.testing.assert_array_equal(found.scan.points, made.scan.points)
    np.testing.assert_array_equal(found.scan.labels, made.scan.labels)
    assert [camera.name for camera in found.cameras] == [camera.name for camera in made.cameras]
    for camera, expected in zip(found.cameras, made.cameras, strict=True):
        np.testing.assert_allclose(camera.intrinsic, expected.intrinsic, atol=1e-9)
        np.testing.assert_allclose(camera.lidar_to_camera, expected.lidar_to_camera, atol=atol)
        np.testing.assert_array_equal(camera.segments, expected.segments)
        assert np.abs(camera.image.astype(int) - expected.image).mean() < 6


def test_nuscenes(nuscenes_tree: Path) -> None:
    frames = open_frames(nuscenes_tree, segments=nuscenes_tree / SEGMENTS)
    assert isinstance(frames, NuScenes)
    assert frames.scenes == ["scene-0001"] * 2 + ["scene-0002"] * 2
    assert frames.names[1] == "scene-0001-1__LIDAR_TOP__1"
    for place, (scene, index) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        frame = frames[place]
        same_frame(frame, synthetic_frame(scene, index, SENSORS))
        assert frame.semantic
        assert frame.scene == f"scene-000{scene + 1}"
    assert len(pair_frame(frame).pairs) == 6
    assert NuScenes(nuscenes_tree, cameras=False)[0].cameras == []
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again[2].scan.points, frames[2].scan.points)


def test_splits_of_nuscenes(nuscenes_tree: Path, tmp_path: Path) -> None:
    assert NuScenes(nuscenes_tree, "val").scenes == ["scene-0003"] * 2
    assert len(NuScenes(nuscenes_tree, "all")) == 6
    assert not NuScenes(nuscenes_tree).semantic
    (tmp_path / "own.json").write_text('{"few": ["scene-0002", "scene-0003"]}')
    assert set(NuScenes(nuscenes_tree, "few", splits=tmp_path / "own.json").scenes) == {"scene-0002", "scene-0003"}
    assert "has no split train; it has few" in refusal(
        lambda path: NuScenes(nuscenes_tree, splits=path), tmp_path / "own.json"
    )
    assert "there are train, val, test" in one_line(NuScenes, nuscenes_tree, "valid")
    assert "has no scene of the split mini_val" in one_line(NuScenes, nuscenes_tree, "mini_val")


def test_validation_scenes() -> None:
    numbers = [3, 12, 18, 35, 110, 221, 268, 1073, 931]
    assert all(_is_validation(f"scene-{number:04}") for number in numbers)
    assert not any(_is_validation(f"scene-{number:04}") for number in (1, 2, 4, 19, 111, 932, 1074))


def test_instances_of_nuscenes(nuscenes_tree: Path) -> None:
    frame = NuScenes(nuscenes_tree, panoptic=True)[0]
    made = synthetic_frame(0, 0, SENSORS, cameras=False)
    np.testing.assert_array_equal(frame.scan.labels, made.scan.labels)
    np.testing.assert_array_equal(frame.scan.instances, made.scan.instances)


def test_fractions(nuscenes_tree: Path, semantickitti_tree: Path) -> None:
    frames = NuScenes(nuscenes_tree, "all")
    assert [labelled_part(frames, step).scenes for step in (2, 3)] == [("scene-0002",) * 2, ("scene-0003",) * 2]
    scans = SemanticKITTI(semantickitti_tree)
    assert labelled_part(scans, 2, "scan").indices == (0,)
    assert labelled_part(scans, 1, "scan").indices == (0, 1)
    assert "label_every is 4 and there are 3 scenes" in one_line(labelled_part, frames, 4)


def test_bad_nuscenes(nuscenes: Path) -> None:
    tables = nuscenes / "v1.0-trainval"
    label = next((nuscenes / "lidarseg/v1.0-trainval").glob("scene-0001-0*"))
    label.write_bytes(label.read_bytes()[:-1])
    assert "labels and its scan" in one_line(NuScenes(nuscenes).__getitem__, 0)
    label.write_bytes(bytes([40, 33]) + label.read_bytes()[1:])
    assert "raw ids that nuScenes-lidarseg does not know: 33, 40" in one_line(NuScenes(nuscenes).__getitem__, 0)
    poses = json.loads((tables / "ego_pose.json").read_text())
    (tables / "ego_pose.json").write_text(json.dumps(poses[:-9]))
    assert "7 of 42 poses are missing; is it truncated?" in one_line(NuScenes, nuscenes, "all")
    (tables / "ego_pose.json").write_text(json.dumps(poses)[:-50])
    assert "begins with [ and ends with ]" in one_line(NuScenes, nuscenes)
    (tables / "ego_pose.json").unlink()
    assert "this table is missing" in one_line(NuScenes, nuscenes)
    (nuscenes / "v1.0-mini").mkdir()
    assert "there is v1.0-mini, v1.0-trainval; name the version" in one_line(NuScenes, nuscenes)


def test_nuscenes_without_calibration_of_a_camera(nuscenes: Path) -> None:
    path = nuscenes / "v1.0-trainval" / "sample_data.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([row for row in rows if row["token"] != "scene-0001-0-CAM_BACK"]))
    frames = NuScenes(nuscenes)
    assert "sample scene-0001-0 has no calibrated image of CAM_BACK" in one_line(frames.__getitem__, 0)
    path.write_text(json.dumps([row for row in rows if row["token"] != "scene-0001-0-LIDAR_TOP"]))
    assert "1 samples have no LIDAR_TOP: scene-0001-0" in one_line(NuScenes, nuscenes)
    calibrated = path.with_name("calibrated_sensor.json")
    sensors = json.loads(calibrated.read_text())
    calibrated.write_text(json.dumps([row for row in sensors if row["token"] != "at-scene-0001-0-CAM_BACK"]))
    path.write_text(json.dumps(rows))
    assert "record scene-0001-0-CAM_BACK has a sensor that no table knows" in one_line(NuScenes, nuscenes)


def test_nuscenes_images_of_another_size(nuscenes: Path) -> None:
    image = nuscenes / "samples/CAM_FRONT/scene-0001-0__CAM_FRONT.jpg"
    write_image(image, Image(np.zeros((28, 52, 3), np.uint8)))
    told = one_line(NuScenes(nuscenes).__getitem__, 0)
    assert f"{image}: the image is 28 x 52 and the calibration is for 56 x 104" in told


def test_missing_segments(nuscenes: Path) -> None:
    frames = NuScenes(nuscenes, segments=nuscenes / SEGMENTS)
    token = frames.samples[0].sensors["CAM_BACK"].token
    path = nuscenes / SEGMENTS / f"{token}.png"
    ids = np.array(frames[0].cameras[3].segments)
    path.unlink()
    assert f"{path}: no such segments; make them first" in one_line(frames.__getitem__, 0)
    ids.astype(np.uint8).tofile(path.with_name(f"{token}_dino_mask.bin"))
    np.testing.assert_array_equal(frames[0].cameras[3].segments, ids)


def test_semantickitti(semantickitti_tree: Path) -> None:
    frames = open_frames(semantickitti_tree, segments=semantickitti_tree / SEGMENTS)
    assert isinstance(frames, SemanticKITTI)
    assert (frames.scenes, frames.names) == (["00", "00"], ["00-000000", "00-000001"])
    frame, made = frames[1], synthetic_frame(0, 1, SENSORS)
    np.testing.assert_array_equal(frame.scan.intensity, (made.scan.intensity / 255).astype(np.float32))
    made = Frame(made.scan, [made.cameras[0]])
    assert frame.cameras[0].name == "image_2"
    np.testing.assert_allclose(frame.cameras[0].lidar_to_camera, made.cameras[0].lidar_to_camera, atol=1e-9)
    np.testing.assert_array_equal(frame.scan.labels, made.scan.labels)
    assert len(pair_frame(frame).pairs) == 1
    assert open_frames(semantickitti_tree, "val").scenes == ["08", "08"]
    assert SemanticKITTI(semantickitti_tree, "08").names[0] == "08-000000"
    scribbles = open_frames(semantickitti_tree, labels="scribbles")[0].scan.labels
    assert scribbles is not None
    assert 0 < np.count_nonzero(scribbles) < len(scribbles) / 9
    assert "no scan of test" in one_line(SemanticKITTI, semantickitti_tree, "test")


def test_bad_semantickitti(kitti: Path) -> None:
    sequence = kitti / "dataset/sequences/00"
    (sequence / "labels/000001.label").unlink()
    assert "no such labels, which other scans of the sequence have" in one_line(SemanticKITTI(kitti).__getitem__, 1)
    (sequence / "calib.txt").write_text("P2: 1 2 3\n")
    assert "P2 is missing or has 3 numbers; there must be 12" in one_line(SemanticKITTI(kitti).__getitem__, 0)
    (sequence / "calib.txt").write_text("P2: " + "0 " * 12 + "\nTr: " + "1 " * 12)
    assert "P2 has no inverse" in one_line(SemanticKITTI(kitti).__getitem__, 0)
    (sequence / "calib.txt").unlink()
    assert "no calibration for the images" in one_line(SemanticKITTI(kitti).__getitem__, 0)
    shutil.rmtree(sequence / "image_2")
    assert SemanticKITTI(kitti)[0].cameras == []
    shutil.rmtree(kitti / "dataset")
    assert "no data set; nuScenes has v1.0-trainval" in one_line(open_frames, kitti)


def test_kitti_objects(semantickitti_tree: Path, tmp_path: Path) -> None:
    source = semantickitti_tree / "dataset/sequences/00"
    for name in ("velodyne", "image_2"):
        shutil.copytree(source / name, tmp_path / name)
    made = synthetic_frame(0, 0, SENSORS).cameras[0]
    pose = made.lidar_to_camera
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    lines = {
        "P2": np.column_stack([made.intrinsic, np.zeros(3)]),
        "R0_rect": turn,
        "Tr_velo_to_cam": turn.T @ pose[:3],
    }
    (tmp_path / "calib").mkdir()
    text = "".join(f"{name}: {' '.join(map(repr, map(float, values.flat)))}\n" for name, values in lines.items())
    for name in ("000000", "000001"):
        (tmp_path / "calib" / f"{name}.txt").write_text(text)
    frames = open_frames(tmp_path)
    assert isinstance(frames, KITTIObject)
    assert frames.names == frames.scenes == ["000000", "000001"]
    camera = frames[0].cameras[0]
    np.testing.assert_allclose(camera.lidar_to_camera, pose, atol=1e-12)
    assert frames[0].scan.labels is None
    assert "val means nothing for this data set" in one_line(open_frames, tmp_path, "val")
    np.testing.assert_allclose(read_calibration(tmp_path / "calib/000000.txt").intrinsic, made.intrinsic)


def test_a_folder_of_ones_own(folder: Path) -> None:
    frames = open_frames(folder)
    assert isinstance(frames, FolderFrames)
    assert frames.classes is NUSCENES
    assert frames.scenes == ["street 0", "street 0", "street 1"]
    for place, (scene, index) in enumerate([(0, 0), (0, 1), (1, 0)]):
        same_frame(frames[place], _sorted(synthetic_frame(scene, index, SENSORS)))
    assert open_frames(folder, cameras=False)[0].cameras == []
    (folder / "splits.json").write_text('{"few": ["street 1"], "one": ["street 0/frame1"]}')
    assert open_frames(folder, "few").scenes == ["street 1"]
    assert open_frames(folder, "one").names == ["street 0-frame1"]
    assert "has no list train; it has few, one" in one_line(open_frames, folder, "train")


def _sorted(frame: Frame) -> Frame:
    return Frame(frame.scan, sorted(frame.cameras, key=lambda camera: camera.name))


def test_a_folder_without_calibration_of_a_camera(folder: Path) -> None:
    path = folder / "calibration.json"
    content = json.loads(path.read_text())
    del content["cameras"]["CAM_BACK"]
    path.write_text(json.dumps(content))
    told = one_line(FolderFrames(folder).__getitem__, 0)
    assert f"{path}: no intrinsic and lidar_to_camera of the camera CAM_BACK, which has images; cameras in it: " in told
    content["cameras"]["CAM_BACK"] = {"intrinsic": np.eye(3).tolist()}
    path.write_text(json.dumps(content))
    assert "no lidar_to_camera of the camera CAM_BACK" in one_line(FolderFrames(folder).__getitem__, 0)
    content["frames"] = {
        "street 0/frame0": {"CAM_BACK": {"lidar_to_camera": np.eye(4).tolist(), "width": 9, "height": 8}}
    }
    path.write_text(json.dumps(content))
    assert "is 56 x 104 and the calibration is for 8 x 9" in one_line(FolderFrames(folder).__getitem__, 0)
    content["frames"]["street 0/frame0"]["CAM_BACK"].update(width=104, height=56)
    path.write_text(json.dumps(content))
    assert np.array_equal(FolderFrames(folder)[0].cameras[0].lidar_to_camera, np.eye(4))
    path.unlink()
    assert "no such file; it must hold" in refusal(lambda _: FolderFrames(folder), path)


def test_bad_folders(folder: Path, tmp_path: Path) -> None:
    label = folder / "labels/street 0/frame0.label"
    label.write_bytes(label.read_bytes()[:-4])
    assert "there must be one for each" in one_line(FolderFrames(folder).__getitem__, 0)
    (folder / "scans/street 0/frame0.npy").touch()
    assert "lies beside it; keep one of the two" in one_line(FolderFrames, folder)
    (folder / "scans/street 0/frame0.npy").unlink()
    (folder / "classes.json").write_text('{"map": "cityscapes"}')
    assert "there is no map cityscapes; there are nuscenes, semantickitti" in one_line(FolderFrames, folder)
    (folder / "classes.json").unlink()
    assert "it says what labels mean" in one_line(FolderFrames, folder)
    (tmp_path / "none/scans").mkdir(parents=True)
    assert "no scan in it; such a folder holds scans/" in one_line(open_frames, tmp_path / "none")
    assert "is there already" in one_line(write_folder, folder, [], NUSCENES)


def test_scans_alone_make_a_folder(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    np.ones((5, 5), np.float32).tofile(tmp_path / "scans/a.pcd.bin")
    np.save(tmp_path / "scans/b.npy", np.ones((5, 4), np.float32))
    frames = open_frames(tmp_path)
    assert list(frames.names) == ["a", "b"]
    frame = frames[0]
    assert (frame.scan.labels, frame.cameras, frame.scene) == (None, [], "")


def test_classes_of_a_folder(tmp_path: Path) -> None:
    own = ClassMap("own", ("none", "tree"), ((0, 0, 0), (0, 200, 0)), {3: 0, 9: 1}, things=(1,))
    scan = synthetic_frame(0, 0, SENSORS, cameras=False).scan
    assert scan.labels is not None
    two = type(scan)(scan.points, scan.intensity, (scan.labels == 16).astype(np.int64), name="a")
    write_folder(tmp_path / "own", [Frame(two)], own)
    frames = FolderFrames(tmp_path / "own")
    assert (frames.classes.names, frames.classes.things, frames.classes.raw.tolist()) == (
        ("none", "tree"),
        (1,),
        [3, 9],
    )
    np.testing.assert_array_equal(frames[0].scan.labels, two.labels)
    assert not (tmp_path / "own/calibration.json").exists()
    assert SEMANTICKITTI is not frames.classes


def test_poses() -> None:
    half = np.sqrt(0.5)
    turned = rigid([1, 2, 3], [half, 0, 0, half], "a")
    np.testing.assert_allclose(turned @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-12)
    np.testing.assert_allclose(rigid([1, 2, 3], [2 * half, 0, 0, 2 * half], "a"), turned, atol=1e-12)
    words: Any = [1, 2, "x"]
    for moved, turned_by in (
        ([1.0, 2], [1.0, 0, 0, 0]),
        ([1.0, 2, 3], [0.0, 0, 0, 0]),
        (words, [1.0, 0, 0, 0]),
        ([1, 2, np.nan], [1.0, 0, 0, 0]),
    ):
        with pytest.raises(InputError, match="a: a pose is three numbers and a quaternion"):
            rigid(moved, turned_by, "a")


def test_the_documented_folder(tmp_path: Path) -> None:
    """The JSON of docs/data.md is what is read."""
    page = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    calibration, classes = (block.partition("```")[0] for block in page.split("```json\n")[1:])
    (tmp_path / "calibration.json").write_text(calibration)
    (tmp_path / "classes.json").write_text(classes)
    for name in ("scene/name", "scene/other"):
        points = np.array([[5, 0, 0, 1], [9, 1, 1, 1]], np.float32)
        (tmp_path / "scans/scene").mkdir(parents=True, exist_ok=True)
        (tmp_path / "labels/scene").mkdir(parents=True, exist_ok=True)
        points.tofile(tmp_path / f"scans/{name}.bin")
        np.array([252, 40], "<u4").tofile(tmp_path / f"labels/{name}.label")
        write_image(tmp_path / f"images/front/{name}.png", Image(np.zeros((900, 1600, 3), np.uint8)))
    frames = FolderFrames(tmp_path)
    assert frames.classes.names == ("none", "road", "car")
    assert [frame.cameras[0].lidar_to_camera[0, 3] for frame in (frames[0], frames[1])] == [0.1, 0]
    np.testing.assert_array_equal(frames[0].scan.labels, [2, 1])
    assert len(project(frames[0].scan.points, frames[0].cameras[0]).point) == 2


def test_the_frame_of_mmdetection3d(tmp_path: Path) -> None:
    script = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "mmdet3d_frame.py"))
    points = np.array([[5, 0, 0, 9, 0], [7, 2, 0, 9, 0], [5.9, 0.9, 0, 9, 0], [5.7, 0.7, 0.4, 9, 0]], np.float32)
    points.tofile(tmp_path / "a.pcd.bin")
    write_image(tmp_path / "a.png", Image(np.zeros((8, 9, 3), np.uint8)))
    boxes = [
        {"bbox_label_3d": 0, "bbox_3d": [5, 0, 0, 3.0, 0.5, 1, np.float64(np.pi / 4)]},
        {"bbox_label_3d": -1, "bbox_3d": [7, 2, 0, 9, 9, 9, 0]},
    ]
    camera = {"img_path": "a.png", "cam2img": np.eye(3).tolist(), "lidar2cam": np.eye(4).tolist()}
    about = {"token": "t", "lidar_points": {"lidar_path": "a.pcd.bin"}, "images": {"FRONT": camera}, "instances": boxes}
    content = {"data_list": [about], "metainfo": {"categories": {"car": 0}}}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    frame = script["frame_of"](tmp_path / "a.pkl")
    np.testing.assert_array_equal(frame.scan.labels, [4, 0, 4, 4])
    assert frame.cameras[0].size == (8, 9)
    (tmp_path / "b.pkl").write_bytes(pickle.dumps({"data_list": Path("a")}))
    with pytest.raises(pickle.UnpicklingError, match="which is not needed for numbers"):
        script["frame_of"](tmp_path / "b.pkl")


def test_a_pose_turns_and_moves(folder: Path) -> None:
    """A matrix of zeros, of another scale, mirrored, or written column by column would pair points at random."""
    path = folder / "calibration.json"
    whole = json.loads(path.read_text())
    camera = next(iter(whole["cameras"]))
    pose = np.array(whole["cameras"][camera]["lidar_to_camera"])
    mirrored = np.diag([-1.0, 1, 1, 1]) @ pose
    for bad in (np.zeros((4, 4)), np.diag([1000.0, 1000, 1000, 1]) @ pose, mirrored, pose.T):
        whole["cameras"][camera]["lidar_to_camera"], whole["frames"] = bad.tolist(), {}
        path.write_text(json.dumps(whole))
        assert f"lidar_to_camera of {camera} must turn and move" in one_line(FolderFrames(folder).__getitem__, 0)
    whole["cameras"][camera]["intrinsic"][0][0] = float("nan")
    path.write_text(json.dumps(whole))
    assert "finite numbers, and some are NaN or infinite" in one_line(FolderFrames(folder).__getitem__, 0)


def test_names_of_another_recording(folder: Path) -> None:
    """Labels or images of which none belongs to a scan are a mistake, not a data set without them."""
    for kind in ("labels", "images"):
        files = [path for path in (folder / kind).rglob("*") if path.is_file()]
        for path in files:
            path.rename(path.with_name(f"other-{path.name}"))
        assert "no file is named as a scan; here is " in refusal(FolderFrames, folder)
        for path in files:
            path.with_name(f"other-{path.name}").rename(path)
    assert len(FolderFrames(folder)) > 0
