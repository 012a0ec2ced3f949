"""Which scans and labels belong together, in every layout that is understood."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from hsam_medseg.data.datasets import Case, find_cases, read_case
from hsam_medseg.data.labels import write_labels
from visioncore.errors import InputError
from visioncore.medical import Volume
from visioncore.testing.refusals import one_line

VOXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
AFFINE = np.array([[-2.0, 0, 0, 10], [0, -3, 0, 20], [0, 0, 5, -7], [0, 0, 0, 1]])
Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write files below ``tmp_path/data`` as NIfTI, images, npz, h5 or npy, by their suffix."""

    def write(*names: str, voxels: np.ndarray = VOXELS, affine: np.ndarray = AFFINE) -> Path:
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name.endswith(".h5"):
                with import_module("h5py").File(path, "w") as file:
                    file["image"], file["label"] = voxels.astype(np.float32), voxels % 2
            elif path.suffix == ".npz":
                np.savez(path, image=voxels.astype(np.float32), label=voxels % 2)
            elif path.suffix == ".npy":
                np.save(path, np.array({"img": voxels.astype(np.float32), "label": voxels % 2}), allow_pickle=True)
            elif path.suffix == ".png":
                write_labels(path, Volume(voxels[:1]))
            else:
                write_labels(path, Volume(voxels, affine, True))
        return tmp_path / "data"

    return write


def found(data: Path, *, labelled: bool = True) -> list[tuple[str, str, str | None]]:
    root = data.parent if data.is_file() else data

    def place(path: Path | None) -> str | None:
        return None if path is None else path.relative_to(root).as_posix()

    return [(case.name, str(place(case.image)), place(case.label)) for case in find_cases(data, labelled=labelled)]


refused = partial(one_line, find_cases)


@pytest.mark.parametrize(
    ("image", "label", "name"),
    [
        ("images/a.nii.gz", "labels/a.nii.gz", "a"),
        ("images/a.nii.gz", "labels/a.nii", "a"),
        ("imagesTr/liver_3.nii.gz", "labelsTr/liver_3.nii.gz", "liver_3"),
        ("imagesTr/la_003_0000.nii.gz", "labelsTr/la_003.nii.gz", "la_003_0000"),
        ("img/img0001.nii.gz", "label/label0001.nii.gz", "img0001"),
        ("images/p7.nii.gz", "labels/p7_seg.nii.gz", "p7"),
        ("images/P7-image.nii.gz", "labels/p7_GT.nii.gz", "P7-image"),
        ("images/slice1.png", "labels/slice1_mask.png", "slice1"),
    ],
)
def test_two_folders(put: Put, image: str, label: str, name: str) -> None:
    assert found(put(image, label)) == [(name, image, label)]


def test_natural_order_and_no_other_files(put: Put) -> None:
    data = put(*(f"{kind}/p{n}.nii.gz" for kind in ("images", "labels") for n in (1, 2, 10)))
    (data / "images" / ".p3.nii.gz").write_text("")
    (data / "images" / "readme.txt").write_text("")
    assert [name for name, *_ in found(data)] == ["p1", "p2", "p10"]


def test_a_folder_of_slices_is_a_case(put: Put) -> None:
    data = put("images/p1/0.png", "images/p1/1.png", "labels/p1/0.png", "labels/p1/1.png")
    assert found(data) == [("p1", "images/p1", "labels/p1")]
    image, labels = read_case(find_cases(data)[0])
    assert labels is not None
    assert image.voxels.shape == labels.voxels.shape == (2, 3, 4)


def test_names_that_only_look_like_roles_are_kept(put: Put) -> None:
    """Words are taken out of names only where this leaves fewer files alone."""
    data = put("images/label1.png", "images/img1.png", "labels/label1.png", "labels/img1.png")
    assert found(data) == [
        ("img1", "images/img1.png", "labels/img1.png"),
        ("label1", "images/label1.png", "labels/label1.png"),
    ]


def test_synapse(put: Put) -> None:
    data = put("test_vol_h5/case0002.npy.h5", "test_vol_h5/case0001.npy.h5", "train_npz/case0005_slice000.npz")
    assert found(data) == [
        (f"case000{n}", f"test_vol_h5/case000{n}.npy.h5", f"test_vol_h5/case000{n}.npy.h5") for n in (1, 2)
    ]


def test_la(put: Put) -> None:
    data = put("deep/0RZD/mri_norm2.h5", "deep/06SR/mri_norm2.h5", voxels=VOXELS.reshape(2, 4, 3))
    assert [name for name, *_ in found(data)] == ["0RZD", "06SR"]
    image, labels = read_case(find_cases(data)[0])
    assert labels is not None
    assert image.voxels.shape == labels.voxels.shape == (3, 2, 4), "stored as rows, columns, slices"


@pytest.mark.parametrize("name", ["Case05.npy", "Case05.npz", "Case05.h5"])
def test_files_that_hold_both(put: Put, name: str) -> None:
    data = put(name)
    assert found(data) == found(data / name) == [("Case05", name, name)]
    image, labels = read_case(find_cases(data)[0])
    assert labels is not None
    np.testing.assert_array_equal(image.voxels, VOXELS)
    np.testing.assert_array_equal(labels.voxels, VOXELS % 2)


@pytest.mark.parametrize("header", ["", "image,label\n", "\ufeffimage,label\n", "label,image\n", " Image , LABEL\n"])
def test_a_list(put: Put, header: str) -> None:
    data = put("x/a.nii.gz", "y/b.nii.gz")
    row = "y/b.nii.gz, x/a.nii.gz" if header.startswith("label") else "x/a.nii.gz, y/b.nii.gz"
    (data / "list.csv").write_text(f"{header}{row}\n\n")
    assert found(data / "list.csv") == [("a", "x/a.nii.gz", "y/b.nii.gz")]


def test_a_list_with_names_and_files_of_one_name(put: Put) -> None:
    data = put("p1/ct.nii.gz", "p1/seg.nii.gz", "p2/ct.nii.gz", "p2/seg.nii.gz")
    rows = [f"p{n}/ct.nii.gz,p{n}/seg.nii.gz" for n in (1, 2)]
    (data / "list.csv").write_text("\n".join(rows))
    assert [name for name, *_ in found(data / "list.csv")] == ["p1_ct", "p2_ct"]
    (data / "list.csv").write_text("\n".join(["image,label,name", *(f"{row},n{n}" for n, row in enumerate(rows))]))
    assert [name for name, *_ in found(data / "list.csv")] == ["n0", "n1"]


def test_labels_that_are_missing(put: Put) -> None:
    data = put("images/a.nii.gz", "images/b.nii.gz", "labels/a.nii.gz")
    assert "1 of 2 scans have no labels: b.nii.gz" in refused(data)
    assert found(data, labelled=False)[1] == ("b", "images/b.nii.gz", None)
    assert read_case(find_cases(data, labelled=False)[1])[1] is None
    (data / "list.csv").write_text("images/a.nii.gz,\n")
    assert "1 of 1 scans have no labels" in refused(data / "list.csv")


def test_labels_that_match_no_scan(put: Put) -> None:
    data = put("images/a.nii.gz", "labels/a.nii.gz", "labels/c.nii.gz")
    assert "1 labels have names that match no scan in images: c.nii.gz" in refused(data)


def test_what_is_no_data_set(put: Put, tmp_path: Path) -> None:
    assert "no such data set" in refused(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "no cases in it; a data set is a folder with images and labels" in refused(tmp_path / "empty")
    data = put("a.nii.gz")
    assert "one scan without labels" in refused(data / "a.nii.gz")
    put("labels/a.nii.gz")
    (data / "images").mkdir()
    assert "no volumes in it" in refused(data)


def test_names_that_are_not_unique(put: Put) -> None:
    assert "several cases are called a" in refused(put("a.npz", "a.npy"))
    data = put("x/images/a.nii", "x/images/a.png", "x/labels/a.nii")
    assert "several cases are called a" in refused(data / "x")
    data = put("images/p1.nii", "labels/p1_mask.nii", "labels/p1_seg.nii")
    assert "p1.nii: several labels fit it: p1_mask.nii, p1_seg.nii" in refused(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no case in this list"),
        ("image,label\n", "no case in this list"),
        ("a.nii,a.nii,3\n", "line 1: 3 columns"),
        ("image,label\nb.nii,a.nii\n", "line 2: no such file"),
        ("a.nii,b.nii\n", "line 1: no such file"),
        (",a.nii\n", "line 1: no image"),
        ("name,image,label\n../x,a.nii,a.nii\n", "a case is called '../x'"),
    ],
)
def test_lists_that_are_wrong(put: Put, text: str, message: str) -> None:
    data = put("a.nii")
    (data / "list.csv").write_text(text)
    assert message in refused(data / "list.csv")


def test_a_list_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00\x81")
    assert "not a list of cases" in refused(tmp_path / "list.csv")


# scans with their labels


def test_labels_of_another_shape(put: Put, tmp_path: Path) -> None:
    data = put("images/a.nii.gz")
    put("labels/a.nii.gz", voxels=VOXELS[:, :2])
    with pytest.raises(InputError, match=r"labels are 2 x 2 x 4 and their scan a.nii.gz is 2 x 3 x 4"):
        read_case(find_cases(data)[0])


def test_labels_with_other_axes_are_turned_to_the_scan(put: Put) -> None:
    data = put("images/a.nii.gz")
    turned = Volume(VOXELS, AFFINE, True).oriented("SAR")
    assert turned.voxels.shape != VOXELS.shape
    put("labels/a.nii.gz", voxels=turned.voxels, affine=turned.affine)
    image, labels = read_case(find_cases(data)[0])
    assert labels is not None
    np.testing.assert_array_equal(labels.voxels, image.voxels)
    np.testing.assert_array_equal(labels.affine, image.affine)


def test_labels_in_another_place(put: Put) -> None:
    data = put("images/a.nii.gz")
    moved = AFFINE.copy()
    moved[0, 3] += 3
    put("labels/a.nii.gz", affine=moved)
    with pytest.raises(InputError, match=r"labels lie up to 1\.5 voxels from their scan a\.nii\.gz"):
        read_case(find_cases(data)[0])
    moved[0, 3] -= 2.9
    put("labels/a.nii.gz", affine=moved)
    assert read_case(find_cases(data)[0])[1] is not None


def test_labels_that_are_not_located_are_where_the_scan_is(put: Put) -> None:
    data = put("a.nii.gz", "a.npz")
    image, labels = read_case(Case("a", data / "a.nii.gz", data / "a.npz"))
    assert labels is not None
    assert labels.orientation == image.orientation == "LPS"
    np.testing.assert_array_equal(labels.voxels, VOXELS % 2)


@pytest.mark.parametrize("suffix", [".mhd", ".nii.gz"])
def test_labels_beside_their_scans_as_in_promise12(put: Put, suffix: str) -> None:
    if suffix == ".mhd":
        pytest.importorskip("SimpleITK")
    stems = ("Case00", "Case00_segmentation", "Case01", "Case01_segmentation")
    data = put(*(stem + suffix for stem in stems))
    cases = [(f"Case0{n}", f"Case0{n}{suffix}", f"Case0{n}_segmentation{suffix}") for n in range(2)]
    assert found(data) == cases
    image, labels = read_case(find_cases(data)[1])
    np.testing.assert_array_equal(image.voxels, VOXELS)
    assert labels is not None
    np.testing.assert_allclose(labels.affine, AFFINE, atol=1e-5)
    put(f"Case02{suffix}")
    assert found(data, labelled=False)[2] == ("Case02", f"Case02{suffix}", None)
    with pytest.raises(InputError, match=r"1 of 3 scans have no labels: Case02"):
        find_cases(data)
    put(f"Case03_segmentation{suffix}")
    with pytest.raises(InputError, match="1 labels have no scan beside them: Case03_segmentation"):
        find_cases(data)
