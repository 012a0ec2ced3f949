"""Classes that become one, in results and in measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsam_medseg import Predictor
from hsam_medseg.data.label_names import label_names
from hsam_medseg.data.labels import read_labels
from hsam_medseg.data.merging import merge_classes, parse_merging
from hsam_medseg.evaluation.protocols import evaluate
from hsam_medseg.inference.predictor import predict_files
from visioncore.errors import InputError
from visioncore.medical import Volume

CLASSES = ("right kidney", "liver", "left kidney")
KIDNEYS = ("kidney=left kidney+right kidney",)


def test_a_merged_class_takes_the_place_of_its_first_part() -> None:
    merging = merge_classes(CLASSES, parse_merging(KIDNEYS))
    assert merging.classes == ("kidney", "liver")
    np.testing.assert_array_equal(merging.apply(np.array([[0, 1], [2, 3]])), [[0, 1], [2, 1]])
    assert merge_classes(CLASSES, {}).table.tolist() == [0, 1, 2, 3]
    # a part may lend its name
    assert merge_classes(CLASSES, parse_merging(["liver = liver + left kidney"])).classes == ("right kidney", "liver")


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["kidney"], "merge is 'kidney'; it must be such as"),
        (["=liver"], "merge is '=liver'"),
        (["kidney=liver+"], r"merge is 'kidney=liver\+'"),
        (["a=liver", "a=left kidney"], "merge makes a twice"),
        (["a=spleen"], "merge names 'spleen'; the classes are right kidney, liver, left kidney"),
        (["a=liver", "b=liver+left kidney"], "merge names liver twice"),
        (["liver=left kidney+right kidney"], "merge makes liver, which is a class already"),
    ],
)
def test_what_cannot_be_merged_is_told(texts: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        merge_classes(CLASSES, parse_merging(texts))


def test_results_are_merged(tiny: Any, tmp_path: Path) -> None:
    """The network of the tests has the classes liver and spleen."""
    scan = np.random.default_rng(0).random((2, 40, 40)).astype(np.float32)
    plain = Predictor(tiny, "cpu", window="range", notify=print)(scan, order="DHW")
    merged = Predictor(tiny, "cpu", window="range", merge=["both=liver+spleen"], notify=print)
    result = merged(scan, order="DHW")
    assert result.classes == result.organs == ("both",)
    assert plain.labels.voxels.max() > 0
    np.testing.assert_array_equal(result.labels.voxels, plain.labels.voxels > 0)
    np.testing.assert_array_equal(merged.segment(scan), plain.labels.voxels > 0)
    assert result.voxels["both"] == sum(plain.voxels.values())
    np.save(tmp_path / "scan.npy", scan)
    predict_files([tmp_path / "scan.npy"], merged, tmp_path / "out", preview=False)
    assert label_names(read_labels(tmp_path / "out" / "scan.nii.gz")) == {1: "both"}
    with pytest.raises(InputError, match="leave out merge or probabilities"):
        predict_files([tmp_path / "scan.npy"], merged, tmp_path / "out", probabilities=True)
    only = Predictor(tiny, "cpu", window="range", organs=["spleen"], merge=["organ=spleen"], notify=print)
    assert only(scan, order="DHW").organs == ("organ",)


def test_merged_classes_are_measured_as_one(tmp_path: Path, tiny: Any) -> None:
    from hsam_medseg.data.label_map import LabelMap
    from hsam_medseg.data.labels import write_labels

    reference = np.zeros((3, 8, 8), np.uint8)
    reference[:, :4], reference[:, 4:, :4] = 1, 3
    swapped = np.array([0, 3, 2, 1], np.uint8)[reference]
    for folder, voxels in (("images", reference), ("labels", reference), ("made", swapped)):
        write_labels(tmp_path / folder / "a.nii.gz", Volume(voxels, np.eye(4), located=True))
    call: dict[str, Any] = {"labels": LabelMap.of(CLASSES), "protocols": ["sound"]}
    apart = evaluate(tmp_path, tmp_path / "made", **call)
    assert np.nansum(apart.scores["dice_sound"]) == 0
    one = evaluate(tmp_path, tmp_path / "made", merge=KIDNEYS, organ_tolerances={"kidney": 1.0}, **call)
    assert one.organs == ("kidney", "liver")
    assert one.scores["dice_sound"][0, 0] == 1
    assert one.tolerances_mm == [1, 3]
    with pytest.raises(InputError, match="give merge to evaluate"):
        evaluate(tmp_path, Predictor(tiny, "cpu", merge=["both=liver+spleen"], notify=print))
