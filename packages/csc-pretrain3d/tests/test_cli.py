"""The commands of this method, from one to the next."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from csc_pretrain3d import MinkUNet
from csc_pretrain3d.data.classes import NUSCENES
from csc_pretrain3d.data.datasets import open_frames
from csc_pretrain3d.data.datasets.folder_writing import write_folder
from csc_pretrain3d.data.formats import read_scan
from csc_pretrain3d.data.frame import Frame, Scan
from csc_pretrain3d.data.synthetic import SMALL, synthetic_frame
from csc_pretrain3d.network.config import MinkUNetConfig
from csc_pretrain3d.network.published import to_published
from visioncore.testing.suites.base import Run, files_in, refuses

PACKAGE = "csc_pretrain3d"
TINY = MinkUNetConfig(stem=8, widths=(8,) * 8, blocks=(1,) * 8)


@pytest.fixture
def drive(street: Scan, tmp_path: Path) -> Path:
    """A folder of two labelled scans."""
    assert street.labels is not None
    parts = slice(0, 901), slice(901, 1802)
    frames = [
        Frame(Scan(street.points[part], street.intensity[part], street.labels[part], name=name), scene="one")
        for part, name in zip(parts, "ab", strict=True)
    ]
    write_folder(tmp_path / "drive", frames, NUSCENES)
    return tmp_path / "drive"


def test_predicted_labels_measure_as_the_network_does(
    run: Run, drive: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    labelled, tables = tmp_path / "labelled", ("--out", tmp_path / "tables")
    words = ("predict", drive / "scans", "--weights", tiny_weights, "--out", labelled)
    code, said, complaints = run(*words, "--formats", ".label", ".ply", "--no-figure", "--views", "2")
    assert (code, complaints) == (0, "")
    assert said.startswith("2 done")
    assert files_in(labelled) == [f"one/{name}.{kind}" for name in "ab" for kind in ("html", "label", "ply")]
    means = []
    for made_by in (("--weights", tiny_weights, "--views", "2"), ("--results", labelled)):
        code, said, complaints = run("evaluate", "--data", drive, *made_by, "--protocols", "official", *tables)
        assert (code, complaints) == (0, "")
        assert "2 scans of" in said
        report = json.loads((tmp_path / "tables" / "report.json").read_text())
        means.append(report["means"])
    assert means[0] == means[1]
    assert means[0].keys() == {f"{name}_official" for name in ("miou", "miou_present", "pooled_iou", "accuracy")}


def test_features(run: Run, drive: Path, tmp_path: Path) -> None:
    """Of a network without classes, which predict refuses."""
    torch.manual_seed(0)
    network = MinkUNet(replace(TINY, out_channels=6))
    network.save_pretrained(tmp_path / "pretrained")
    words = ("--weights", tmp_path / "pretrained", "--out", tmp_path / "out")
    code, said, complaints = run("features", drive / "scans", *words, "--no-viewer")
    assert (code, complaints) == (0, "")
    assert said.startswith("2 done")
    assert files_in(tmp_path / "out") == [f"one/{name}.{kind}" for name in "ab" for kind in ("npy", "ply", "png")]
    assert np.load(tmp_path / "out" / "one" / "a.npy").shape == (901, 6)
    assert len(read_scan(tmp_path / "out" / "one" / "b.ply")) == 901
    refuses(run, "predict", drive / "scans", *words, told="these weights give features and no classes")
    refuses(run, "evaluate", "--data", drive, *words, told="these weights give features and no classes")


def test_convert_and_info(run: Run, tmp_path: Path) -> None:
    torch.manual_seed(0)
    ours = MinkUNet("minkunet-nuscenes")
    torch.save({"model_points": to_published(ours), "config": {"dataset": "nuscenes"}}, tmp_path / "model.pt")
    code, said, _ = run("convert", tmp_path / "model.pt", "--out", tmp_path / "ours")
    assert code == 0
    assert "minkunet-nuscenes" in said
    assert "37,84" in said
    assert "37.84 M" in run("info", "--weights", tmp_path / "ours")[1]


def test_segments(run: Run, tmp_path: Path) -> None:
    """Into a folder of one's own, whose segments are incomplete until the command has ended."""
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    frames = [synthetic_frame(0, time, SMALL) for time in range(2)]
    drive = tmp_path / "drive"
    write_folder(drive, [replace(frame, cameras=frame.cameras[:2], scene="") for frame in frames], NUSCENES)
    shutil.rmtree(out := drive / "segments")
    words = ("segments", "--data", drive, "--out", out, "--number", "12")
    code, said, complaints = run(*words)
    assert (code, complaints) == (0, "")
    assert said == f"4 maps of 2 frames made; segments in {out}\n"
    made = files_in(out)
    assert len(made) == 4
    (out / made[-1]).unlink()  # as an interrupted run leaves it
    assert run(*words)[1].startswith("1 maps of 2 frames made")
    assert files_in(out) == made
    for camera in open_frames(drive, semantic=False)[1].cameras:
        assert camera.segments is not None
        assert 6 < camera.segments.max() < 25
    scans = tmp_path / "scans-alone"
    write_folder(scans, [replace(frames[0], cameras=[])], NUSCENES)
    for more, told in (
        (("--method", "sam"), "sam needs the weights of Segment Anything: --sam-weights"),
        (("--sam-weights", "a.pth"), "slic takes no weights"),
        (("--method", "sam", "--sam-weights", tmp_path / "a.pth"), "a.pth: no such file"),
        (("--number", "1"), "number is 1"),
        (("--data", scans), "no frame has an image"),
        (("--data", tmp_path), "no data set"),
    ):
        refuses(run, *words, *more, "--out", tmp_path / "none", told=told)
    assert not (tmp_path / "none").exists()


def test_bad_input_is_one_line(run: Run, drive: Path, tiny_weights: Path, tmp_path: Path) -> None:
    weights, out = ("--weights", tiny_weights), ("--out", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.bin").write_bytes(bytes(15))
    (kitti := tmp_path / "kitti").joinpath("velodyne").mkdir(parents=True)
    np.ones((20, 4), np.float32).tofile(kitti / "velodyne" / "000000.bin")
    for words, told in (
        (("evaluate", "--data", drive, *out), "give either --weights or --results"),
        (("evaluate", "--data", drive, *weights, *out, "--protocols", "sound"), "protocols"),
        (("evaluate", "--data", tmp_path / "empty", *weights, *out), "no data set; nuScenes has v1.0-trainval"),
        (("evaluate", "--data", drive, "--results", tmp_path / "empty", *out), "no label file for 2 of 2 scans"),
        (("evaluate", "--data", drive, *weights, *out, "--split", "val"), "splits.json: no such file"),
        (("predict", drive / "scans", *weights, *out, "--views", "0"), "views is 0"),
        (("predict", drive / "scans", *weights, *out, "--intensity-scale", "-1"), "intensity_scale -1.0"),
        (("predict", drive / "scans", *weights, *out, "--formats", ".txt"), "formats"),
        (
            ("evaluate", "--data", kitti, *weights, *out),
            "the labels are of 20 others (SemanticKITTI)",
        ),
        (("features", tmp_path / "empty", *weights, *out), "no file with suffix .bin"),
    ):
        refuses(run, *words, told=told)
    code, _, complaints = run("predict", tmp_path / "broken.bin", *weights, *out)
    assert code == 1
    assert complaints.startswith(f"failed: {tmp_path / 'broken.bin'}: 15 bytes are no whole number of rows")
