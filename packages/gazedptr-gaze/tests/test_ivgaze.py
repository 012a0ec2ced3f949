"""IVGaze's label files and images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from gazedptr_gaze.data.faces import network_inputs
from gazedptr_gaze.data.ivgaze import read_face, read_fold
from gazedptr_gaze.data.pixels import eight_bits
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.testing import deterministic
from visioncore.testing.golden import GoldenCase


@pytest.fixture
def case(golden: Callable[[str], GoldenCase]) -> GoldenCase:
    """The golden case of the reader."""
    return golden("geometry_metrics")


@pytest.fixture
def ivgaze(case: GoldenCase, tmp_path: Path) -> Path:
    """A copy of IVGaze with one fold of three samples."""
    for tree, lines in case.about["label_lines"].items():
        labels = tmp_path / tree / "label_class" / "train2.txt"
        labels.parent.mkdir(parents=True)
        labels.write_text("\n".join(lines) + "\n")
        for index, line in enumerate(lines[1:]):
            pixels = deterministic.integer_input(f"met-a:{tree}:{index}", 0, 256, [16, 20, 3]).astype(np.uint8)
            write_image(tmp_path / tree / line.split()[0], Image(np.ascontiguousarray(pixels[:, :, ::-1])))
    return tmp_path


def change(ivgaze: Path, tree: str, line: int, old: str, new: str) -> Path:
    """Replace text in a line, counted from 1, of a label file; return the file."""
    path = ivgaze / tree / "label_class" / "train2.txt"
    lines = path.read_text().splitlines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new)
    path.write_text("\n".join(lines))
    return path


def test_published_reader(ivgaze: Path, case: GoldenCase) -> None:
    fold = read_fold(ivgaze, 2)
    batch = fold.tensors()
    axis = torch.stack([torch.tensor([0.0, 0, 1]).expand(3, -1), batch["axis"]], dim=1)
    case.close("reader/pos", axis)
    for name, ours in (("norm_cam", "to_camera"), ("gaze_origin", "origin")):
        case.close(f"reader/{name}", batch[ours])
        assert batch[ours].dtype == torch.float32
    case.close("reader/normGaze", batch["normalised_gaze"])
    case.close("reader/originGaze", batch["original_gaze"])
    case.close("reader/zone", batch["zone"][:, None])
    assert torch.equal(batch["axis"], batch["to_camera"][:, :, 2])
    faces = torch.stack([read_face(ivgaze / "Norm" / name, size=None) for name in fold.names])
    case.close("reader/norm_face", network_inputs({"normalised": faces}, "gazeptr")["normalised"])
    assert fold.frame_error().max() < 0.01
    assert fold.columns["Norm"][0][5] == "1.000000"


def test_as_many_zones_as_the_data_name(ivgaze: Path) -> None:
    most = int(read_fold(ivgaze, 2).zone.max())
    write_zone_map(ivgaze / "class.label", most + 1)
    assert read_fold(ivgaze, 2).zone.max() == most
    write_zone_map(ivgaze / "class.label", most)
    with pytest.raises(InputError, match=rf"zone is '{most}'; it should be from 0 to {most - 1}, as there are {most}"):
        read_fold(ivgaze, 2)


def write_zone_map(path: Path, count: int, region: int = 1) -> None:
    """Write a map of so many fine zones, all of one region."""
    path.write_text("".join(f"{zone} a{zone % 10} {region}\n" for zone in range(count)))


@pytest.mark.parametrize("zone", ["-1", "7.0", "seven", "9" * 5000])
def test_zones_that_are_none(zone: str, ivgaze: Path) -> None:
    for tree in ("Norm", "Origin"):
        change(ivgaze, tree, 2, " 93 ", f" {zone} ")
    with pytest.raises(InputError, match=r"line 2: zone is '.*; it should be from 0 to 121") as caught:
        read_fold(ivgaze, 2)
    assert len(str(caught.value)) < 500


def test_a_file_without_a_header(ivgaze: Path) -> None:
    expected = read_fold(ivgaze, 2).names
    path = ivgaze / "Norm" / "label_class" / "train2.txt"
    path.write_text(path.read_text().partition("\n")[2])
    assert read_fold(ivgaze, 2).names == expected


@pytest.mark.parametrize(
    ("tree", "line", "old", "new", "told"),
    [
        ("Norm", 2, "0.356771,0.196153,-0.913366", "0.356771,0.196153", "line 2: gaze is '0.356771,0.196153'"),
        ("Norm", 2, "0.356771,0.196153,-0.913366", "0,0,0", "line 2: the gaze vector has length zero"),
        ("Norm", 3, "-0.289998,-0.123690,0.188501", "", "line 3: 6 columns; there should be 7"),
        ("Norm", 3, "-0.289998,-0.123690,0.188501", "nan,0,0", "line 3: rotation is 'nan,0,0'"),
        ("Origin", 4, "subject0002", "subject0003", "line 4: .*subject0002.* must be of the same images"),
        ("Origin", 4, " 7 ", " 8 ", "zone 7, but .* zone 8"),
    ],
)
def test_lines_that_are_wrong(ivgaze: Path, tree: str, line: int, old: str, new: str, told: str) -> None:
    path = change(ivgaze, tree, line, old, new)
    with pytest.raises(InputError, match=told) as caught:
        read_fold(ivgaze, 2)
    assert str(path) in str(caught.value)


def test_zones_and_numbers_of_lines(ivgaze: Path) -> None:
    for tree in ("Norm", "Origin"):
        path = change(ivgaze, tree, 2, " 93 ", " 122 ")
    with pytest.raises(InputError, match=r"Norm.*train2\.txt, line 2: zone is '122'; it should be from 0 to 121$"):
        read_fold(ivgaze, 2)
    assert read_fold(ivgaze, 2, zones=123).zone[0] == 122
    with pytest.raises(InputError, match="line 2: zone is '122'; it should be from 0 to 99, as there are 100 zones"):
        read_fold(ivgaze, 2, zones=100)
    path.write_text("\n".join(path.read_text().splitlines()[:3]))
    with pytest.raises(InputError, match=r"has 3 labels, .* 2; they must agree"):
        read_fold(ivgaze, 2)
    path.write_text("header\n")
    with pytest.raises(InputError, match="no labels"):
        read_fold(ivgaze, 2)
    with pytest.raises(InputError, match=r"train1\.txt: cannot be read"):
        read_fold(ivgaze, 1)
    with pytest.raises(InputError, match="fold is 4"):
        read_fold(ivgaze, 4)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_infrared_faces_are_as_bright_as_in_prediction(bits: int, tmp_path: Path) -> None:
    """What 10, 12 or 14 bits hold of 16 is all of the range, for the reader of data sets and for the predictor."""
    grey = np.random.default_rng(0).integers(0, 256, (40, 40, 1)).astype(np.uint8)
    grey[0, 0] = 255
    eight = np.repeat(grey, 3, axis=2)
    deep = (eight.astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16)
    write_image(tmp_path / "eight.png", Image(eight, grey=True))
    write_image(tmp_path / "deep.png", Image(deep, grey=True))
    read, expected = (read_face(tmp_path / f"{name}.png", size=None).int() for name in ("deep", "eight"))
    assert (read - expected).abs().max() <= 1
    predicted = torch.from_numpy(eight_bits(Image(deep))).permute(2, 0, 1)
    assert torch.equal(read, predicted.int())


def test_faces_of_other_kinds(tmp_path: Path) -> None:
    grey = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50) * 32
    write_image(tmp_path / "deep.png", Image(np.stack([grey] * 3, axis=-1)))
    face = read_face(tmp_path / "deep.png")
    assert face.shape == (3, 224, 224)
    assert face.dtype == torch.uint8
    assert torch.equal(face[0], face[2])
