"""From scans with labels to slices: what is written, what is resumed, what is refused, and how slices are read."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsam_medseg.data.datasets import find_cases
from hsam_medseg.data.label_map import LabelMap, read_label_map
from hsam_medseg.data.prepare import Preparation, prepare
from hsam_medseg.data.slices import SliceFiles, case_of, open_slices
from visioncore.errors import InputError
from visioncore.medical import Volume
from visioncore.medical.nifti import write_nifti

AFFINE = np.array([[0.0, 2, 0, 10], [3, 0, 0, 20], [0, 0, -5, 7], [0, 0, 0, 1]])  # ARI
LABELS = LabelMap.of(["spleen", "liver"], ignore=[9])
Dataset = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Dataset:
    """Write ``tmp_path/data`` with scans whose voxels tell their place, and labels on some slices."""

    def write(*names: str, values: tuple[int, ...] = (0, 1, 2, 9), shape: tuple[int, ...] = (4, 6, 8)) -> Path:
        for name in names:
            for kind in ("images", "labels"):
                (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
            scan = np.arange(np.prod(shape), dtype=np.int16).reshape(shape) * 2 - 150
            labels = np.zeros(shape, np.uint8)
            for number, value in enumerate(values):
                labels[number % shape[0], 1:3, 2:4] = value
            for kind, voxels in (("images", scan), ("labels", labels)):
                write_nifti(tmp_path / "data" / kind / f"{name}.nii.gz", voxels, Volume(voxels, AFFINE, True))
        return tmp_path / "data"

    return write


def run(data: Path, tmp_path: Path, **options: Any) -> tuple[SliceFiles, list[str]]:
    said: list[str] = []
    settings = {"label_map": LABELS} | {
        key: options.pop(key) for key in list(options) if key in Preparation.__annotations__
    }
    summary = prepare(data, tmp_path / "out", Preparation(**settings), say=said.append, **options)
    assert not summary.failed
    return open_slices(tmp_path / "out"), said


def test_slices_are_windowed_turned_and_labelled(make: Dataset, tmp_path: Path) -> None:
    files, said = run(make("p1"), tmp_path)
    assert not said
    assert files.names == [f"p1_slice00{n}" for n in range(4)]
    assert files.classes == ("spleen", "liver")
    image, labels = files[1]
    assert image.dtype == np.float32
    assert labels.dtype == np.uint8
    # stored as ARI: slices downwards, so slice 1 of LPS is slice 2 of the file; transposed, both axes reversed
    stored = (np.arange(192).reshape(4, 6, 8)[2] * 2 - 150).T[::-1, ::-1]
    np.testing.assert_allclose(image, np.clip((stored + 125) / 400, 0, 1), atol=1e-6)
    expected = np.zeros((6, 8), int)
    expected[1:3, 2:4] = 2
    np.testing.assert_array_equal(labels, expected.T[::-1, ::-1])
    assert [np.unique(files[n][1]).tolist() for n in range(4)] == [[0], [0, 2], [0, 1], [0]]
    assert files.present() == [[], [2], [1], []]


def test_stored_order_and_another_window(make: Dataset, tmp_path: Path) -> None:
    files, _ = run(make("p1"), tmp_path, orientation="stored", window="-100,100")
    stored = np.arange(192).reshape(4, 6, 8) * 2 - 150
    np.testing.assert_allclose(files.volume("p1")[0], np.clip((stored + 100) / 200, 0, 1), atol=1e-6)
    assert sorted(files.present()) == [[], [], [1], [2]]


def test_what_is_written_beside_the_slices(make: Dataset, tmp_path: Path) -> None:
    data = make("p1", "p2")
    run(data, tmp_path)
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert [row["name"] for row in rows] == ["p1", "p2"]
    assert rows[0]["slices"] == "4"
    assert [float(rows[0][f"spacing_{axis}"]) for axis in ("slice", "row", "column")] == [5, 3, 2]
    record = json.loads((tmp_path / "out" / "cases" / "p1.json").read_text())
    assert record["shape"] == [4, 8, 6]
    assert record["slices"]["p1_slice002"] == [1]
    # the scans themselves are found again, for evaluation
    cases = find_cases(tmp_path / "out")
    assert [case.name for case in cases] == ["p1", "p2"]
    assert cases[0].image.resolve() == (data / "images" / "p1.nii.gz").resolve()


def test_slices_without_any_class_can_be_left_out(make: Dataset, tmp_path: Path) -> None:
    files, _ = run(make("p1"), tmp_path, foreground=True)
    assert files.names == ["p1_slice001", "p1_slice002"]


def test_a_case_without_any_class_is_reported_and_kept(make: Dataset, tmp_path: Path) -> None:
    make("p1")
    files, said = run(make("empty", values=(0, 9)), tmp_path)
    assert files.cases == ["empty", "p1"]
    assert said == ["empty: no voxel of any class; it is kept, all background"]
    assert files.select(foreground=True).cases == ["p1"]


def test_a_case_without_any_class_is_reported_and_left_out(make: Dataset, tmp_path: Path) -> None:
    make("p1")
    files, said = run(make("empty", values=(0, 9)), tmp_path, foreground=True)
    assert files.cases == ["p1"]
    assert said == ["empty: no voxel of any class; it is left out"]


def test_nothing_but_empty_cases(make: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the cases has a voxel of spleen, liver"):
        run(make("empty", values=(0,)), tmp_path, foreground=True)


def test_an_interrupted_preparation_goes_on(make: Dataset, tmp_path: Path) -> None:
    data = make("p1", "p2")
    run(data, tmp_path)
    out = tmp_path / "out"
    (out / "cases" / "p2.json").unlink()
    (out / "slices" / "p2_slice003.npz").unlink()
    with pytest.raises(InputError, match="preparation was not finished"):
        open_slices(out)
    before = (out / "slices" / "p1_slice000.npz").stat().st_mtime_ns
    summary = prepare(data, out, Preparation(LABELS), say=pytest.fail)
    assert [path.name for path in summary.done] == ["p2.json"]
    assert [path.name for path in summary.skipped] == ["p1.json"]
    assert (out / "slices" / "p1_slice000.npz").stat().st_mtime_ns == before
    assert len(open_slices(out)) == 8


@pytest.mark.parametrize("changed", ["images", "labels", None])
def test_a_case_is_read_again_if_one_of_its_files_has_changed(
    make: Dataset, tmp_path: Path, changed: str | None
) -> None:
    run(make("p1"), tmp_path)
    done = (tmp_path / "out" / "cases" / "p1.json").stat().st_mtime
    data = make("p1", values=(2, 2, 2, 2))
    for kind in ("images", "labels"):
        os.utime(data / kind / "p1.nii.gz", (when := done + (10 if kind == changed else -10), when))
    files, _ = run(data, tmp_path)
    assert files.present() == ([[2]] * 4 if changed else [[], [2], [1], []])


def test_another_preparation_needs_another_folder(make: Dataset, tmp_path: Path) -> None:
    run(make("p1"), tmp_path)
    with pytest.raises(InputError, match="was prepared with window abdomen, not lung; name another folder"):
        run(tmp_path / "data", tmp_path, window="lung")
    with pytest.raises(InputError, match="was prepared with label values"):
        run(tmp_path / "data", tmp_path, label_map=LabelMap.of(["spleen", "liver"], ignore=[8, 9]))


def test_a_folder_of_nothing_prepared_is_no_hindrance(make: Dataset, tmp_path: Path) -> None:
    data = make("p1", values=(0, 1, 2, 7))
    summary = prepare(data, tmp_path / "out", Preparation(LABELS), say=lambda line: None)
    assert len(summary.failed) == 1
    assert "or ignore all others (ignore: others)" in next(iter(summary.failed.values()))
    files, _ = run(data, tmp_path, label_map=replace(LABELS, others=True))
    assert sorted(files.present()) == [[], [], [1], [2]]
    with pytest.raises(InputError, match=r"with other label values ignored \(ignore: others\): True, not False"):
        run(data, tmp_path)


def test_some_cases(make: Dataset, tmp_path: Path) -> None:
    files, _ = run(make("p1", "p2", "p3"), tmp_path, cases=["p3", "p1"])
    assert files.cases == ["p1", "p3"]


def test_a_bad_case_does_not_stop_the_others(make: Dataset, tmp_path: Path) -> None:
    data = make("p1", "p2")
    make("p3", values=(0, 1, 5))
    write_nifti(
        data / "labels" / "p2.nii.gz",
        np.zeros((4, 6, 7), np.uint8),
        Volume(np.zeros((4, 6, 7), np.uint8), AFFINE, True),
    )
    said: list[str] = []
    summary = prepare(data, tmp_path / "out", Preparation(LABELS), say=said.append)
    assert summary.exit_code == 1
    assert [path.name for path in summary.failed] == ["p2.nii.gz", "p3.nii.gz"]
    assert "labels are 4 x 6 x 7 and their scan p2.nii.gz is 4 x 6 x 8" in said[0]
    assert "p3.nii.gz: 4 voxels have label values outside the list: 5; it has 0, 1, 2, 9" in said[1]
    assert open_slices(tmp_path / "out").cases == ["p1"]


def test_a_case_whose_values_do_not_suit_the_window_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data" / "case0001.npz"
    path.parent.mkdir()
    np.savez(path, image=np.random.default_rng(0).random((2, 6, 8)), label=np.ones((2, 6, 8), np.uint8))
    said: list[str] = []
    assert prepare(path.parent, tmp_path / "out", Preparation(LABELS), say=said.append).exit_code == 1
    assert said[0].startswith(f"failed: {path}: the window is for Hounsfield units, but values are 0.")


def test_a_preparation_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="window is 'bones'"):
        Preparation(LABELS, window="bones")
    with pytest.raises(InputError, match="orientation is 'XYZ'"):
        Preparation(LABELS, orientation="XYZ")


def test_colours_without_place(tmp_path: Path) -> None:
    from visioncore.images import Image, write_image

    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_image(tmp_path / "data" / "images" / "a.png", Image(pixels))
    write_image(tmp_path / "data" / "labels" / "a.png", Image(np.ones((5, 7, 3), np.uint8), grey=True))
    files, _ = run(tmp_path / "data", tmp_path, window="unit")
    np.testing.assert_allclose(files[0][0], pixels / np.float32(255), atol=1e-6)
    assert (files[0][1] == 1).all()
    row = next(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert row["spacing_row"] == ""


def test_the_published_labels_of_la(tmp_path: Path) -> None:
    (tmp_path / "data" / "06SR").mkdir(parents=True)
    rng = np.random.default_rng(0)
    with import_module("h5py").File(tmp_path / "data" / "06SR" / "mri_norm2.h5", "w") as file:
        file["image"] = rng.normal(size=(6, 8, 3)).astype(np.float32)
        file["label"] = np.concatenate([np.zeros((6, 8, 1)), np.ones((6, 8, 2))], axis=2).astype(np.uint8)
    files, _ = run(tmp_path / "data", tmp_path, label_map=read_label_map("la"), window="mr", foreground=True)
    assert files.names == ["06SR_slice001", "06SR_slice002"]
    image = files.volume("06SR")[0]
    assert image.shape == (2, 6, 8)
    assert 0 <= image.min() < 0.3 < 0.8 < image.max() <= 1


# reading slices


@pytest.fixture
def synapse(tmp_path: Path) -> Path:
    """The published folder, with two cases of two slices each."""
    for name, label in (("case0005_slice000", 0), ("case0005_slice001", 8), ("case0006_slice000", 3)):
        path = tmp_path / "synapse" / "train_npz" / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, image=np.full((4, 5), 0.5), label=np.full((4, 5), label, np.float32))
    lists = tmp_path / "synapse" / "lists" / "lists_Synapse"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("case0006_slice000\ncase0005_slice000\ncase0005_slice001\n")
    (lists / "train_220.txt").write_text("case0005_slice001\n")
    return tmp_path / "synapse"


def test_the_official_synapse_folder(synapse: Path) -> None:
    files = open_slices(synapse)
    assert files.names == ["case0006_slice000", "case0005_slice000", "case0005_slice001"]
    assert len(files.classes) == 8
    image, labels = files[2]
    assert image.dtype == np.float32
    assert (labels == 8).all()
    assert files.present() == [[3], [], [8]]
    assert open_slices(synapse, "train_220").names == ["case0005_slice001"]
    with pytest.raises(InputError, match=r"train_50\.txt: no such list"):
        open_slices(synapse, "train_50")
    for path in (synapse / "lists" / "lists_Synapse").iterdir():
        path.unlink()
    assert open_slices(synapse).names == sorted(files.names)


def test_parts_of_the_slices(synapse: Path) -> None:
    files = open_slices(synapse)
    assert files.cases == ["case0006", "case0005"]
    assert files.select(cases=["0005"]).names == ["case0005_slice000", "case0005_slice001"]
    assert files.select(cases=["0005"], foreground=True).names == ["case0005_slice001"]
    assert files.select(slices=2, seed=1).names == files.select(slices=2, seed=1).names
    assert files.select(foreground=True, slices=1.0).present() == [[3], [8]]
    np.testing.assert_array_equal(files.volume("case0005")[1][:, 0, 0], [0, 8])
    with pytest.raises(InputError, match="no slice of a case 7"):
        files.volume("7")
    with pytest.raises(InputError, match="none of 1 slices is left"):
        files.subset([1]).select(foreground=True)
    assert case_of("a_slice_b_slice001") == "a_slice_b"


def test_no_slices_to_train_on(make: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder that the command prepare wrote"):
        open_slices(make("p1"))
    (tmp_path / "empty" / "train_npz").mkdir(parents=True)
    with pytest.raises(InputError, match="no slices in it"):
        open_slices(tmp_path / "empty")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"image": np.ones((4, 5)), "label": np.full((4, 5), 9)},
            "label values outside the list: 9; there are 8 classes",
        ),
        ({"image": np.ones((4, 5)), "label": np.full((4, 5), -1)}, "label values outside the list: -1"),
        ({"image": np.ones((4, 5)), "label": np.ones((4, 4))}, r"image is \(4, 5\) and label \(4, 4\)"),
        ({"image": np.full((4, 5), 180.0), "label": np.ones((4, 5))}, "values are 180 to 180"),
        ({"image": np.full((4, 5), np.nan), "label": np.ones((4, 5))}, "values are nan to nan"),
        ({"image": np.ones((4, 5))}, "must hold image and label"),
        (b"PK damaged", "damaged"),
        (None, "no such slice"),
    ],
)
def test_bad_slices(synapse: Path, arrays: Any, message: str) -> None:
    path = synapse / "train_npz" / "case0005_slice001.npz"
    path.unlink()
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    elif arrays:
        np.savez(path, **arrays)
    with pytest.raises(InputError, match=message) as caught:
        open_slices(synapse)[2]
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_that_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("[")
    with pytest.raises(InputError, match=r"dataset\.yaml: damaged"):
        open_slices(tmp_path)
