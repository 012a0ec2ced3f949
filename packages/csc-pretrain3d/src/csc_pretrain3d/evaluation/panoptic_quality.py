"""Panoptic quality as SemanticKITTI's evaluation defines it.

A segment is all points of one class and one instance. A predicted and a labelled segment of one class match where their
intersection is more than half of their union; points whose label is ignored count nowhere. Then

    SQ = mean IoU of the matches,   RQ = TP / (TP + FP / 2 + FN / 2),   PQ = SQ * RQ,

and the mean is over all classes but the ignored one, also those that never came, whose values are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class PanopticScores:
    """Values by class (K,) from 0 to 1; those of the ignored class are 0 and in no mean.

    Attributes:
        pq: panoptic quality.
        sq: segmentation quality.
        rq: recognition quality.
        iou: of points, whichever instance they are in.
        counted: which classes are in the means (K,).
    """

    pq: NDArray[np.float64]
    sq: NDArray[np.float64]
    rq: NDArray[np.float64]
    iou: NDArray[np.float64]
    counted: NDArray[np.bool_]

    def means(self) -> dict[str, float]:
        """Return the means over classes by name."""
        return {name: float(getattr(self, name)[self.counted].mean()) for name in ("pq", "sq", "rq", "iou")}


class PanopticQuality:
    """Counts of matches that grow scan by scan.

    Args:
        classes: K.
        ignore: the class of points without a label.
        fewest_points: smaller segments without a match are no error.
    """

    def __init__(self, classes: int = 17, ignore: int = 16, fewest_points: int = 15) -> None:
        self.ignore, self.fewest_points = ignore, fewest_points
        self.overlap = np.zeros(classes)
        self.matched, self.invented, self.missed = (np.zeros(classes, np.int64) for _ in range(3))
        self.confusion = np.zeros((classes, classes), np.int64)

    def add(self, labels: Labels, instances: Labels, predictions: Labels, predicted: Labels, where: str = "") -> None:
        """Count the points of a scan.

        Args:
            labels: classes (P,) from 0 to K - 1.
            instances: id of each point's instance (P,), which need to be of one class only together with it.
            predictions: classes (P,) from 0 to K - 1.
            predicted: id of each point's predicted instance (P,).
            where: the scan, as the error should name it.

        Raises:
            InputError: if their numbers differ, or a class is out of its range.
        """
        classes, told = len(self.overlap), f"{where}: " if where else ""
        arrays = [np.asarray(each).astype(np.int64) for each in (labels, instances, predictions, predicted)]
        if len({each.shape for each in arrays}) > 1 or arrays[0].ndim != 1:
            raise InputError(f"{told}{', '.join(str(each.size) for each in arrays)} values; there must be one a point")
        for what, values in (("label", arrays[0]), ("prediction", arrays[2])):
            if values.size and not (values.min() >= 0 and values.max() < classes):
                wrong = values[(values < 0) | (values >= classes)][0]
                raise InputError(f"{told}a {what} is {wrong}; known are the classes 0 to {classes - 1}")
        label, instance, prediction, number = (each[arrays[0] != self.ignore] for each in arrays)
        self.confusion += np.bincount(label * classes + prediction, minlength=classes**2).reshape(classes, classes)
        true, true_class, true_size = _segments(label, instance)
        found, found_class, found_size = _segments(prediction, number)
        both = true_class[true] == found_class[found]
        pairs, shared = np.unique(true[both] * (len(found_class) + 1) + found[both], return_counts=True)
        left, right = pairs // (len(found_class) + 1), pairs % (len(found_class) + 1)
        iou = shared / (true_size[left] + found_size[right] - shared)
        match = iou > 0.5
        left, right, iou = left[match], right[match], iou[match]
        np.add.at(self.overlap, true_class[left], iou)
        self.matched += np.bincount(true_class[left], minlength=classes)
        for missing, (of_class, size, taken) in (
            (self.missed, (true_class, true_size, left)),
            (self.invented, (found_class, found_size, right)),
        ):
            alone = size >= self.fewest_points
            alone[taken] = False
            missing += np.bincount(of_class[alone], minlength=classes)

    def scores(self) -> PanopticScores:
        """Return the values by class."""
        counted = np.arange(len(self.overlap)) != self.ignore
        hits = self.confusion.diagonal()
        union = self.confusion.sum(0) + self.confusion.sum(1) - hits
        sq = _share(self.overlap, self.matched)
        rq = _share(self.matched, self.matched + 0.5 * self.invented + 0.5 * self.missed)
        pq, sq, rq, iou = (np.where(counted, each, 0.0) for each in (sq * rq, sq, rq, _share(hits, union)))
        return PanopticScores(pq, sq, rq, iou, counted)


def _segments(classes: Labels, instances: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the segment of each point (P,), and class and size of each segment."""
    _, instance = np.unique(instances, return_inverse=True)
    span = int(instance.max(initial=0)) + 1
    keys, segment, sizes = np.unique(classes * span + instance.reshape(-1), return_inverse=True, return_counts=True)
    return segment.reshape(-1), keys // span, sizes


def _share(part: Any, whole: Any) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=np.asarray(whole) > 0)
