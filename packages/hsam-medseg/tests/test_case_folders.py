"""A folder for each case, a mask for each organ, and scans of several channels."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hsam_medseg import HSAM, Predictor, Volume
from hsam_medseg.data.datasets import find_cases, read_scan
from hsam_medseg.data.intensity_windows import apply_window
from hsam_medseg.data.label_map import LabelMap
from hsam_medseg.data.labels import write_labels
from hsam_medseg.data.prepare import Preparation, prepare
from hsam_medseg.data.references import read_labelled
from hsam_medseg.data.scans import read_volume
from hsam_medseg.data.slices import open_slices
from hsam_medseg.evaluation.protocols import evaluate
from visioncore.errors import InputError
from visioncore.testing.refusals import one_line

nibabel: Any = import_module("nibabel")
AFFINE = np.diag([2.0, 3.0, 5.0, 1.0])
SHAPE = (3, 8, 10)
refused = partial(one_line, find_cases)


def volume(*labels: int) -> Volume:
    voxels = np.zeros(SHAPE, np.uint8)
    for place, label in enumerate(labels):
        voxels[:, :, 2 * place : 2 * place + 2] = label
    return Volume(voxels, AFFINE, located=True)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two cases as TotalSegmentator has them: kidneys and a liver, the third mask of the second case in RAS."""
    for name in ("s1", "s2"):
        write_labels(tmp_path / "data" / name / "ct.nii.gz", volume(10, 20, 30))
        masks = {"kidney_left": volume(1), "kidney_right": volume(0, 1), "liver": volume(0, 0, 1)}
        for organ, mask in masks.items():
            turned = mask.oriented("LPS") if name == "s2" else mask
            write_labels(tmp_path / "data" / name / "segmentations" / f"{organ}.nii.gz", turned)
    return tmp_path / "data"


def test_each_case_is_called_after_its_folder(data: Path) -> None:
    (data / "readme").mkdir()
    cases = find_cases(data)
    assert [(case.name, case.image.name) for case in cases] == [("s1", "ct.nii.gz"), ("s2", "ct.nii.gz")]
    assert [case.label for case in cases] == [data / name / "segmentations" for name in ("s1", "s2")]


@pytest.mark.parametrize(("scan", "label"), [("image", "label"), ("imaging", "segmentation"), ("CT", "Seg")])
def test_labels_may_be_one_file(tmp_path: Path, scan: str, label: str) -> None:
    for name in (scan, label, "notes"):
        write_labels(tmp_path / "p1" / f"{name}.nii.gz", volume(1, 2))
    (case,) = find_cases(tmp_path)
    assert (case.name, case.image.name, case.label) == ("p1", f"{scan}.nii.gz", tmp_path / "p1" / f"{label}.nii.gz")
    write_labels(tmp_path / "p2" / f"{scan}.nii.gz", volume(1, 2))
    assert "1 of 2 scans have no labels" in refused(tmp_path)
    write_labels(tmp_path / "p1" / "mask.nii.gz", volume(1))
    assert "several files may be its labels" in refused(tmp_path)


def test_masks_are_found_by_the_names_of_the_classes(data: Path) -> None:
    for case in find_cases(data):
        image, labels = read_labelled(case, ("liver", "left kidney"), LabelMap.of(("liver", "left kidney")))
        np.testing.assert_array_equal(labels.voxels, volume(2, 0, 1).voxels)
        assert labels.voxels.shape == image.voxels.shape
    with pytest.raises(InputError, match="no mask for spleen; there are kidney_left, kidney_right, liver; an organ"):
        read_labelled(find_cases(data)[0], ("liver", "spleen"))
    write_labels(data / "s1" / "segmentations" / "liver.nii.gz", volume(9, 9))
    _, labels = read_labelled(find_cases(data)[0], ("kidney left", "liver"))
    assert set(np.unique(labels.voxels)) == {0, 2}  # the later class is seen
    write_labels(data / "s1" / "segmentations" / "liver.nii.gz", Volume(np.zeros((2, 8, 10), np.uint8), AFFINE, True))
    with pytest.raises(InputError, match=r"liver\.nii\.gz: labels are 2 x 8 x 10 and their scan ct\.nii\.gz"):
        read_labelled(find_cases(data)[0], ("liver",))


def test_masks_are_prepared_and_measured(data: Path, tmp_path: Path) -> None:
    preparation = Preparation(LabelMap.of(("liver", "kidney left")), "range", "stored")
    assert len(prepare(data, tmp_path / "out", preparation).done) == 2
    slices = open_slices(tmp_path / "out")
    np.testing.assert_array_equal(slices.volume("s2")[1], volume(2, 0, 1).voxels)
    assert len(prepare(data, tmp_path / "out", preparation).skipped) == 2
    later = (tmp_path / "out" / "cases" / "s1.json").stat().st_mtime + 5
    os.utime(data / "s1" / "segmentations" / "liver.nii.gz", (later, later))
    assert len(prepare(data, tmp_path / "out", preparation).done) == 1
    # what TotalSegmentator writes: a folder of masks for each case
    for name in ("s1", "s2"):
        (data / name / "segmentations").rename(tmp_path / name)
        write_labels(data / name / "label.nii.gz", volume(1, 2, 3), {1: "left kidney", 2: "right kidney", 3: "liver"})
        (tmp_path / "found").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "found" / name)
    evaluation = evaluate(data, tmp_path / "found")
    assert evaluation.organs == ("kidney_left", "kidney_right", "liver")
    assert (evaluation.scores["dice_sound"] == 1).all()


# channels


def write_channels(path: Path, count: int) -> np.ndarray[Any, Any]:
    voxels = np.random.default_rng(count).random((*SHAPE, count)).astype(np.float32) * 10 ** np.arange(count)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels.swapaxes(0, 2).astype(np.float32), AFFINE).to_filename(path)
    return voxels.astype(np.float32)


def test_a_file_of_several_channels(tmp_path: Path) -> None:
    three = write_channels(tmp_path / "three.nii.gz", 3)
    np.testing.assert_array_equal(read_volume(tmp_path / "three.nii.gz").voxels, three)
    two = write_channels(tmp_path / "two.nii", 2)
    np.testing.assert_array_equal(read_volume(tmp_path / "two.nii").voxels, two[..., [0, 1, 0]])
    one = write_channels(tmp_path / "one.nii", 1)
    np.testing.assert_array_equal(read_volume(tmp_path / "one.nii").voxels, one[..., 0])
    write_channels(tmp_path / "four.nii", 4)
    with pytest.raises(InputError, match="one point in time or one channel of it, or give 2 or 3 of them"):
        read_volume(tmp_path / "four.nii")


def test_channels_in_files_of_their_own(tmp_path: Path) -> None:
    voxels = [np.full(SHAPE, value, np.float32) for value in (1, 2, 3)]
    for number, plane in enumerate(voxels):
        scan = Volume(plane, AFFINE, located=True).oriented("LPS" if number == 1 else "RAS")
        path = tmp_path / "imagesTr" / f"p1_000{number}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        nibabel.Nifti1Image(scan.voxels.swapaxes(0, 2), scan.affine).to_filename(path)
        write_labels(tmp_path / "labelsTr" / "p1.nii.gz", volume(1))
        (case,) = find_cases(tmp_path)
        assert len(case.channels) == number
        expected = [[1], [1, 2, 1], [1, 2, 3]][number]
        assert read_scan(case).voxels[0, 0, 0].ravel().tolist() == expected
    image, _ = read_labelled(case, ("liver",))
    assert image.voxels.shape == (*SHAPE, 3)
    for number in (3, 4):
        write_labels(tmp_path / "imagesTr" / f"p1_000{number}.nii.gz", volume(1))
    assert "a scan of more than 3 channels" in refused(tmp_path)


def test_numbered_scans_with_labels_of_their_own_are_no_channels(tmp_path: Path) -> None:
    for number in range(5):
        write_labels(tmp_path / "images" / f"p_000{number}.nii.gz", volume(1))
        write_labels(tmp_path / "labels" / f"p_000{number}.nii.gz", volume(1))
    assert [case.channels for case in find_cases(tmp_path)] == [()] * 5


def test_each_channel_has_a_window_of_its_own(tmp_path: Path, tiny: HSAM) -> None:
    voxels = write_channels(tmp_path / "a.nii.gz", 3)
    expected = np.stack([apply_window(voxels[..., c], "range") for c in range(3)], axis=-1)
    np.testing.assert_allclose(apply_window(voxels, "range"), expected, atol=1e-6)
    seen: list[torch.Tensor] = []
    predictor = Predictor(tiny, "cpu", window="range", notify=print)
    predictor.segmenter.network = lambda images: seen.append(images) or tiny(images)  # type: ignore[func-returns-value]
    result = predictor(tmp_path / "a.nii.gz")
    assert [float(images.amax()) > 0.9 for images in torch.cat(seen).unbind(1)] == [True] * 3
    assert result.report["intensities"][1] == pytest.approx(voxels.max(axis=(0, 1, 2)).tolist())
    assert result.mean_intensities == {"liver": None, "spleen": None}
    result.plot(tmp_path / "a.png")
    result.save(tmp_path / "labels.nii.gz")
    assert read_volume(tmp_path / "labels.nii.gz", labels=True).voxels.shape == SHAPE
    constant = voxels.copy()
    constant[..., 1] = 7
    assert not apply_window(constant, "mr")[..., 1].any()
