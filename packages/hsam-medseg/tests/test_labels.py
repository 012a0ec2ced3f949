"""Label maps: presets, files, and values that no map knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hsam_medseg.data.label_map import LabelMap, read_label_map
from hsam_medseg.network.config import SYNAPSE_CLASSES
from visioncore.errors import InputError


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.yaml"
    path.write_text(text)
    return path


def test_synapse() -> None:
    mapped = read_label_map("synapse").apply(np.arange(14))
    assert mapped.tolist() == [0, 1, 2, 3, 4, 0, 5, 6, 7, 0, 0, 8, 0, 0]
    assert mapped.dtype == np.uint8


def test_totalsegmentator() -> None:
    labels = read_label_map("totalsegmentator")
    assert labels.classes == SYNAPSE_CLASSES
    named = {"spleen": 1, "right kidney": 2, "left kidney": 3, "gallbladder": 4, "liver": 5, "stomach": 6, "aorta": 52}
    for name, value in {**named, "pancreas": 7}.items():
        assert labels.classes[labels.apply(np.array([value]))[0] - 1] == name
    assert not labels.apply(np.array([0, 8, 51, 53, 117, 255, 70000])).any()


@pytest.mark.parametrize(("preset", "name"), [("la", "left atrium"), ("promise12", "prostate")])
def test_one_class(preset: str, name: str) -> None:
    labels = read_label_map(preset)
    assert labels.classes == (name,)
    assert labels.apply(np.array([[0, 1]])).tolist() == [[0, 1]]


def test_a_file_with_a_list_of_names(tmp_path: Path) -> None:
    labels = read_label_map(write(tmp_path, "classes: [spleen, liver]\nignore: [5, 9]\n"))
    assert labels.classes == ("spleen", "liver")
    assert labels.apply(np.array([0, 1, 2, 5, 9])).tolist() == [0, 1, 2, 0, 0]


def test_a_file_with_values_of_names(tmp_path: Path) -> None:
    labels = read_label_map(write(tmp_path, "classes:\n  spleen: 1\n  kidneys: [2, 3]\n  liver: [6]\nignore: others\n"))
    assert labels.apply(np.array([0, 1, 2, 3, 4, 6, 99])).tolist() == [0, 1, 2, 2, 0, 3, 0]


def test_values_outside_the_list_are_named_with_the_file() -> None:
    labels = np.zeros((3, 4, 4), np.int16)
    labels[1, :2, 0] = 7
    labels[2, 0, 0] = -2
    with pytest.raises(
        InputError, match=r"scan7\.nii: 3 voxels have label values outside the list: -2, 7; it has 0, 1"
    ):
        LabelMap.of(["liver"]).apply(labels, "scan7.nii")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- spleen", "must hold classes"),
        ("names: [spleen]", "must hold classes"),
        ("classes: [spleen]\nignored: [3]", "must hold classes"),
        ("classes: spleen", "list of names"),
        ("classes: [spleen, 5]", "list of names"),
        ("classes: []", "classes are none"),
        ("classes: [spleen, spleen, liver]", "only once"),
        ("classes: {spleen: one}", "whole number"),
        ("classes: {spleen: 1.5}", "whole number"),
        ("classes: {spleen: true}", "whole number"),
        ("classes: {spleen: -1}", "from 0 to 65535"),
        ("classes: {spleen: 70000}", "from 0 to 65535"),
        ("classes: {spleen: 0}", "taken already"),
        ("classes: {spleen: 1, liver: [2, 1]}", "value 1 of liver is taken"),
        ("classes: [spleen]\nignore: [1]", "value 1 of spleen is taken"),
        ("classes: [spleen]\nignore: rest", "whole number"),
        ("classes: {spleen", "not YAML"),
        ("a: &a {spleen: 1}\nclasses: {<<: [*a, *a]}", "'<<' merges mappings"),
        ('classes: ["sple\\nen"]', "printable"),
        ("classes: [' ']", "printable"),
    ],
)
def test_files_that_describe_no_map(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=message) as caught:
        read_label_map(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_neither_file_nor_preset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nor one of synapse, totalsegmentator"):
        read_label_map(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("classes: {spleen: 1, liver: 2, spleen: 3}\n", "line 1: spleen is there twice"),
        ("classes:\n  spleen: 1\n  liver: 2\n  'spleen': 3\n", "line 4: spleen is there twice"),
        ("classes: {spleen: 1}\nignore: [2]\nignore: [3]\n", "line 3: ignore is there twice"),
        ("classes: [spleen, liver, spleen]\n", "each only once"),
        ("classes:\n  spleen: 1\n  liver: 010\n", "liver is '010'; it must be a whole number in plain digits"),
        ("classes: {spleen: [1, 0x1F]}\n", r"spleen is \[1, '0x1F'\]; it must be a whole number in plain digits"),
        ("classes: {spleen: 1}\nignore: [1_000]\n", r"ignore is \['1_000'\]"),
        ("classes: {spleen: 1:30}\n", "spleen is '1:30'"),
    ],
)
def test_what_a_file_may_mean_otherwise_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        read_label_map(write(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "labels.yaml" in str(caught.value)


def test_unknown_values_tell_how_to_ignore_them(tmp_path: Path) -> None:
    labels = read_label_map(write(tmp_path, "classes: {spleen: 1}\n"))
    with pytest.raises(InputError, match=r"ignore them \(ignore: \[5, 9\]\), or ignore all others \(ignore: others\)"):
        labels.apply(np.array([0, 1, 7]))
