"""Volumes kept as bare arrays, and pickles of which nothing is run."""

from __future__ import annotations

import itertools
import pickle
import zipfile
from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume, write_like
from visioncore.medical.arrays import write_label_array

h5py: Any = import_module("h5py")
read_volume = ScanReader().read

OBLIQUE = np.array([[0.1, -1.9, 0.5, 30], [0.7, 0.2, 1.5, -20], [-0.2, 0.3, 4.5, 7], [0, 0, 0, 1.0]])


def read_labels(path: Path) -> Volume:
    return read_volume(path, labels=True)


def refused(path: Path, labels: bool = False) -> str:
    with pytest.raises(InputError) as caught:
        read_labels(path) if labels else read_volume(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


def test_an_npy_array_is_a_volume_a_slice_or_colours(tmp_path: Path) -> None:
    for shape, expected in {
        (3, 4, 5): (3, 4, 5),
        (4, 5): (1, 4, 5),
        (4, 5, 3): (1, 4, 5, 3),
        (2, 4, 5, 3): (2, 4, 5, 3),
    }.items():
        array = np.arange(np.prod(shape), dtype=">f4").reshape(shape)
        np.save(tmp_path / "scan.npy", array)
        volume = read_volume(tmp_path / "scan.npy")
        assert volume.voxels.shape == expected
        assert volume.voxels.dtype.isnative
        assert not volume.located
        np.testing.assert_array_equal(volume.voxels.ravel(), array.ravel())


def pickled(path: Path, contents: Any, protocol: int = 4, core: str = "numpy._core") -> Path:
    """Write an npy file of an object, as NumPy of another version would."""
    body = pickle.dumps(np.array(contents, dtype=object), protocol)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        file.write(body.replace(b"cnumpy._core.", b"cnumpy.core.").replace(b"cnumpy.core.", f"c{core}.".encode()))
    return path


@pytest.mark.parametrize(
    ("protocol", "core"), [(3, "numpy.core"), (3, "numpy._core"), (4, "numpy._core"), (5, "numpy._core")]
)
def test_the_dictionaries_of_promise12_are_read(tmp_path: Path, protocol: int, core: str) -> None:
    case = {
        "img": np.random.default_rng(0).normal(size=(3, 4, 5)),
        "label": np.asfortranarray(np.arange(60).reshape(3, 4, 5) % 2),
        "spacing": (np.float64(0.6), 3),
        "name": "Case05",
    }
    path = pickled(tmp_path / "Case05.npy", case, protocol, core)
    np.testing.assert_array_equal(read_volume(path).voxels, case["img"])
    np.testing.assert_array_equal(read_labels(path).voxels, case["label"])


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_in_a_pickle_is_run(tmp_path: Path) -> None:
    contents = {"img": np.ones((2, 2, 2)), "label": _Trap(tmp_path / "sprung")}
    assert "nothing in it was run" in refused(pickled(tmp_path / "trap.npy", contents))
    np.savez(tmp_path / "trap.npz", image=np.array(contents, dtype=object))
    assert "pickle" in refused(tmp_path / "trap.npz")
    assert not (tmp_path / "sprung").exists()


def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    assert "dictionary of img and label" in refused(pickled(tmp_path / "list.npy", [None, "a"]))
    assert "no img in it, only image" in refused(pickled(tmp_path / "other.npy", {"image": np.ones((2, 2))}))


def test_npz_and_hdf5_have_image_and_label(tmp_path: Path) -> None:
    image, label = np.random.default_rng(0).random((2, 4, 5)).astype(np.float32), np.ones((2, 4, 5), np.uint8)
    np.savez(tmp_path / "case.npz", image=image, label=label)
    with h5py.File(tmp_path / "case0001.npy.h5", "w") as file:
        file["image"], file["label"] = image, label
    for name in ("case.npz", "case0001.npy.h5"):
        np.testing.assert_array_equal(read_volume(tmp_path / name).voxels, image)
        np.testing.assert_array_equal(read_labels(tmp_path / name).voxels, label)
    np.savez(tmp_path / "other.npz", arr_0=image, arr_1=label)
    assert "no image in it, only arr_0, arr_1" in refused(tmp_path / "other.npz")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["volume"] = image
    assert "no label in it, only volume" in refused(tmp_path / "other.h5", labels=True)


@pytest.mark.parametrize("name", ["scan.npy", "scan.npz", "scan.h5"])
def test_truncated_arrays_are_refused(tmp_path: Path, name: str) -> None:
    path, array = tmp_path / name, np.random.default_rng(0).random((4, 20, 20))
    if name.endswith("npy"):
        np.save(path, array)
    elif name.endswith("npz"):
        np.savez_compressed(path, image=array)
    else:
        with h5py.File(path, "w") as file:
            file["image"] = array
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "truncated" in refused(path)


def test_voxels_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    array = np.zeros((2, 3, 4), np.float32)
    array[1, 2, 3] = np.nan
    np.save(tmp_path / "scan.npy", array)
    message = refused(tmp_path / "scan.npy")
    assert "1 of 24 voxels" in message
    assert "slice 1, row 2, column 3" in message
    assert "1 of 24 voxels" in refused(tmp_path / "scan.npy", labels=True)


def test_an_array_without_voxels_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", np.zeros((0, 3, 4)))
    assert "without voxels" in refused(tmp_path / "scan.npy")


def test_labels_as_npz_keep_their_place(tmp_path: Path) -> None:
    volume = Volume(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), OBLIQUE, located=True)
    write_label_array(tmp_path / "labels.npz", volume)
    labels = read_labels(tmp_path / "labels.npz")
    assert labels.voxels.dtype == np.uint8
    assert labels.located
    np.testing.assert_array_equal(labels.voxels, volume.voxels)
    np.testing.assert_array_equal(labels.affine, volume.affine)


# what files announce, and where they point


@pytest.mark.parametrize("dtype", [">i2", ">f4", ">u4", ">f8"])
def test_any_order_of_bytes_is_read(tmp_path: Path, dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", image=array, label=array)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"] = array
    for name in ("a.npy", "a.npz", "a.h5"):
        voxels = read_volume(tmp_path / name).voxels
        assert voxels.dtype.isnative
        np.testing.assert_array_equal(voxels, array)
    volume = read_volume(tmp_path / "a.npy")
    write_like(tmp_path / "b.npy", volume, derivation="none")
    assert np.load(tmp_path / "b.npy").dtype == np.dtype(dtype)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), array)


def header(shape: tuple[int, ...]) -> bytes:
    """Return an npy file of so many voxels by its header, and of 24 bytes."""
    content = BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "<i2", "fortran_order": False, "shape": shape})
    return content.getvalue() + bytes(24)


@pytest.mark.parametrize("shape", [(10**6, 10**4, 10**4), (10, 20, 30)])
def test_an_array_larger_than_its_file_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "a.npy").write_bytes(header(shape))
    assert "but it can hold no more than" in refused(tmp_path / "a.npy")
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        with zipfile.ZipFile(tmp_path / "a.npz", "w", compression) as archive:
            archive.writestr("image.npy", header(shape))
        assert "but it can hold no more than" in refused(tmp_path / "a.npz")


def test_arrays_larger_than_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.zeros((2, 50, 50), np.int16)
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", image=array)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("image", array.shape, array.dtype, compression="gzip")
    for most, name in itertools.product(("9e-6", "11e-6"), ("a.npy", "a.npz", "a.h5")):
        monkeypatch.setenv("VISIONCORE_MOST_GB", most)
        if most == "11e-6":
            assert read_volume(tmp_path / name).voxels.shape == (2, 50, 50)
        else:
            assert "more than the limit of 9e-06 GB; if that is right, set VISIONCORE" in refused(tmp_path / name)


def test_values_of_hdf5_in_other_files_are_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["image"] = np.zeros((2, 3, 4), np.int16)
    (tmp_path / "values.raw").write_bytes(bytes(48))
    layout = h5py.VirtualLayout((2, 3, 4), np.int16)
    layout[...] = h5py.VirtualSource(str(other), "image", (2, 3, 4))

    def written(name: str, write: Callable[[Any], object]) -> Path:
        with h5py.File(tmp_path / name, "w") as file:
            file["inside"] = np.zeros((2, 3, 4), np.int16)
            write(file)
        return tmp_path / name

    for name, write, told in (
        ("a.h5", lambda file: file.__setitem__("image", h5py.ExternalLink(str(other), "image")), "is a link to"),
        ("b.h5", lambda file: file.__setitem__("image", h5py.SoftLink("/inside")), "image is a link to something else"),
        ("c.h5", lambda file: file.create_virtual_dataset("image", layout), "the values of image lie in other files"),
        (
            "d.h5",
            lambda file: file.create_dataset("image", (2, 3, 4), np.int16, external=[("values.raw", 0, 48)]),
            "the values of image lie in other files",
        ),
        ("e.h5", lambda file: file.create_group("image"), "image is a group"),
        ("f.h5", lambda file: file.__setitem__("image", h5py.ExternalLink("no.h5", "image")), "is a link to"),
    ):
        assert told in refused(written(name, write))
    with h5py.File(tmp_path / "g.h5", "w") as file:
        file["inside"] = np.arange(24).reshape(2, 3, 4)
        file["image"] = file["inside"]  # another name for the same values in the same file
    assert read_volume(tmp_path / "g.h5").voxels[1, 2, 3] == 23
