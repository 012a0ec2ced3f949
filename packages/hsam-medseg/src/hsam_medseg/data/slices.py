"""Training slices on disk: a folder that `prepare` wrote, or the published Synapse folder."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.configs import read_text
from visioncore.errors import InputError, damage
from visioncore.files import natural_key
from visioncore.recipes import parse_yaml
from visioncore.size_limit import check_members

from ..network.config import SYNAPSE_CLASSES
from .datasets import CASES_FILE
from .few_shot import choose, choose_cases

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Labels = NDArray[np.uint8]

SETTINGS_FILE, SLICES, CASES = "dataset.yaml", "slices", "cases"
"""Files that `prepare` writes: classes and settings; the folder of slices; the sources of each case."""

SYNAPSE_TRAIN, SYNAPSE_LISTS = "train_npz", "lists/lists_Synapse"
"""Where the published Synapse folder has its training slices and the lists of their names."""

MOST = 3.0
"""Values beyond this are no slice in [0, 1], whatever splines made of it; the published code stops there too."""


class SliceFiles:
    """Slices with labels in npz files, read on demand: a `data.Slices`.

    Args:
        folder: where the files ``CASE_sliceNNN.npz`` are, with the arrays ``image`` and ``label``.
        names: of the slices that are meant, without suffix.
        classes: names of the C classes; labels are 0 to C.
        known: the classes on each slice, in the order of ``names``; if None, files are read where that matters.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        classes: tuple[str, ...],
        known: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.folder, self.names, self.classes, self._known = folder, list(names), classes, known

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Floats, Labels]:
        """Return a slice, (H, W) or (H, W, 3) with values in [0, 1], and its labels (H, W), 0 to C.

        Raises:
            InputError: if the file is missing or damaged, its arrays differ in shape, or values are not as they should.
        """
        image, labels = self._read(index, "image", "label")
        path = self.path(index)
        if image.shape[:2] != labels.shape or image.ndim not in (2, 3):
            raise InputError(f"{path}: image is {image.shape} and label {labels.shape}; both must be rows x columns")
        if not np.abs(image).max(initial=0) <= MOST:
            raise InputError(
                f"{path}: values are {image.min():g} to {image.max():g}; slices must be windowed to [0, 1]"
            )
        return image.astype(np.float32, copy=False), self._checked(labels, path)

    def path(self, index: int) -> Path:
        """Return the file of a slice."""
        return self.folder / f"{self.names[index]}.npz"

    @property
    def cases(self) -> list[str]:
        """Names of the cases, in the order of their slices."""
        return list(dict.fromkeys(map(case_of, self.names)))

    def subset(self, indices: Sequence[int]) -> SliceFiles:
        """Return some of the slices."""
        known = None if self._known is None else [self._known[index] for index in indices]
        return SliceFiles(self.folder, [self.names[index] for index in indices], self.classes, known)

    def of_cases(self, cases: Sequence[str]) -> SliceFiles:
        """Return the slices of these cases."""
        wanted = set(cases)
        return self.subset([index for index, name in enumerate(self.names) if case_of(name) in wanted])

    def select(
        self,
        *,
        cases: str | Sequence[str] | int | float | None = None,
        foreground: bool = False,
        slices: int | float | None = None,
        seed: int = 0,
    ) -> SliceFiles:
        """Select slices: of some cases; of these, those that show a class; of these, a number at random.

        Args:
            cases: what `choose_cases` takes; None for all.
            foreground: leave out slices that are all background.
            slices: how many, or as a float in (0, 1] what part; None for all.
            seed: decides what is drawn.

        Raises:
            InputError: if there is no such case, or nothing is left.
        """
        chosen = self if cases is None else self.of_cases(choose_cases(self.cases, cases, seed))
        if foreground:
            chosen = chosen.subset([index for index, classes in enumerate(chosen.present()) if classes])
        if not len(chosen):
            raise InputError(
                f"{self.folder}: none of {len(self)} slices is left; choose other cases or foreground false"
            )
        return chosen if slices is None else chosen.subset(choose(range(len(chosen)), slices, seed))

    def present(self) -> list[list[int]]:
        """Return the classes on each slice, without the background."""
        if self._known is None:
            self._known = [
                classes_on(self._checked(self._read(index, "label")[0], self.path(index))) for index in range(len(self))
            ]
        return [list(classes) for classes in self._known]

    def volume(self, case: str) -> tuple[Floats, Labels]:
        """Return all slices of a case, (D, H, W) or (D, H, W, 3), and their labels (D, H, W).

        Raises:
            InputError: if there is no such case, or a slice cannot be read.
        """
        images, labels = zip(*map(self.__getitem__, self._indices(case)), strict=True)
        return np.stack(images), np.stack(labels)

    def _indices(self, case: str) -> list[int]:
        indices = [index for index, name in enumerate(self.names) if case_of(name) == case]
        if not indices:
            raise InputError(f"{self.folder}: no slice of a case {case}")
        return sorted(indices, key=lambda index: natural_key(self.names[index]))

    def _read(self, index: int, *keys: str) -> list[NDArray[Any]]:
        path = self.path(index)
        if not path.is_file():
            raise InputError(f"{path}: no such slice; prepare the data again")
        with damage(path, "damaged", "; prepare the data again"):
            with zipfile.ZipFile(path) as archive:
                check_members(path, archive.infolist())
            with np.load(path, allow_pickle=False) as arrays:
                if not set(keys) <= set(arrays):
                    raise InputError(f"{path}: must hold image and label")
                return [arrays[key] for key in keys]

    def _checked(self, labels: NDArray[Any], path: Path) -> Labels:
        highest = len(self.classes)
        if labels.size and not (labels.min() >= 0 and labels.max() <= highest):
            found = np.unique(labels[(labels < 0) | (labels > highest)])
            raise InputError(
                f"{path}: label values outside the list: {', '.join(f'{value:g}' for value in found[:8])}; there are "
                f"{highest} classes, labels 0 to {highest}"
            )
        return labels.astype(np.uint8, copy=False)


def open_slices(data: str | Path, listed: str = "train") -> SliceFiles:
    """Return the slices of a folder that `prepare` wrote, or the training slices of the published Synapse folder.

    Args:
        data: the folder.
        listed: which list of the Synapse folder: ``train`` for all, ``train_220`` for the published 10 %.

    Raises:
        InputError: if it is neither, or its lists cannot be read.
    """
    data = Path(data)
    if (data / SETTINGS_FILE).is_file():
        return _prepared(data)
    folder = data / SYNAPSE_TRAIN
    if not folder.is_dir():
        raise InputError(
            f"{data}: no slices to train on; it must be a folder that the command prepare wrote, or Synapse's with "
            f"{SYNAPSE_TRAIN}"
        )
    path = data / SYNAPSE_LISTS / f"{listed}.txt"
    if path.is_file():
        names = path.read_text(encoding="utf-8").split()
    elif listed == "train":
        names = sorted((file.stem for file in folder.glob("*.npz")), key=natural_key)
    else:
        raise InputError(f"{path}: no such list of slices")
    if not names:
        raise InputError(f"{folder}: no slices in it")
    return SliceFiles(folder, names, SYNAPSE_CLASSES)


def case_of(name: str) -> str:
    """Case of a slice."""
    return name.rpartition("_slice")[0]


def slice_name(case: str, number: int) -> str:
    """Name of slice ``number`` of a case."""
    return f"{case}_slice{number:03d}"


def classes_on(labels: NDArray[np.integer[Any]]) -> list[int]:
    """Return the classes among labels, without the background."""
    return [int(label) for label in np.flatnonzero(np.bincount(labels.ravel())) if label]


def read_settings(folder: Path) -> dict[str, Any]:
    """Return the settings that `prepare` recorded.

    Raises:
        InputError: if it cannot be read.
    """
    path = folder / SETTINGS_FILE
    try:
        settings = parse_yaml(str(path), read_text(path))
        return {**settings, "classes": list(settings["classes"])}
    except (InputError, TypeError, KeyError) as error:
        raise InputError(f"{folder / SETTINGS_FILE}: damaged; prepare the data again in another folder") from error


def _prepared(folder: Path) -> SliceFiles:
    classes = tuple(read_settings(folder)["classes"])
    known: dict[str, list[int]] = {}
    try:
        with (folder / CASES_FILE).open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            cases = [row["name"] for row in csv.DictReader(file)]
        for case in cases:
            known |= json.loads((folder / CASES / f"{case}.json").read_text(encoding="utf-8"))["slices"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder}: its preparation was not finished; prepare it again, it goes on where it was"
        ) from error
    if not known:
        raise InputError(f"{folder}: no slices in it; none of the cases has a voxel of {', '.join(classes)}")
    return SliceFiles(folder / SLICES, list(known), classes, list(known.values()))
