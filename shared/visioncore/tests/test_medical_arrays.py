"""Volumes kept as bare arrays, and pickles of which nothing is run."""

from __future__ import annotations

import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.medical import ScanReader, Volume
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
