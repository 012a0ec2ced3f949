"""Names of labels inside files: written, read back, and gone by where classes are looked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hsam_medseg import Predictor, Volume
from hsam_medseg.data.label_map import LabelMap
from hsam_medseg.data.label_names import label_names, name_words, names_extension
from hsam_medseg.data.labels import read_labels, write_labels
from hsam_medseg.evaluation.protocols import evaluate
from visioncore.errors import InputError
from visioncore.medical.nifti import write_nifti

nibabel: Any = import_module("nibabel")
AFFINE = np.diag([2.0, 3.0, 5.0, 1.0])
NAMES = {1: "right kidney", 2: 'Leber & <Milz> "ß"', 7: "aorta"}


def volume_of(*labels: int) -> Volume:
    voxels = np.zeros((2, 6, 8), np.uint8)
    for place, label in enumerate(labels):
        voxels[:, :, 2 * place + 1] = label
    return Volume(voxels, AFFINE, located=True)


def write_table(path: Path, volume: Volume, content: bytes, code: int = 0) -> Path:
    write_nifti(path, volume.voxels, volume, extension=(code, content))
    return path


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".hdr"])
def test_names_survive_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"labels{suffix}"
    write_labels(path, volume_of(1, 2, 7), NAMES)
    found = read_labels(path)
    assert label_names(found) == NAMES
    np.testing.assert_array_equal(found.voxels, volume_of(1, 2, 7).voxels)
    (extension,) = nibabel.load(path).header.extensions
    assert extension.get_code() == 0
    assert extension.get_content().startswith(b"<?xml")
    # written again in the place of what was read, the header has the new names alone
    write_labels(path, found, {3: "liver"})
    assert label_names(read_labels(path)) == {3: "liver"}
    write_labels(path, found)
    assert label_names(read_labels(path)) == {}


def test_the_table_of_totalsegmentator_is_read(tmp_path: Path) -> None:
    content = (
        b'<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14T05:45:09]]></Date>   '
        b'<VolumeInformation Index="0">   <LabelTable>\n<Label Key="2" Red="0.0" Green="0.0" Blue="1.0" Alpha="1">'
        b'<![CDATA[kidney_right]]></Label>\n<Label Key="52" Red="1" Green="1" Blue="0" Alpha="1"><![CDATA[aorta]]>'
        b"</Label>\n\n  </LabelTable>  <VolumeType><![CDATA[Label]]></VolumeType>   </VolumeInformation>"
        b"</CaretExtension>\n              "
    )
    path = write_table(tmp_path / "a.nii.gz", volume_of(2, 52), content)
    names = label_names(read_labels(path))
    assert label_names(read_labels(write_table(tmp_path / "b.nii", volume_of(2), content, 30))) == names
    assert names == {2: "kidney_right", 52: "aorta"}
    label_map = LabelMap.by_names(("aorta", "right kidney", "liver"), names, path)
    assert label_map.apply(read_labels(path).voxels).max(axis=(0, 1)).tolist() == [0, 2, 0, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"<CaretExtension><LabelTable><Label Key=",
        b"<CaretExtension><LabelTable><Label>a</Label></LabelTable></CaretExtension>",
        b'<CaretExtension><LabelTable><Label Key="one">a</Label></LabelTable></CaretExtension>',
        b'<!DOCTYPE a [<!ENTITY b "liver">]><a><Label Key="1">&b;</Label></a>',
        b'<a><Label Key="0">background</Label><Label Key="2"> </Label></a>',
    ],
)
def test_what_is_no_table_of_names_is_passed_over(tmp_path: Path, content: bytes) -> None:
    assert label_names(read_labels(write_table(tmp_path / "a.nii", volume_of(1), content, 6))) == {}


def test_names_are_compared_by_their_words() -> None:
    assert name_words("Kidney_left") == name_words("left kidney")
    assert name_words("rib_left_1") != name_words("rib_left_11")
    assert name_words("größe-2") == {"größe", "2"}
    with pytest.raises(InputError, match=r"^a\.nii: its labels are called aorta; none of them is liver, spleen; give"):
        LabelMap.by_names(("liver", "spleen"), {1: "aorta"}, "a.nii")


@pytest.fixture
def cases(tmp_path: Path) -> Callable[[dict[int, str] | None, dict[int, str] | None], tuple[Path, Path]]:
    """Write a scan, its reference with the labels 1 and 2, and a result with the same, numbered 5 and 4."""

    def write(reference: dict[int, str] | None, found: dict[int, str] | None) -> tuple[Path, Path]:
        write_labels(tmp_path / "data" / "images" / "a.nii.gz", volume_of(1, 2))
        write_labels(tmp_path / "data" / "labels" / "a.nii.gz", volume_of(1, 2), reference)
        write_labels(tmp_path / "found" / "a.nii.gz", volume_of(5, 4) if found else volume_of(1, 2), found)
        return tmp_path / "data", tmp_path / "found"

    return write


def test_results_are_measured_by_the_names_in_their_files(cases: Any) -> None:
    data, found = cases({1: "liver", 2: "left kidney"}, {3: "aorta", 4: "kidney_left", 5: "Liver"})
    evaluation = evaluate(data, found, labels=LabelMap.of(("liver", "left kidney")))
    assert evaluation.scores["dice_sound"].tolist() == [[1, 1]]
    # without a label map the classes are those that the results name
    evaluation = evaluate(data, found)
    assert evaluation.organs == ("aorta", "kidney_left", "Liver")
    np.testing.assert_array_equal(evaluation.scores["dice_sound"], [[np.nan, 1, 1]])


def test_references_without_names_go_by_their_values(cases: Any) -> None:
    data, found = cases(None, {5: "liver", 4: "left kidney"})
    evaluation = evaluate(data, found, labels=LabelMap.of(("liver", "left kidney")))
    assert evaluation.scores["dice_sound"].tolist() == [[1, 1]]


def test_a_network_is_measured_by_the_names_of_the_reference(cases: Any, tiny: Any) -> None:
    predictor = Predictor(tiny, "cpu", window="0,3", notify=print)
    data, _ = cases({1: "spleen", 2: "aorta"}, None)
    by_name = evaluate(data, predictor)
    assert by_name.reference_voxels.tolist() == [[0, 12]]
    data, _ = cases({1: "colon", 2: "aorta"}, None)
    with pytest.raises(InputError, match="its labels are called colon, aorta; none of them is liver, spleen"):
        evaluate(data, predictor)


def test_what_the_predictor_saves_is_named(tiny: Any, tmp_path: Path) -> None:
    result = Predictor(tiny, "cpu", window="0,3", organs=("spleen",), notify=print)(volume_of(1, 2))
    assert label_names(read_labels(result.save(tmp_path / "a.nii.gz"))) == {2: "spleen"}


def test_names_in_a_file_are_no_longer_than_a_header_needs() -> None:
    code, content = names_extension({1: "a"})
    assert code == 0
    assert content.count(b"<Label ") == 1
