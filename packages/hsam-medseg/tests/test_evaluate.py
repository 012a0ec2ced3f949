"""How segmentations are measured: the golden values, both protocols on scans, labels made before, what is refused."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from hsam_medseg import HSAM, Output, Predictor, Preprocessing, Volume
from hsam_medseg.data.label_map import LabelMap
from hsam_medseg.data.labels import write_labels
from hsam_medseg.data.prepare import Preparation, prepare
from hsam_medseg.evaluation.protocols import evaluate
from hsam_medseg.evaluation.tolerances import parse_tolerances, tolerances_of
from hsam_medseg.inference.predictor import predict_files
from hsam_medseg.network.config import SYNAPSE_CLASSES
from visioncore.errors import InputError
from visioncore.metrics.segmentation import hd95, organ_metrics, surface, surface_dice

h5py: Any = import_module("h5py")

Labels = NDArray[np.integer[Any]]
CLASSES = ("liver", "spleen", "aorta")
AFFINE = np.array([[-0.8, 0, 0, 10], [0, -0.9, 0, 20], [0, 0, 3.0, 5], [0, 0, 0, 1]])
"""Of columns to the left, rows to the back and slices upwards, 0.8 x 0.9 x 3 mm apart."""


class Levels(nn.Module):
    """Stands for a network: each class is a level of grey, c / C for class c.

    Args:
        classes: their names.
        size: side of the network's slices.
        preprocessing: what is done to scans.
        logits: of grey values (B, 1, S, S) and levels (1, K, 1, 1), (B, K, S, S).
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        size: int,
        preprocessing: Preprocessing,
        logits: Callable[[Tensor, Tensor], Tensor] = lambda grey, levels: -((grey - levels) ** 2),
    ) -> None:
        super().__init__()
        # a size of 28 would be refused by the configuration itself
        self.config: Any = SimpleNamespace(
            classes=classes,
            channels=len(classes) + 1,
            image_size=size,
            preprocessing=preprocessing,
            decoder="hierarchical",
        )
        self.logits = logits
        self.levels = nn.Parameter(torch.arange(len(classes) + 1).view(1, -1, 1, 1) / len(classes))

    def forward(self, images: Tensor) -> Output:
        fine = self.logits(images[:, :1], self.levels)
        return Output(torch.zeros_like(fine[..., ::4, ::4]), fine)


# the golden case


@pytest.fixture(scope="module")
def about(golden: Callable[[str], Any]) -> dict[str, Any]:
    return golden("evaluation").about


@pytest.fixture(scope="module")
def pair(about: dict[str, Any], make_input: Callable[..., Tensor]) -> tuple[Labels, Labels]:
    """Prediction and reference of the golden case."""
    reference = make_input(about["inputs"]["reference"]).numpy()
    for axis, times in enumerate((3, 4, 4)):
        reference = reference.repeat(times, axis=axis)
    noise = make_input({"generator": "uniform_input", "tag": "eval-a-noise", "shape": reference.shape}).numpy()
    prediction = np.roll(reference, (1, 1, 2), axis=(0, 1, 2))
    prediction[(noise < 0.05) | (prediction == 8)] = 0
    return prediction, np.where(reference == 1, 2, reference)


def test_golden_scores_of_organs(about: dict[str, Any], pair: tuple[Labels, Labels]) -> None:
    values = about["values"]
    scores = np.array([score[:2] for score in organ_metrics(*pair, 8, "synapse")])
    np.testing.assert_allclose(scores, values["per_class_dice_hd95"], rtol=1e-12)
    np.testing.assert_allclose(scores.mean(axis=0), [values["mean_dice"], values["mean_hd95"]], rtol=1e-12)
    (empty,) = organ_metrics(pair[0] * 0, pair[1] * 0, 1, "synapse")
    assert list(empty[:2]) == values["both_empty"]


def test_golden_surfaces_and_distances_in_mm(about: dict[str, Any], pair: tuple[Labels, Labels]) -> None:
    values = about["values"]
    organ, spacing = (values["hd95_with_spacing"][key] for key in ("class", "spacing"))
    found, wanted = (labels == organ for labels in pair)
    assert hd95(found, wanted, spacing) == pytest.approx(values["hd95_with_spacing"]["value"], rel=1e-12)
    assert organ_metrics(*pair, 8, "sound", spacing)[organ - 1].hd95 == hd95(found, wanted, spacing)
    assert surface(found).sum() == values["surface_voxels"]["prediction"]
    assert surface(wanted).sum() == values["surface_voxels"]["reference"]


def stretched(grey: Tensor) -> Tensor:
    low, high = grey.amin((2, 3), keepdim=True), grey.amax((2, 3), keepdim=True)
    return (grey - low) / (high - low)


def first(grey: Tensor, levels: Tensor) -> Tensor:
    return -((stretched(grey) - levels) ** 2)


def second(grey: Tensor, levels: Tensor) -> Tensor:
    return -((stretched(grey) ** 2 - levels) ** 2)


@pytest.mark.parametrize("stage", ["fused", "fine"])
def test_golden_volume(
    stage: Literal["fused", "fine"],
    golden: Callable[[str], Any],
    make_input: Callable[..., Tensor],
    tmp_path: Path,
) -> None:
    case = golden("evaluation")
    values, inputs = case.about["values"], case.about["inputs"]
    image = ndimage.uniform_filter(make_input(inputs["volume"]).numpy(), (1, 5, 5))
    label = make_input(inputs["volume_labels"]).numpy().repeat(4, axis=1).repeat(4, axis=2)
    with h5py.File(tmp_path / "case0001.npy.h5", "w") as file:
        file["image"], file["label"] = image, label

    def both(grey: Tensor, levels: Tensor) -> Tensor:
        # fused with zeros of a first decoder: the mean of the two
        return first(grey, levels) + second(grey, levels)

    unit = Preprocessing("unit", "stored", case.about["config"]["input_size"][0])
    model = Levels(SYNAPSE_CLASSES, case.about["config"]["patch_size"][0], unit, both if stage == "fused" else second)
    predictor = Predictor(cast(HSAM, model), "cpu", stage=stage)
    name = "volume.stage3" if stage == "fused" else "volume.stage2"
    case.close(f"{name}.prediction", torch.from_numpy(predictor(image, order="DHW").labels.voxels))
    result = evaluate(tmp_path, predictor, protocols=["synapse"], say=silent)
    assert result.cases == ["case0001"]
    scores = np.stack((result.scores["dice_synapse"][0], result.scores["hd95_synapse"][0]), axis=1)
    np.testing.assert_allclose(scores, values[f"{name}.per_class_dice_hd95"], rtol=1e-6)
    np.testing.assert_allclose([*result.means().values()], values[f"{name}.case_mean"], rtol=1e-6)


# scans


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


def organs(seed: int) -> NDArray[np.uint8]:
    """Labels (6, 16, 16) with liver and spleen."""
    centres = np.random.default_rng(seed).uniform(4, 12, (2, 2))
    labels = np.zeros((6, 16, 16), np.uint8)
    rows, columns = np.mgrid[:16, :16]
    for label, (row, column) in enumerate(centres, start=1):
        labels[1:5, (rows - row) ** 2 + (columns - column) ** 2 < 12] = label
    return labels


def write(path: Path, voxels: Labels, affine: NDArray[np.float64] | None = AFFINE, orientation: str = "LPS") -> None:
    volume = Volume(voxels) if affine is None else Volume(voxels, affine, True).oriented(orientation)
    write_labels(path, volume)


@pytest.fixture
def predictor() -> Predictor:
    """Finds in every voxel the class c where the scan holds 10 c."""
    return Predictor(cast(HSAM, Levels(CLASSES, 16, Preprocessing("0,30", "LPS"))), "cpu", notify=silent)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three cases; the second has no spleen but is found to have one, the third one that is not found."""
    for number in (1, 2, 3):
        there = organs(number)
        found = np.roll(there, number, axis=2)
        if number == 2:
            there[there == 2] = 0
        if number == 3:
            found[found == 2] = 0
        write(tmp_path / "data" / "images" / f"case{number}.nii.gz", found * 10)
        write(tmp_path / "data" / "labels" / f"case{number}.nii.gz", there, orientation="RAS")
    return tmp_path / "data"


def found_and_there(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    there = organs(number)
    found = np.roll(there, number, axis=2)
    return np.where(found == 2, 2 * (number != 3), found), np.where(there == 2, 2 * (number != 2), there)


def test_every_case_by_both_protocols(predictor: Predictor, data: Path) -> None:
    result = evaluate(data, predictor, say=silent)
    assert result.cases == ["case1", "case2", "case3"]
    assert result.organs == CLASSES
    assert list(result.scores) == ["dice_synapse", "hd95_synapse", "dice_sound", "hd95_sound_mm", "nsd_sound"]
    for row in range(3):
        found, there = found_and_there(row + 1)
        for protocol, unit in (("synapse", ""), ("sound", "_mm")):
            expected = np.array(organ_metrics(found, there, 3, protocol, (3.0, 0.9, 0.8))).T
            np.testing.assert_array_equal(result.scores[f"dice_{protocol}"][row], expected[0])
            np.testing.assert_allclose(result.scores[f"hd95_{protocol}{unit}"][row], expected[1], rtol=1e-6)
            np.testing.assert_array_equal(result.voxels[row], expected[2])
            np.testing.assert_array_equal(result.reference_voxels[row], expected[3])
    np.testing.assert_allclose(result.voxel_ml, 3 * 0.9 * 0.8 / 1000)
    assert result.segmented_by == "Levels, fused logits, window 0,30, float32"


def test_the_surface_dice_has_a_tolerance_for_each_organ(predictor: Predictor, data: Path, tmp_path: Path) -> None:
    result = evaluate(data, predictor, tolerance=0.9, organ_tolerances={"liver": 2})
    assert result.tolerances_mm == [2, 0.9, 0.9]
    for row in range(3):
        found, there = found_and_there(row + 1)
        for column, (label, tolerance) in enumerate(((1, 2.0), (2, 0.9))):
            expected = surface_dice(found == label, there == label, tolerance, (3.0, 0.9, 0.8))
            assert result.scores["nsd_sound"][row, column] == pytest.approx(expected)
    assert np.isnan(result.scores["nsd_sound"][:, 2]).all()
    assert 0 < result.scores["nsd_sound"][2, 0] < 1
    result.save(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["tolerances_mm"] == {"liver": 2, "spleen": 0.9, "aorta": 0.9}
    assert evaluate(data, predictor).tolerances_mm == [3, 3, 3]


def test_tolerances_on_the_command_line() -> None:
    assert parse_tolerances(["3", "left kidney=2.5", "a=b=1"]) == (3, {"left kidney": 2.5, "a=b": 1})
    assert parse_tolerances([]) == (3, {})
    for texts, told in ((["wide"], "tolerance is 'wide'; it must be"), (["aorta="], "tolerance is 'aorta='")):
        with pytest.raises(InputError, match=told):
            parse_tolerances(texts)
    with pytest.raises(InputError, match="a tolerance is for colon; the classes are liver, spleen, aorta"):
        tolerances_of(CLASSES, 3, {"colon": 1})
    for value in (-1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="must be millimetres, 0 or more"):
            tolerances_of(CLASSES, value, {})


def test_means_leave_out_what_is_undefined(predictor: Predictor, data: Path) -> None:
    result = evaluate(data, predictor)
    liver, spleen, _ = result.scores["dice_sound"].T
    assert spleen[1] == spleen[2] == 0
    assert result.means()["dice_sound"] == pytest.approx((liver.mean() + spleen[0] / 3) / 2)
    assert result.spreads()["dice_sound"] == pytest.approx(np.std((liver + spleen) / 2, ddof=1))
    liver, spleen, _ = result.scores["hd95_sound_mm"].T
    assert result.means()["hd95_sound_mm"] == pytest.approx((liver.mean() + spleen[0]) / 2)
    liver, spleen, aorta = result.scores["dice_synapse"].T
    assert list(spleen[1:]) == [1, 0]
    assert list(aorta) == [0, 0, 0]
    assert result.means()["dice_synapse"] == pytest.approx((liver.mean() + spleen.mean()) / 3)


def test_what_is_written(predictor: Predictor, data: Path, tmp_path: Path) -> None:
    result = evaluate(data, predictor)
    result.save(tmp_path / "out")
    with (tmp_path / "out" / "per_case.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["organ"]) for row in rows[2:5]] == [
        ("case1", "aorta"),
        ("case2", "liver"),
        ("case2", "spleen"),
    ]
    assert float(rows[3]["hd95_sound_mm"]) == result.scores["hd95_sound_mm"][1, 0]
    assert float(rows[3]["ml"]) == pytest.approx(result.voxels[1, 0] * 3 * 0.9 * 0.8 / 1000)
    assert (rows[4]["dice_sound"], rows[4]["hd95_sound_mm"], rows[4]["reference_ml"]) == ("0.0", "", "0.0")
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        summary = {row["organ"]: row for row in csv.DictReader(file)}
    assert list(summary) == [*CLASSES, "all"]
    liver = result.scores["dice_synapse"][:, 0]
    assert float(summary["liver"]["dice_synapse"]) == pytest.approx(liver.mean())
    assert float(summary["liver"]["dice_synapse_sd"]) == pytest.approx(liver.std(ddof=1))
    assert summary["spleen"]["hd95_sound_mm_sd"] == summary["aorta"]["dice_sound"] == ""
    counts = {organ: [int(row[name]) for name in ("absent", "missed", "invented")] for organ, row in summary.items()}
    assert counts == {"liver": [0, 0, 0], "spleen": [0, 1, 1], "aorta": [3, 0, 0], "all": [3, 1, 1]}
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["cases"], report["cases_of_unknown_voxel_size"]) == (3, 0)
    assert report["means"] == pytest.approx(result.means())
    assert report["spreads"] == pytest.approx(result.spreads())
    assert report["organs"]["spleen"]["missed"] == 1
    assert report["organs"]["aorta"]["hd95_sound_mm"] is None
    assert [(row["case"], row["organ"]) for row in report["per_case"]] == [(row["case"], row["organ"]) for row in rows]
    assert report["per_case"][3]["hd95_sound_mm"] == result.scores["hd95_sound_mm"][1, 0]
    for name in ("per_case.md", "summary.md"):
        assert "| spleen |" in (tmp_path / "out" / name).read_text()


@pytest.mark.parametrize(("case", "counts"), [("case1", (0, 0, 0)), ("case2", (0, 0, 1)), ("case3", (0, 1, 0))])
def test_missed_is_not_invented(predictor: Predictor, data: Path, case: str, counts: tuple[int, ...]) -> None:
    summary = evaluate(data, predictor, cases=[case]).summary()
    assert summary.columns[-3:] == ["absent", "missed", "invented"]
    assert [row[-3:] for row in summary.rows if row[0] == "spleen"] == [counts]


def test_the_overview_has_the_means_of_the_summary(predictor: Predictor, data: Path) -> None:
    result = evaluate(data, predictor)
    overview, summary = result.overview(), result.summary()
    assert overview.columns == ["organ", *result.scores]
    for short, row in zip(overview.rows, summary.rows, strict=True):
        whole = dict(zip(summary.columns, row, strict=True))
        assert list(short) == [whole[name] for name in overview.columns]


def test_some_cases(predictor: Predictor, data: Path) -> None:
    (data / "images" / "case4.nii.gz").write_bytes((data / "images" / "case1.nii.gz").read_bytes())
    with pytest.raises(InputError, match="1 of 4 scans have no labels: case4"):
        evaluate(data, predictor)
    whole = evaluate(data, predictor, cases=["case1", "case2", "3"])
    some = evaluate(data, predictor, cases=["case3", "case1"])
    assert some.cases == ["case1", "case3"]
    for name, values in some.scores.items():
        np.testing.assert_array_equal(values, whole.scores[name][[0, 2]])
    with pytest.raises(InputError, match="0 of 4 cases are called 0001"):
        evaluate(data, predictor, cases="synapse-test")


def test_a_single_case_has_no_spread(predictor: Predictor, data: Path) -> None:
    (data / "one.csv").write_text("images/case1.nii.gz,labels/case1.nii.gz\n")
    result = evaluate(data / "one.csv", predictor, protocols=["sound"])
    assert list(result.scores) == ["dice_sound", "hd95_sound_mm", "nsd_sound"]
    assert all(math.isnan(spread) for spread in result.spreads().values())


def test_voxels_of_unknown_size_are_told(predictor: Predictor, tmp_path: Path) -> None:
    for number in (1, 2):
        found, there = found_and_there(number)
        np.savez(tmp_path / f"case{number}.npz", image=found * 10, label=there)
    said: list[str] = []
    result = evaluate(tmp_path, predictor, say=said.append)
    assert said == [f"{tmp_path}: 2 of 2 cases do not say how large voxels are; what is in mm or ml stays empty"]
    assert np.isnan(result.scores["hd95_sound_mm"]).all()
    assert np.isnan(result.voxel_ml).all()
    assert math.isnan(result.means()["hd95_sound_mm"])
    assert result.means()["dice_sound"] > 0
    assert result.scores["hd95_synapse"][0, 0] > 0
    assert result.table().rows[0][-2:] == (None, None)


# what label values mean


def test_values_of_the_reference_are_mapped(predictor: Predictor, data: Path) -> None:
    expected = evaluate(data, predictor)
    for number in (1, 2, 3):
        there = found_and_there(number)[1]
        write(data / "labels" / f"case{number}.nii.gz", np.where(there == 2, 7, there) + 4 * (there == 0))
    with pytest.raises(InputError, match=r"label values outside the list: 4, 7; it has 0, 1, 2, 3"):
        evaluate(data, predictor)
    label_map = LabelMap(CLASSES, {0: 0, 4: 0, 1: 1, 7: 2, 3: 3})
    mapped = evaluate(data, predictor, labels=label_map)
    np.testing.assert_array_equal(mapped.scores["dice_synapse"], expected.scores["dice_synapse"])
    with pytest.raises(InputError, match="labels are of spleen, liver; the network's classes are liver, spleen, aorta"):
        evaluate(data, predictor, labels=LabelMap.of(("spleen", "liver")))


def test_prepared_data_know_what_their_values_mean(predictor: Predictor, data: Path, tmp_path: Path) -> None:
    expected = evaluate(data, predictor)
    for number in (1, 2, 3):
        write(data / "labels" / f"case{number}.nii.gz", found_and_there(number)[1] * 2)
    prepare(data, tmp_path / "prepared", Preparation(LabelMap(CLASSES, {0: 0, 2: 1, 4: 2, 6: 3}), "0,30"))
    result = evaluate(tmp_path / "prepared", predictor)
    np.testing.assert_array_equal(result.scores["dice_sound"], expected.scores["dice_sound"])


# labels that were made before


def test_labels_made_before(predictor: Predictor, data: Path, tmp_path: Path) -> None:
    expected = evaluate(data, predictor)
    predict_files([data / "images"], predictor, tmp_path / "made")
    write(tmp_path / "made" / "case10.nii.gz", organs(0))
    result = evaluate(data, tmp_path / "made", labels=LabelMap.of(CLASSES))
    for name, values in expected.scores.items():
        np.testing.assert_array_equal(result.scores[name], values)
    assert result.segmented_by == str(tmp_path / "made")


@pytest.mark.parametrize("kind", ["turned", "slices", "as labels", "npz"])
def test_labels_made_by_others(kind: str, predictor: Predictor, data: Path, tmp_path: Path) -> None:
    expected = evaluate(data, predictor)
    for number in (1, 2, 3):
        found = found_and_there(number)[0]
        if kind == "as labels":
            (data / "images" / f"case{number}.nii.gz").rename(data / "images" / f"case{number}_0000.nii.gz")
        if kind == "slices":
            write(tmp_path / "made" / f"case{number}", found, None)
        elif kind == "npz":
            write(tmp_path / "made" / f"case{number}.npz", found)
        else:
            write(tmp_path / "made" / f"case{number}.nii.gz", found, orientation="SRA" if kind == "turned" else "LPS")
    result = evaluate(data, tmp_path / "made", labels=LabelMap.of(CLASSES))
    np.testing.assert_array_equal(result.scores["dice_sound"], expected.scores["dice_sound"])
    np.testing.assert_allclose(result.scores["hd95_sound_mm"], expected.scores["hd95_sound_mm"], rtol=1e-6)


def test_scans_of_one_name_are_told_apart_by_their_folders(predictor: Predictor, tmp_path: Path) -> None:
    for number in (1, 2):
        found, there = (np.moveaxis(labels, 0, -1) for labels in found_and_there(number))
        (tmp_path / "data" / f"CASE{number}").mkdir(parents=True)
        with h5py.File(tmp_path / "data" / f"CASE{number}" / "mri_norm2.h5", "w") as file:
            file["image"], file["label"] = found * 10, there
    expected = evaluate(tmp_path / "data", predictor, protocols=["synapse"])
    predict_files([tmp_path / "data"], predictor, tmp_path / "made", preview=False)
    result = evaluate(tmp_path / "data", tmp_path / "made", protocols=["synapse"], labels=LabelMap.of(CLASSES))
    np.testing.assert_array_equal(result.scores["hd95_synapse"], expected.scores["hd95_synapse"])
    write(tmp_path / "flat" / "mri_norm2.nii.gz", found_and_there(1)[0])
    with pytest.raises(InputError, match=r"2 cases would be measured by it; name segmentations as the cases: CASE1"):
        evaluate(tmp_path / "data", tmp_path / "flat", labels=LabelMap.of(CLASSES))


def test_labels_made_before_that_do_not_fit(data: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    label_map = LabelMap.of(CLASSES)
    with pytest.raises(InputError, match="no such folder of segmentations"):
        evaluate(data, made, labels=label_map)
    write(made / "case1.nii.gz", organs(1))
    with pytest.raises(InputError, match="no segmentation for 2 of 3 cases: case2, case3"):
        evaluate(data, made, labels=label_map)
    write(made / "case2.nii.gz", organs(2) * 2)
    write(made / "case3.nii.gz", organs(3)[:, 1:])
    with pytest.raises(InputError, match=r"case2\.nii\.gz: \d+ voxels have label values outside the list: 4"):
        evaluate(data, made, labels=label_map)
    with pytest.raises(InputError, match="the labels in this folder have no names; say which classes there are"):
        evaluate(data, made)
    write(made / "case2.nii.gz", organs(2))
    with pytest.raises(InputError, match=r"case3\.nii\.gz: labels are 6 x 15 x 16 and their scan"):
        evaluate(data, made, labels=label_map)


def test_protocols_that_are_not_known(predictor: Predictor, data: Path) -> None:
    with pytest.raises(InputError, match="unknown protocol best; known are synapse, sound"):
        evaluate(data, predictor, protocols=["sound", "best"])
    with pytest.raises(InputError, match=r"unknown protocol \(none\)"):
        evaluate(data, predictor, protocols=[])
