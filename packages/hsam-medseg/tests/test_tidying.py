"""What is done to labels after the network: some organs only, largest pieces, smoothing between slices; the table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from hsam_medseg import HSAM, Predictor, Volume
from hsam_medseg.data.labels import read_labels
from hsam_medseg.inference.across_slices import smoothed
from hsam_medseg.inference.organ_table import COLUMNS, write_table
from hsam_medseg.inference.predictor import predict_files
from hsam_medseg.inference.tidying import choose_organs, keep_labels, keep_largest
from visioncore.errors import InputError
from visioncore.medical.nifti import write_nifti
from visioncore.testing.suites.base import Run

PACKAGE = "hsam_medseg"
AFFINE = np.diag([2.0, 3.0, 5.0, 1.0])


def scan_of(seed: int = 0) -> Volume:
    return Volume(np.random.default_rng(seed).random((6, 40, 36), np.float32), AFFINE, located=True)


def predictor(model: HSAM, **options: Any) -> Predictor:
    return Predictor(model, "cpu", window="unit", notify=print, **options)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for number in range(2):
        volume = scan_of(number)
        write_nifti(tmp_path / "in" / f"p{number}.nii.gz", volume.voxels, volume)
    return tmp_path / "in"


# organs


def test_only_the_wanted_organs_stay_under_their_own_labels(tiny: HSAM) -> None:
    everything, spleen = (predictor(tiny, organs=organs)(scan_of()) for organs in ((), ("spleen",)))
    labels = np.asarray(everything)
    assert {1, 2} <= set(np.unique(labels))
    np.testing.assert_array_equal(spleen, np.where(labels == 2, 2, 0))
    assert spleen.voxels == {"spleen": everything.voxels["spleen"]}
    assert spleen.report["organs"] == {"spleen": everything.report["organs"]["spleen"]}
    assert "liver" in str(everything)
    assert "liver" not in str(spleen)


def test_an_organ_that_is_not_there_is_told_with_those_that_are(
    run: Run, scans: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    code, _, told = run("predict", scans, "--weights", tiny_weights, "--out", tmp_path / "o", "--organs", "lever")
    assert code == 2
    assert told.endswith("no organ 'lever'; the network has liver, spleen\n")
    assert not (tmp_path / "o").exists()


def test_organs_are_in_the_order_of_the_network() -> None:
    assert choose_organs("abc", "cb") == ("b", "c")
    assert choose_organs("abc", ()) == ("a", "b", "c")
    labels = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    keep_labels(labels, [4, 9])
    assert labels.ravel().tolist() == [0, 0, 0, 0, 4, 0]


# largest pieces


def test_of_each_organ_the_largest_piece_stays() -> None:
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[0, 0, :3] = 1  # three in a row, and two more that touch them by a corner and an edge
    labels[1, 1, 3] = labels[2, 2, 3] = 1
    wanted = labels.copy()
    labels[:, 5, 5] = 1  # three voxels
    labels[0, 7, 0], labels[2, 7, 7] = 2, 2  # two pieces of one size: the first stays
    wanted[0, 7, 0] = 2
    keep_largest(labels)
    np.testing.assert_array_equal(labels, wanted)


def test_pieces_of_one_organ_inside_the_box_of_another_are_left_alone() -> None:
    labels = np.full((1, 5, 5), 3, np.uint8)
    labels[0, 1:4, 1:4] = 1
    labels[0, 2, 2] = 3
    keep_largest(labels)
    assert labels[0, 2, 2] == 0
    assert (labels == 1).sum() == 8
    assert (labels == 3).sum() == 16


def test_the_predictor_keeps_the_largest_pieces(tiny: HSAM) -> None:
    plain, tidy = (predictor(tiny, largest_component=largest)(scan_of()) for largest in (False, True))
    expected = np.array(plain)
    keep_largest(expected)
    np.testing.assert_array_equal(tidy, expected)
    assert (np.asarray(plain) != expected).any()


# smoothing


@pytest.mark.parametrize("sizes", [[7], [1] * 7, [3, 3, 1], [2, 5]])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
def test_smoothing_is_a_gaussian_over_slices_whatever_the_batches(sizes: list[int], sigma: float) -> None:
    maps = torch.rand(7, 2, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = torch.cat(list(smoothed(iter(maps.split(sizes)), sigma)))
    weights = gaussian_filter1d(np.eye(7), sigma, axis=0, mode="constant", radius=max(1, int(np.ceil(3 * sigma))))
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, np.einsum("mn,nkhw->mkhw", weights, maps), atol=1e-12)
    assert list(smoothed(iter(()), sigma)) == []


def test_the_predictor_smooths_probabilities_and_one_slice_alone_stays_as_it_is(tiny: HSAM) -> None:
    scan = scan_of()
    plain, smooth, other = (
        predictor(tiny, smooth=sigma, batch=batch)(scan, probabilities=True)
        for sigma, batch in ((0, 8), (1, 8), (1, 2))
    )
    np.testing.assert_array_equal(smooth, other)
    likely, found = (np.asarray(result.probabilities, np.float32) for result in (plain, smooth))
    weights = np.exp(-0.5 * np.square(np.subtract.outer(range(6), range(6)))) * (np.tri(6, k=3) * np.tri(6, k=3).T)
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, np.einsum("mn,knhw->kmhw", weights, likely), atol=2e-3)
    one = Volume(scan.voxels[:1], AFFINE, located=True)
    np.testing.assert_array_equal(predictor(tiny, smooth=1)(one), predictor(tiny)(one))


def test_smoothing_names_the_slice_that_is_not_finite(tiny: HSAM, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = predictor(tiny, smooth=1, batch=2)
    logits = smooth.segmenter._logits
    seen: list[int] = []

    def broken(images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        return logits(images) * (float("nan") if len(seen) == 3 else 1)

    monkeypatch.setattr(smooth.segmenter, "_logits", broken)
    with pytest.raises(InputError, match=r"^slice 4: the network's output is not finite"):
        smooth(scan_of())


@pytest.mark.parametrize("sigma", [-1.0, 11.0, float("nan")])
def test_smoothing_has_bounds(tiny: HSAM, sigma: float) -> None:
    with pytest.raises(InputError, match="must be a number of slices from 0 to 10"):
        predictor(tiny, smooth=sigma)


# sizes and intensities


def test_mean_intensities_are_of_the_scan_itself(tiny: HSAM) -> None:
    scan = scan_of()
    hounsfield = scan.with_voxels((200 * scan.voxels - 50).astype(np.int16))
    result = Predictor(tiny, "cpu", window="-50,150", notify=print)(hounsfield)
    for name, label in (("liver", 1), ("spleen", 2)):
        assert result.mean_intensities[name] == pytest.approx(hounsfield.voxels[np.asarray(result) == label].mean())
        assert result.report["organs"][name]["mean_intensity"] == result.mean_intensities[name]
    colours = predictor(tiny)(np.repeat(scan.voxels[..., None], 3, axis=-1), order="DHW")
    assert colours.mean_intensities == {"liver": None, "spleen": None}


def test_one_table_of_all_scans(run: Run, scans: Path, tiny_weights: Path, tmp_path: Path) -> None:
    table = tmp_path / "organs.csv"
    arguments = ("predict", scans, "--weights", tiny_weights, "--window", "unit", "--out", tmp_path / "out")
    for _ in range(2):  # the second time all scans are skipped
        assert run(*arguments, "--no-preview", "--table", table)[0] == 0
        rows = list(csv.DictReader(table.open(encoding="utf-8")))
        assert [(Path(row["scan"]).name, row["organ"]) for row in rows] == [
            (f"p{number}.nii.gz", organ) for number in range(2) for organ in ("liver", "spleen")
        ]
        table_voxels = int(rows[1]["voxels"])
        table.unlink()
    assert table_voxels == (read_labels(tmp_path / "out" / "p0.nii.gz").voxels == 2).sum()
    code, _, told = run(*arguments, "--table", tmp_path / "organs.json")
    assert code == 2
    assert "is a CSV file" in told


def test_each_of_several_processes_writes_a_table_of_its_own(
    tiny: HSAM, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    predict_files([scans], predictor(tiny), tmp_path / "out", preview=False, table=tmp_path / "t.csv", say=print)
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["t-1.csv"]
    assert (tmp_path / "t-1.csv").read_text().count("p1.nii.gz") == 2


def test_a_damaged_report_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"scan": None, "organs": {"liver": {"label": 1}}}))
    with pytest.raises(InputError, match=r"a\.json: damaged"):
        write_table(tmp_path / "t.csv", [tmp_path / "a.json"])
    write_table(tmp_path / "t.csv", [tmp_path / "none.json"])
    assert (tmp_path / "t.csv").read_text().strip() == ",".join(COLUMNS)
