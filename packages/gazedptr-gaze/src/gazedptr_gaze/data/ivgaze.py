"""IVGaze as its authors hand it out: two trees of faces, normalised and original, with three folds of labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visioncore.configs import shown
from visioncore.errors import InputError
from visioncore.images import read_image

from .conventions import angle_between, official_angles
from .pixels import eight_bits, resized
from .rotations import to_matrices
from .texts import read_utf8
from .zones import FINE_ZONES, MOST_DIGITS, zone_map

FOLDS = (1, 2, 3)
NORMALISED, ORIGINAL = "Norm", "Origin"
COLUMNS = {NORMALISED: 7, ORIGINAL: 6}
"""At least so many columns, separated by spaces."""
VECTORS = {NORMALISED: {1: "gaze", 6: "rotation"}, ORIGINAL: {1: "gaze", 5: "gaze origin"}}
"""Columns that hold vectors, three numbers separated by commas."""


@dataclass(frozen=True)
class Fold:
    """The labels of a fold, line by line.

    Attributes:
        folder: of the data set.
        number: 1, 2 or 3.
        names: of the images, relative to either tree.
        normalised_vectors: (N, 3) gaze in the frame of the virtual camera.
        original_vectors: (N, 3) gaze in the frame of the camera.
        rotation: (N, 3, 3) from the camera to the virtual camera, float64.
        origin: (N, 3) where the gaze starts, in the frame of the camera; mm is assumed.
        zone: (N,) fine zones.
        lines: of each label in the file of the normalised tree, counted from 1.
        columns: the words of each line of the two files, as they are there.
    """

    folder: Path
    number: int
    names: tuple[str, ...]
    normalised_vectors: NDArray[np.float64]
    original_vectors: NDArray[np.float64]
    rotation: NDArray[np.float64]
    origin: NDArray[np.float64]
    zone: NDArray[np.int64]
    lines: tuple[int, ...]
    columns: dict[str, tuple[tuple[str, ...], ...]]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def to_camera(self) -> NDArray[np.float32]:
        """(N, 3, 3): the inverse of the rotation, in float64 before it is rounded.

        The transpose may differ in the last place, which the highest frequencies of the positional code would see.
        """
        return np.linalg.inv(self.rotation).astype(np.float32)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that networks and losses take, but for the images: float32, and int64 for zones."""
        to_camera = self.to_camera
        angles = {
            "normalised_gaze": official_angles(self.normalised_vectors),
            "original_gaze": official_angles(self.original_vectors),
        }
        arrays: dict[str, NDArray[np.floating]] = {
            "to_camera": to_camera,
            "axis": to_camera[:, :, 2],
            "origin": self.origin,
            **angles,
        }
        floats = {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}
        return floats | {"zone": torch.from_numpy(self.zone)}

    def head(self) -> NDArray[np.float64] | None:
        """Return rotation vectors (N, 3) of heads in the frame of the virtual camera; None if the labels hold none.

        How a head stands whose vector is 0 is not published.
        """
        try:
            rows = [[float(part) for part in words[2].split(",")] for words in self.columns[NORMALISED]]
            vectors = np.array(rows).reshape(len(rows), 3)
        except ValueError:
            return None
        return vectors if np.isfinite(vectors).all() else None

    def frame_error(self) -> NDArray[np.float64]:
        """Return, in degrees for each line, how far the rotated original gaze is from the normalised one.

        Near 0 everywhere if the vectors and the rotation share a frame.
        """
        turned = np.einsum("nij,nj->ni", self.rotation, self.original_vectors)
        return angle_between(turned, self.normalised_vectors)


def label_file(folder: str | Path, number: int, tree: str = NORMALISED) -> Path:
    """Return the label file of a fold."""
    return Path(folder) / tree / "label_class" / f"train{number}.txt"


def read_fold(folder: str | Path, number: int, zones: int | None = None) -> Fold:
    """Return the labels of one fold, ``label_class/train<number>.txt`` of both trees.

    The first line is a header, unless it is a label itself.

    Args:
        folder: of the data set.
        number: of the fold, 1, 2 or 3.
        zones: how many fine zones there are, such as a network's; by default those of ``class.label``, or else 122.

    Raises:
        InputError: if a file cannot be read, a line lacks a column or holds something else (file and line are named),
            or the two files are not of the same images and zones, line by line.
    """
    folder = Path(folder)
    if number not in FOLDS:
        raise InputError(f"fold is {number}; it must be 1, 2 or 3")
    paths = {tree: label_file(folder, number, tree) for tree in (NORMALISED, ORIGINAL)}
    lines = {tree: _label_lines(path, tree) for tree, path in paths.items()}
    ours, other = lines[NORMALISED], lines[ORIGINAL]
    for (at, words), (other_at, other_words) in zip(ours, other, strict=False):
        if words[0] != other_words[0] or words[3] != other_words[3]:
            raise InputError(
                f"{paths[NORMALISED]}, line {at}: {words[0]}, zone {words[3]}, but {paths[ORIGINAL]}, line {other_at}: "
                f"{other_words[0]}, zone {other_words[3]}; the two files must be of the same images, line by line"
            )
    if len(ours) != len(other):
        raise InputError(f"{paths[NORMALISED]} has {len(ours)} labels, {paths[ORIGINAL]} {len(other)}; they must agree")
    if zones is None:
        known = zone_map(folder)
        zones = FINE_ZONES if known is None else len(known)
    vectors = {tree: _vectors(paths[tree], lines[tree], tree) for tree in lines}
    return Fold(
        folder,
        number,
        tuple(words[0] for _, words in ours),
        vectors[NORMALISED][1],
        vectors[ORIGINAL][1],
        to_matrices(vectors[NORMALISED][6]),
        vectors[ORIGINAL][5],
        _zones(paths[NORMALISED], ours, zones),
        tuple(number for number, _ in ours),
        {tree: tuple(tuple(words) for _, words in lines[tree]) for tree in lines},
    )


Lines = list[tuple[int, list[str]]]


def _label_lines(path: Path, tree: str) -> Lines:
    """Return the words of each label, with the number of its line."""
    if not path.parent.is_dir():
        told = f"{path.parent}: no such folder"
        raise InputError(f"{told}; the folder of the data holds {NORMALISED} and {ORIGINAL}, each with label_class")
    text = read_utf8(path).splitlines()
    found = [(number, line.split()) for number, line in enumerate(text, start=1) if line.strip()]
    if found and not (len(found[0][1]) > 1 and found[0][1][1].count(",") == 2):
        found = found[1:]
    if not found:
        raise InputError(f"{path}: no labels; there should be a header and a line for each image")
    for number, words in found:
        if len(words) < COLUMNS[tree]:
            raise InputError(f"{path}, line {number}: {len(words)} columns; there should be {COLUMNS[tree]}")
    return found


def _vectors(path: Path, lines: Lines, tree: str) -> dict[int, NDArray[np.float64]]:
    arrays = {}
    for column, name in VECTORS[tree].items():
        rows = []
        for number, words in lines:
            try:
                row = [float(part) for part in words[column].split(",")]
            except ValueError:
                row = []
            if len(row) != 3 or not np.isfinite(row).all():
                told = f"{path}, line {number}: {name} is {shown(words[column])}"
                raise InputError(f"{told}; it should be three numbers separated by commas")
            if column == 1 and not any(row):
                raise InputError(f"{path}, line {number}: the gaze vector has length zero; it must point somewhere")
            rows.append(row)
        arrays[column] = np.array(rows)
    return arrays


def _zones(path: Path, lines: Lines, count: int) -> NDArray[np.int64]:
    for number, words in lines:
        if not words[3].isdecimal() or len(words[3]) > MOST_DIGITS or int(words[3]) >= count:
            why = "" if count == FINE_ZONES else f", as there are {count} zones"
            told = f"{path}, line {number}: zone is {shown(words[3])}"
            raise InputError(f"{told}; it should be from 0 to {count - 1}{why}")
    return np.array([int(words[3]) for _, words in lines], dtype=np.int64)


def read_face(path: str | Path, size: int | None = 224) -> Tensor:
    """Return a face (3, size, size), uint8, blue first; grey ones have three equal channels.

    Args:
        path: of the image, 8 or 16 bit, see `eight_bits`.
        size: an image of another size is resized to it; None keeps the size.

    Raises:
        InputError: if the file is no image.
    """
    pixels = eight_bits(read_image(path))
    if size is not None:
        pixels = resized(pixels, size)
    return torch.from_numpy(np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1)))
