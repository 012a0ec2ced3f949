"""Volumes stored as arrays without geometry: npy, npz and HDF5, as in the published data sets."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage
from ..extras import require
from ..files import atomic_path
from ..size_limit import DEFLATE, PLAIN, check_size
from .number_types import as_type, plain_numbers
from .volume import Volume

Key = Literal["image", "label"]

SLICES_LAST = "mri_norm2.h5"
"""The files of the LA data set, the only ones that are stored as rows, columns, slices."""

NPY, NPZ, HDF5 = b"\x93NUMPY", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
"""How files of each kind begin."""

_PACKING = {zipfile.ZIP_STORED: PLAIN, zipfile.ZIP_DEFLATED: DEFLATE}

# what NumPy's pickles are made with under any protocol, by the names that either major version gives it
_MAKERS: tuple[Any, ...] = (np.empty(0).__reduce_ex__(5)[0], np.float64(0).__reduce__()[0])
_EMPTY = np.empty(0).__reduce__()[0]
"""Makes the array that a pickle then fills; in one, it makes none of a size that the pickle chooses."""


def _empty(*_: Any) -> NDArray[Any]:
    return np.empty(0, np.int8)


_HARMLESS: dict[tuple[str, str], Any] = {("numpy", "ndarray"): "ndarray", ("numpy", "dtype"): np.dtype} | {
    (f"numpy.{core}.{maker.__module__.rpartition('.')[2]}", maker.__name__): _empty if maker is _EMPTY else maker
    for core in ("core", "_core")
    for maker in (_EMPTY, *_MAKERS)
}


@dataclass(frozen=True)
class NpyFile:
    """An npy file that was read.

    Attributes:
        shape: of its array.
        dtype: of its numbers.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    suffixes = (".npy",)

    def write(self, path: Path, volume: Volume, derivation: str) -> None:
        """Write other values in the shape and the type of this file, see `writing.write_like`."""
        write_npy(path, as_type(volume.voxels, self.dtype).reshape(self.shape))


def read_array(path: Path, key: Key = "image") -> Volume:
    """Read the image or the labels from an npy, npz or HDF5 file, whichever it is by its content.

    An npy file is an array of slices, rows, columns, of rows, columns, or of either with three colours; or the
    dictionary of ``img`` and ``label`` that the PROMISE12 data come as, which is read without running what a pickle
    may hold. The others have their arrays under the names ``image`` and ``label``, and an npz file that
    `write_label_array` made has its ``affine`` too.

    Raises:
        InputError: if the file is damaged, has no such array or one that is no volume, holds pickled objects, takes
            more memory than `size_limit` allows, or, of HDF5, has its values in other files.
    """
    with path.open("rb") as file:
        start = file.read(8)
    load = {NPY: _from_npy, NPZ: _from_npz, HDF5: _from_hdf5}
    with damage(path, "the file is truncated or damaged", "; fetch it again"):
        array, affine = next(load[mark] for mark in load if start.startswith(mark))(path, key)
    origin = NpyFile(array.shape, array.dtype) if start.startswith(NPY) else None
    if path.name == SLICES_LAST:
        array = np.moveaxis(array, -1, 0)
    one_slice = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3 and key == "image")
    voxels = plain_numbers(array[None] if one_slice else array)
    if affine is None:
        return Volume(voxels, source=path, origin=origin)
    return Volume(voxels, affine, True, path)


def write_label_array(path: Path, volume: Volume) -> None:
    """Write labels as ``label`` to an npz file, with their ``affine`` where they have one."""
    arrays: dict[str, Any] = {"label": volume.voxels} | ({"affine": volume.affine} if volume.located else {})
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write an array to an npy file, whole or not at all.

    Raises:
        InputError: if the system refuses the write.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)


def _from_npy(path: Path, key: Key) -> tuple[NDArray[Any], None]:
    with path.open("rb") as file:
        kind = _check_header(path, file, path.stat().st_size)
        if kind.hasobject:
            held = _ArraysOnly(file, path).load()
            entries = held.item() if isinstance(held, np.ndarray) and held.ndim == 0 else None
            if not isinstance(entries, dict):
                raise InputError(f"{path}: pickled objects; it must be an array, or a dictionary of img and label")
            return np.asarray(_member(path, entries, "img" if key == "image" else key)), None
    array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array, None


def _from_npz(path: Path, key: Key) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.removesuffix(".npy") in (key, "affine"):
                packing = _PACKING.get(member.compress_type)
                check_size(path, member.file_size, member.compress_size if packing else None, packing or PLAIN)
                with archive.open(member) as file:
                    _check_header(path, file, member.file_size)
    with np.load(path, allow_pickle=False) as entries:
        affine = np.asarray(entries["affine"], np.float64) if "affine" in entries else None
        return np.asarray(_member(path, entries, key)), affine


def _check_header(path: Path, file: Any, stored: int) -> np.dtype[Any]:
    """Validate what the header of an npy file announces, and return the type; the file then stands behind it."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, _, kind = read(file)
    count = 1
    for size in shape:
        count *= size
    if not kind.hasobject:
        check_size(path, count * kind.itemsize, stored)
    return kind


def _from_hdf5(path: Path, key: Key) -> tuple[NDArray[Any], None]:
    h5py = require("h5py", "hdf5")
    with h5py.File(path) as entries:
        links = entries.id.links  # asked in any other way, h5py follows them
        if links.exists(key.encode()) and links.get_info(key.encode()).type != h5py.h5l.TYPE_HARD:
            raise InputError(f"{path}: {key} is a link to something else; links are not followed, so copy it in")
        found = _member(path, entries, key)
        if not isinstance(found, h5py.Dataset):
            raise InputError(f"{path}: {key} is a group; it must be an array")
        if found.external or found.is_virtual:
            raise InputError(f"{path}: the values of {key} lie in other files, which are not opened; copy them in")
        if found.dtype.kind not in "biuf":
            raise InputError(f"{path}: voxels are of type {found.dtype}; they must be real numbers")
        # chunks that were never written are filled, so the size on the disk bounds nothing
        check_size(path, found.size * found.dtype.itemsize)
        return found[()], None


def _member(path: Path, entries: Any, key: str) -> Any:
    if key not in entries:
        raise InputError(f"{path}: no {key} in it, only {', '.join(map(str, entries)) or 'nothing'}")
    return entries[key]


class _ArraysOnly(pickle._Unpickler):  # in Python: the one in C gives memory to whatever number of objects is announced
    """An unpickler of arrays, numbers, text and containers, and of nothing that could run code."""

    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise InputError(
                f"{self._path}: holds pickled {module}.{name}, which could run code (nothing in it was run); save "
                "arrays alone"
            )
        return _HARMLESS[module, name]
