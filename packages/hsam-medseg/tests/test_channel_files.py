"""Channels that are files of their own, as nnU-Net names them, in prediction."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsam_medseg import Predictor
from hsam_medseg.data.labels import read_labels
from hsam_medseg.inference.predictor import predict_files
from visioncore.errors import InputError
from visioncore.testing.suites.base import files_in

nibabel: Any = import_module("nibabel")
SHAPE = (2, 40, 40)
QUIET: dict[str, Any] = {"preview": False, "channels": True}


def write(path: Path, seed: int) -> np.ndarray[Any, Any]:
    voxels = np.random.default_rng(seed).random(SHAPE).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(voxels.swapaxes(0, 2), np.diag([-1.0, -1, 2, 1])).to_filename(path)
    return voxels


@pytest.fixture
def predictor(tiny: Any) -> Predictor:
    return Predictor(tiny, "cpu", window="range", notify=lambda _: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(2):
        write(tmp_path / "in" / f"p_000{number}.nii.gz", number)
    write(tmp_path / "in" / "q_0000.nii.gz", 5)
    write(tmp_path / "in" / "r.nii.gz", 6)
    return tmp_path / "in"


def test_channels_are_one_scan(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = predict_files([folder], predictor, out, **QUIET)
    assert not summary.failed
    assert [name for name in files_in(out) if name.endswith(".nii.gz")] == ["p.nii.gz", "q.nii.gz", "r.nii.gz"]
    one, two = (write(folder / f"p_000{number}.nii.gz", number) for number in range(2))
    both = tmp_path / "both.nii.gz"
    nibabel.Nifti1Image(np.stack([one, two], -1).swapaxes(0, 2), np.diag([-1.0, -1, 2, 1])).to_filename(both)
    np.testing.assert_array_equal(read_labels(out / "p.nii.gz").voxels, predictor(both).labels.voxels)
    assert (read_labels(out / "p.nii.gz").voxels != predictor(folder / "p_0000.nii.gz").labels.voxels).any()


def test_a_changed_channel_is_noticed_and_files_may_be_named(
    predictor: Predictor, folder: Path, tmp_path: Path
) -> None:
    both = [folder / "p_0001.nii.gz", folder / "p_0000.nii.gz"]
    assert len(predict_files(both, predictor, tmp_path / "out", **QUIET).done) == 1
    assert len(predict_files([f"{folder}/p_*"], predictor, tmp_path / "out", **QUIET).skipped) == 1
    write(folder / "p_0002.nii.gz", 9)
    assert len(predict_files(both, predictor, tmp_path / "out", **QUIET).done) == 1
    assert predict_files(both, predictor, tmp_path / "labels.nii.gz", **QUIET).done == [tmp_path / "labels.nii.gz"]


def test_without_the_option_each_is_a_scan_and_that_is_told(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    summary = predict_files([folder], predictor, tmp_path / "out", preview=False, say=said.append)
    assert len(summary.done) == 4
    (line,) = said
    assert "p_0001: taken as a scan of its own; as a channel of p_0000 with --channels" in line
    for number in (2, 3):  # so many are scans that are numbered
        write(folder / f"p_000{number}.nii.gz", number)
    said.clear()
    predict_files([folder], predictor, tmp_path / "out", preview=False, say=said.append)
    assert said == []


def test_channels_that_do_not_fit_are_told(predictor: Predictor, folder: Path, tmp_path: Path) -> None:
    write(folder / "s_0001.nii.gz", 0)
    with pytest.raises(InputError, match=r"a further channel, but there is no s_0000\.nii\.gz"):
        predict_files([folder / "s_0001.nii.gz"], predictor, tmp_path / "out", **QUIET)
    (folder / "p_0001.nii.gz").rename(folder / "p_0002.nii.gz")
    with pytest.raises(InputError, match="channels 0, 2 are there; they must be numbered from 0"):
        predict_files([folder / "p_0000.nii.gz"], predictor, tmp_path / "out", **QUIET)
    for number in (1, 3):
        write(folder / f"p_000{number}.nii.gz", number)
    with pytest.raises(InputError, match="a scan of 4 channels; the network takes at most 3"):
        predict_files([folder / "p_0000.nii.gz"], predictor, tmp_path / "out", **QUIET)
    write(folder / "q.nii.gz", 5)
    with pytest.raises(InputError, match=r"q\.nii\.gz: several scans would be written there"):
        predict_files([folder / "q.nii.gz", folder / "q_0000.nii.gz"], predictor, tmp_path / "out", **QUIET)
    nibabel.Nifti1Image(np.zeros((20, 40, 2), np.float32), np.eye(4)).to_filename(folder / "q_0001.nii.gz")
    said: list[str] = []
    summary = predict_files([folder / "q_0000.nii.gz"], predictor, tmp_path / "out", say=said.append, **QUIET)
    assert summary.exit_code == 1
    assert "both must have one shape" in said[0]
