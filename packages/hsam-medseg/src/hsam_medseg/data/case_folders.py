"""Data sets with a folder for each case, and labels that are a folder with a mask for each organ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from visioncore.errors import InputError, some
from visioncore.files import natural_key
from visioncore.medical import Volume, volume_name

from .label_names import name_words
from .labels import read_labels
from .on_grid import on_grid
from .scans import SCANS

IMAGES = ("image", "ct", "mri", "mr", "imaging", "scan")
"""Names of the scan in the folder of a case."""
LABELS = ("label", "labels", "segmentation", "segmentations", "seg", "mask", "masks")
"""Names of its labels: a file, or a folder of masks."""


def find_in_folder(folder: Path) -> tuple[Path, Path | None] | None:
    """Return the scan in the folder of a case, and its labels if there are any; None where there is no scan.

    Raises:
        InputError: if there are several scans, or several labels.
    """
    entries = [path for path in folder.iterdir() if is_masks(path) or path.name.lower().endswith(SCANS.suffixes)]
    scans, labels = (
        [path for path in entries if volume_name(path).lower() in names and (path.is_file() or names is LABELS)]
        for names in (IMAGES, LABELS)
    )
    for found, what in ((scans, "scan"), (labels, "labels")):
        if len(found) > 1:
            raise InputError(f"{folder}: several files may be its {what}: {some(path.name for path in found)}")
    return (scans[0], next(iter(labels), None)) if scans else None


def is_masks(path: Path) -> bool:
    """Whether a path is a folder of masks: one with volumes in it."""
    return path.is_dir() and bool(_masks(path))


def mask_names(folder: Path) -> dict[int, str]:
    """Return the names of the masks in a folder, numbered from 1."""
    return dict(enumerate(map(volume_name, _masks(folder)), start=1))


def read_masks(folder: Path, classes: Sequence[str], image: Volume) -> Volume:
    """Return the masks of a folder as labels of a scan, 0 (background) to C; what is not 0 is in a mask.

    Where masks overlap, the later class is seen.

    Args:
        folder: with a mask for each class, called as the class: words may stand in another order. Others are not read.
        classes: their names.
        image: the scan.

    Raises:
        InputError: if there is no mask for a class, or a mask cannot be read or does not lie where the scan does.
    """
    masks = {name_words(volume_name(path)): path for path in _masks(folder)}
    if missing := [name for name in classes if name_words(name) not in masks]:
        there = some(volume_name(path) for path in masks.values())
        raise InputError(
            f"{folder}: no mask for {some(missing)}; there are {there}; an organ that is absent has an empty one"
        )
    labels = np.zeros(image.voxels.shape[:3], np.min_scalar_type(len(classes)))
    for label, name in enumerate(classes, start=1):
        path = masks[name_words(name)]
        labels[on_grid(read_labels(path), image, path).voxels != 0] = label
    return image.with_voxels(labels)


def _masks(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return sorted((path for path in found if path.name.lower().endswith(SCANS.suffixes)), key=natural_key)
