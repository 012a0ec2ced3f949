"""How well points are classified: a confusion matrix of all points, and what is read from it.

Two protocols differ in what may be predicted, both leave points without a label (class 0) out:

========== ======================================================= =======================================
name       a point that the network gives class 0                  who measures so
========== ======================================================= =======================================
official   counts as a miss of the class that it has               the authors' scripts
suppressed cannot be: the likeliest of the other classes is taken  whoever never wants "no class" as answer
========== ======================================================= =======================================

The mean over classes counts a class that is neither in the labels nor predicted as 1, as the authors' scripts do, which
flatters small sets; `Scores.miou_present` leaves such classes out. What their scripts print as a frequency-weighted IoU
is no such mean but the IoU of all points pooled, and called so here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError

Labels = NDArray[np.integer[Any]]

PROTOCOLS = ("official", "suppressed")
"""Their names, see above."""
IGNORED = 0
"""The class of points without a label."""


@dataclass(frozen=True)
class Scores:
    """Read from a confusion matrix of K classes.

    Attributes:
        iou: of the classes 1 to K - 1 (K - 1,), from 0 to 1; 1 where a class is neither labelled nor predicted.
        present: of which of them there is a labelled or predicted point (K - 1,).
        miou: mean of ``iou``.
        miou_present: mean over the classes that are present; NaN if none is.
        pooled_iou: intersection over union of all labelled points together; NaN without any.
        accuracy: share of labelled points that have their class; NaN without any.
        points: labelled ones.
    """

    iou: NDArray[np.float64]
    present: NDArray[np.bool_]
    miou: float
    miou_present: float
    pooled_iou: float
    accuracy: float
    points: int


class Confusion:
    """A confusion matrix that grows scan by scan, exact however many points there are.

    Args:
        classes: K, with class 0 for points without a label.

    Attributes:
        counts: points by label (rows) and prediction (columns), (K, K) int64.
    """

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), dtype=np.int64)

    def add(self, labels: Labels, predictions: Labels, where: str = "") -> None:
        """Count the points of a scan.

        Args:
            labels: of the points (P,), from 0 to K - 1.
            predictions: of the same points (P,), from 0 to K - 1.
            where: the scan, as the error should name it.

        Raises:
            InputError: if their numbers differ or a value is none of the classes.
        """
        classes, told = len(self.counts), f"{where}: " if where else ""
        if labels.shape != predictions.shape or labels.ndim != 1:
            raise InputError(f"{told}{predictions.size} predictions for {labels.size} labelled points")
        for what, values in (("label", labels), ("prediction", predictions)):
            if values.size and (values.min() < 0 or values.max() >= classes):
                wrong = values[(values < 0) | (values >= classes)][0]
                raise InputError(f"{told}a {what} is {wrong}; known are the classes 0 to {classes - 1}")
        cells = labels.astype(np.int64) * classes + predictions
        self.counts += np.bincount(cells, minlength=classes**2).reshape(classes, classes)

    def scores(self) -> Scores:
        """Return the scores of the points that have a label."""
        counts = self.counts.copy()
        counts[IGNORED] = 0
        right, labelled, predicted = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
        union = labelled + predicted - right
        iou = np.where(union > 0, right / np.maximum(union, 1), 1.0)[IGNORED + 1 :]
        present, total, hits = union[IGNORED + 1 :] > 0, int(labelled.sum()), int(right.sum())
        return Scores(
            iou=iou,
            present=present,
            miou=float(iou.mean()),
            miou_present=float(iou[present].mean()) if present.any() else math.nan,
            pooled_iou=hits / (2 * total - hits) if total else math.nan,
            accuracy=hits / total if total else math.nan,
            points=total,
        )


def predicted_classes(probabilities: NDArray[np.floating[Any]], protocol: str) -> NDArray[np.int64]:
    """Return the class of each point under a protocol.

    Args:
        probabilities: of the classes (P, K); zeros for points of which the network says nothing, which have class 0
            under both protocols.
        protocol: of `PROTOCOLS`.
    """
    if protocol == "official":
        return probabilities.argmax(axis=1)
    likely = probabilities[:, IGNORED + 1 :].argmax(axis=1) + IGNORED + 1
    return np.where(probabilities.any(axis=1), likely, IGNORED)
