"""A scan with its labels as numbers of classes, whatever the file of labels calls them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visioncore.medical import Volume

from .case_folders import is_masks, mask_names, read_masks
from .datasets import Case, read_case, read_scan
from .dicom_segmentations import find_segmentation, segment_names
from .label_map import LabelMap
from .label_names import label_names
from .labels import read_labels


def names_in(path: Path) -> dict[int, str]:
    """Return the names of the labels in a file, by their values; nothing if it does not say.

    Raises:
        InputError: if it cannot be read.
    """
    if is_masks(path):
        return mask_names(path)
    segmentation = find_segmentation(path)
    return label_names(read_labels(path)) if segmentation is None else segment_names(segmentation)


def read_labelled(case: Case, classes: Sequence[str], label_map: LabelMap | None = None) -> tuple[Volume, Volume]:
    """Return a scan and its labels, 0 (background) to C, on the same voxel grid.

    Args:
        case: with labels.
        classes: names of the C classes.
        label_map: what label values mean. None: what the file itself calls them; or where it does not say, the value
            of a class is its place among the classes, from 1. Masks go by their names.

    Raises:
        InputError: if a file cannot be read, the two do not fit, or there are labels that mean nothing.
    """
    if case.label is not None and is_masks(case.label):
        image = read_scan(case)
        return image, read_masks(case.label, classes, image)
    image, labels = read_case(case)
    assert labels is not None  # the case has some
    names = label_names(labels) if label_map is None else {}
    where = str(case.label)
    known = label_map or (LabelMap.by_names(classes, names, where) if names else LabelMap.of(classes))
    return image, labels.with_voxels(known.apply(labels.voxels, where))
