"""The protocols of semantic segmentation: labelled scans -> tables of classes and scans."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import check_protocols, find_results
from visioncore.report import Cell, Table, save_tables

from ..data.classes import ClassMap
from ..data.datasets import DataSet, open_frames
from ..data.formats import LABEL_SUFFIXES, read_labels
from ..data.frame import Scan
from ..inference.predictor import Predictor
from .panoptic_quality import PanopticQuality
from .segmentation import IGNORED, PROTOCOLS, Confusion, Scores, predicted_classes

PANOPTIC = "panoptic"
"""The protocol of classes and instances together, beside those of classes alone."""

METRICS = ("miou", "miou_present", "pooled_iou", "accuracy")
"""Scores of all points together, from 0 to 1; see `Scores`."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well the points of scans are classified.

    Attributes:
        classes: their names.
        confusions: of all points, by protocol.
        scans: of each scan its name and what its own points say, by protocol.
        made_by: what made the labels: network and settings, or the folder they came from.
        note: what is to be known of the weights that made them; empty for nothing.
        panoptic: matches of instances, if they were measured.
    """

    classes: ClassMap
    confusions: Mapping[str, Confusion]
    scans: Sequence[tuple[str, Mapping[str, Scores]]]
    made_by: str
    note: str = ""
    panoptic: PanopticQuality | None = None

    def scores(self) -> dict[str, Scores]:
        """Return the scores of all points together, by protocol."""
        return {name: confusion.scores() for name, confusion in self.confusions.items()}

    def means(self) -> dict[str, float]:
        """Return each metric under each protocol, such as ``miou_official``."""
        scores = self.scores()
        means = {f"{metric}_{name}": getattr(each, metric) for name, each in scores.items() for metric in METRICS}
        return means | (self.panoptic.scores().means() if self.panoptic else {})

    def summary(self) -> Table:
        """Return the IoU of each class that is measured, in percent, and its labelled points; then what all give."""
        scores = self.scores()
        points = next(iter(self.confusions.values())).counts.sum(axis=1)
        table = Table(["class", *(f"iou_{name}_%" for name in scores), "points"])
        for place, name in enumerate(self.classes.names[1:]):
            each = [100 * float(of.iou[place]) if of.present[place] else None for of in scores.values()]
            table.add(name, *each, int(points[place + 1]))
        for metric in METRICS:
            table.add(metric, *(_percent(getattr(of, metric)) for of in scores.values()), int(points[1:].sum()))
        return table

    def panoptic_table(self) -> Table:
        """Return panoptic quality and its parts for each class, and their means, in percent."""
        assert self.panoptic is not None
        scores = self.panoptic.scores()
        table = Table(["class", "pq_%", "sq_%", "rq_%", "iou_%"])
        for place, name in enumerate(self.classes.names[1:], start=1):
            table.add(name, *(100 * float(each[place]) for each in (scores.pq, scores.sq, scores.rq, scores.iou)))
        table.add("mean", *(100 * value for value in scores.means().values()))
        return table

    def tables(self) -> dict[str, Table]:
        """Return the tables that were measured, by name."""
        found = {"summary": self.summary(), "per_scan": self.table()} if self.confusions else {}
        return found | ({PANOPTIC: self.panoptic_table()} if self.panoptic else {})

    def table(self) -> Table:
        """Return a row for every scan, in percent."""
        columns = [f"{metric}_{name}_%" for name in self.confusions for metric in METRICS[1:]]
        table = Table(["scan", *columns, "points"])
        for name, scores in self.scans:
            values = [_percent(getattr(of, metric)) for of in scores.values() for metric in METRICS[1:]]
            table.add(name, *values, next(iter(scores.values())).points)
        return table

    def save(self, out: str | Path) -> None:
        """Write `tables` as .csv and .md, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        scores = self.scores()
        report: dict[str, Any] = {
            "scans": len(self.scans),
            "classified_by": self.made_by,
            "note": self.note or None,
            "means": self.means(),
            "iou": {
                name: dict(zip(self.classes.names[1:], np.where(of.present, of.iou, np.nan), strict=True))
                for name, of in scores.items()
            },
            "confusion": {name: confusion.counts for name, confusion in self.confusions.items()},
        }
        if self.panoptic:
            report["pq"] = dict(zip(self.classes.names[1:], self.panoptic.scores().pq[1:], strict=True))
        save_tables(out, self.tables(), report)


def labelled_frames(data: str | Path, split: str = "", labels: str = "") -> DataSet:
    """Return the frames that are measured.

    Args:
        data: of any kind that `open_frames` takes.
        split: a part of it; empty for ``val``, of KITTI objects and a folder of one's own for all.
        labels: which ones, see `open_frames`; empty for the usual ones.

    Raises:
        InputError: as `open_frames`.
    """
    usual = None if any((Path(data) / whole).is_dir() for whole in ("scans", "velodyne")) else "val"
    return open_frames(data, split or usual, labels=labels or None, cameras=False)


def evaluate(frames: DataSet, classify: Predictor | str | Path, *, protocols: Iterable[str] = PROTOCOLS) -> Evaluation:
    """Measure classified points against their labels.

    Args:
        frames: with labels, read one after the other.
        classify: what classifies points, with the same classes; or a folder of label files that any tool made, named as
            the frames or as SemanticKITTI's benchmark wants it: .label holds raw ids of the classes, other formats the
            classes themselves. Labels of a tool are taken as they are, so that the protocols differ for a `Predictor`
            alone.
        protocols: of `PROTOCOLS`, and `PANOPTIC` for panoptic quality, which needs instances in labels and predictions.

    Raises:
        InputError: if a scan has no labels or no instances, classes differ, or label files are missing or do not fit.
    """
    asked, classes = check_protocols(protocols, (*PROTOCOLS, PANOPTIC)), frames.classes
    wanted = tuple(name for name in asked if name != PANOPTIC)
    panoptic = PanopticQuality(len(classes), ignore=IGNORED) if PANOPTIC in asked else None
    if isinstance(classify, Predictor):
        _check_classes(classify, classes)
        made_by, note, results = repr(classify), classify.notice, dict[str, Path]()
    else:
        made_by, note = str(classify), ""
        places = {name: _places(name, scene) for name, scene in zip(frames.names, frames.scenes, strict=True)}
        results = find_results(classify, places, "label file", "scan")
    total = {name: Confusion(len(classes)) for name in wanted}
    measured: list[tuple[str, dict[str, Scores]]] = []
    with progress(len(frames), "scans") as advance:
        for place, named in enumerate(frames.names):
            scan = frames[place].scan
            if scan.labels is None:
                raise InputError(f"{named}: there are no labels to measure against")
            own = {name: Confusion(len(classes)) for name in wanted}
            given = _classified(scan, classes, classify if isinstance(classify, Predictor) else results[named])
            for name in wanted:
                own[name].add(scan.labels, given.by(name), named)
                total[name].counts += own[name].counts
            if panoptic:
                if scan.instances is None or given.instances is None:
                    lacking = "labels" if scan.instances is None else "predictions"
                    raise InputError(f"{named}: the {lacking} tell no instances apart, which panoptic quality needs")
                panoptic.add(scan.labels, scan.instances, given.labels, given.instances, named)
            measured.append((named, {name: confusion.scores() for name, confusion in own.items()}))
            advance()
    return Evaluation(classes, total, measured, made_by, note, panoptic)


class _Classified(NamedTuple):
    """Classes of a scan's points (P,), their instances if there are any, and of a network the probabilities (P, K)."""

    labels: NDArray[np.int64]
    instances: NDArray[np.int64] | None
    probabilities: NDArray[np.float32] | None = None

    def by(self, protocol: str) -> NDArray[np.int64]:
        """Return the classes under a protocol."""
        return self.labels if self.probabilities is None else predicted_classes(self.probabilities, protocol)


def _classified(scan: Scan, classes: ClassMap, source: Predictor | Path) -> _Classified:
    if isinstance(source, Predictor):
        result = source(scan)
        assert result.labels is not None
        return _Classified(result.labels, result.instances, result.probabilities)
    raw = read_labels(source, len(scan))
    labels = classes.classes_of(raw.ids, source) if source.suffix == ".label" else raw.ids
    return _Classified(labels, raw.instances)


def _check_classes(predictor: Predictor, classes: ClassMap) -> None:
    if predictor.classes is None:
        raise InputError("these weights give features and no classes: fine-tune them first (train)")
    if predictor.classes.names != classes.names:
        raise InputError(
            f"the network knows {len(predictor.classes)} classes ({predictor.classes.title}) and the labels are of "
            f"{len(classes)} others ({classes.title}); they must be the same"
        )


def _places(name: str, scene: str) -> list[str]:
    """Return where the label file of a frame may be, the likeliest place first."""
    own = name.removeprefix(f"{scene}-")
    stems = [name, f"{scene}/{own}", f"sequences/{scene}/predictions/{own}", f"{scene}/predictions/{own}"]
    # as `predict` names what it makes of the folders of SemanticKITTI and nuScenes
    stems += [f"{scene}/velodyne/{own}", f"{name}.pcd"]
    return [stem + suffix for stem in stems for suffix in LABEL_SUFFIXES]


def _percent(value: float) -> Cell:
    return None if math.isnan(value) else 100 * value
