"""The protocols: scans with reference labels -> scores of each organ, case by case and on average."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.errors import InputError
from visioncore.inference.batch import progress
from visioncore.medical import volume_name
from visioncore.medical.dicom_files import DICOM_SUFFIXES
from visioncore.medical.image_stacks import IMAGE_SUFFIXES
from visioncore.metrics.evaluation import check_protocols, find_results
from visioncore.metrics.segmentation import PROTOCOLS, Score, organ_metrics
from visioncore.report import Cell, Table, save_tables

from ..data.datasets import Case, find_cases
from ..data.label_map import LabelMap
from ..data.merging import merge_classes, parse_merging
from ..data.references import names_in, read_labelled
from ..data.scans import SCANS
from ..data.slices import SETTINGS_FILE, read_settings
from ..inference.predictor import Predictor
from .tolerances import TOLERANCE, tolerances_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

_SUFFIXES = (*SCANS.suffixes, *DICOM_SUFFIXES, *IMAGE_SUFFIXES, "")
"""Of label volumes; folders of slices last, and images after what they may be previews of."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of every organ of every case; arrays are (cases, organs), NaN where a value is undefined.

    Attributes:
        cases: their names.
        organs: names of the classes.
        scores: metric -> values: ``dice_synapse`` (0 to 1), ``hd95_synapse`` in voxels, ``dice_sound``,
            ``hd95_sound_mm``, and the surface Dice ``nsd_sound`` (0 to 1).
        voxels: how large each organ was found to be.
        reference_voxels: how large it is.
        tolerances_mm: of the surface Dice, for each organ.
        voxel_ml: (cases,) size of a voxel in millilitres, NaN where it is unknown.
        segmented_by: what made the labels: network and settings, or the folder they came from.
        note: what is to be known of the weights that made them; empty for nothing.
    """

    cases: list[str]
    organs: tuple[str, ...]
    scores: dict[str, Values]
    voxels: NDArray[np.int64]
    reference_voxels: NDArray[np.int64]
    tolerances_mm: list[float]
    voxel_ml: Values
    segmented_by: str
    note: str = ""

    def means(self) -> dict[str, float]:
        """Return the mean of every metric over cases, and then over organs, as published tables are made.

        Undefined values are left out, and so are organs without any other.
        """
        return {name: _mean(np.array([*map(_mean, values.T)])) for name, values in self.scores.items()}

    def spreads(self) -> dict[str, float]:
        """Return the standard deviation of every metric between cases, of each case's mean over organs."""
        return {name: _spread(np.array([*map(_mean, values)])) for name, values in self.scores.items()}

    def table(self) -> Table:
        """Return a row for every case and organ: its scores, and its size where that is known."""
        table = Table(["case", "organ", *self.scores, "voxels", "reference_voxels", "ml", "reference_ml"])
        for row, case in enumerate(self.cases):
            for column, organ in enumerate(self.organs):
                sizes = int(self.voxels[row, column]), int(self.reference_voxels[row, column])
                numbers = [values[row, column] for values in self.scores.values()]
                volumes = [size * self.voxel_ml[row] for size in sizes]
                table.add(case, organ, *map(_cell, numbers), *sizes, *map(_cell, volumes))
        return table

    def summary(self) -> Table:
        """Return a row for every organ, and one for all: means, standard deviations between cases, and failures.

        An organ is ``absent`` from a case that has it neither in the prediction nor in the reference, ``missed`` where
        only the reference has it, ``invented`` where only the prediction does.
        """
        columns = [column for name in self.scores for column in (name, f"{name}_sd")]
        table = Table(["organ", *columns, "absent", "missed", "invented"])
        found, there = self.voxels > 0, self.reference_voxels > 0
        mishaps = [mishap.sum(axis=0) for mishap in (~found & ~there, ~found & there, found & ~there)]
        for column, organ in enumerate(self.organs):
            numbers = [each(values[:, column]) for values in self.scores.values() for each in (_mean, _spread)]
            table.add(organ, *map(_cell, numbers), *(int(counts[column]) for counts in mishaps))
        numbers = [each[name] for name in self.scores for each in (self.means(), self.spreads())]
        table.add("all", *map(_cell, numbers), *(int(counts.sum()) for counts in mishaps))
        return table

    def overview(self) -> Table:
        """Return the means of `summary` alone, which fit on a terminal."""
        summary = self.summary()
        columns = ["organ", *self.scores]
        places = [summary.columns.index(name) for name in columns]
        return Table(columns, [[row[place] for place in places] for row in summary.rows])

    def save(self, out: str | Path) -> None:
        """Write ``per_case.csv`` and ``.md``, ``summary.csv`` and ``.md``, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        table, summary = self.table(), self.summary()
        report = {
            "cases": len(self.cases),
            "segmented_by": self.segmented_by,
            "note": self.note or None,
            "cases_of_unknown_voxel_size": int(np.isnan(self.voxel_ml).sum()),
            "tolerances_mm": dict(zip(self.organs, self.tolerances_mm, strict=True)),
            "means": self.means(),
            "spreads": self.spreads(),
            "organs": {str(row[0]): dict(zip(summary.columns[1:], row[1:], strict=True)) for row in summary.rows[:-1]},
            "per_case": [dict(zip(table.columns, row, strict=True)) for row in table.rows],
        }
        save_tables(out, {"per_case": table, "summary": summary}, report)


def evaluate(
    data: str | Path,
    segment: Predictor | str | Path,
    *,
    protocols: Iterable[str] = tuple(PROTOCOLS),
    labels: LabelMap | None = None,
    cases: str | Sequence[str] | int | float | None = None,
    tolerance: float = TOLERANCE,
    organ_tolerances: Mapping[str, float] = MappingProxyType({}),
    merge: Sequence[str] = (),
    say: Callable[[str], None] = warnings.warn,
) -> Evaluation:
    """Evaluate segmentations against reference labels, at the scans' own resolution.

    Args:
        data: scans with labels, as `find_cases` takes them.
        segment: what segments the scans; or a folder of label volumes that were made before, by whatever method,
            each under the name of its case, with values 0 to C unless the file itself names its labels.
        protocols: what to measure, of `visioncore.metrics.segmentation.PROTOCOLS`.
        labels: what the values of the reference labels mean; by default what their files call them, or where these do
            not say, 0 to C in the order of the classes.
        cases: which of them, see `fewshot.choose_cases`; None for all.
        tolerance: of the surface Dice, in mm; only under protocols in mm.
        organ_tolerances: those of organs that have one of their own.
        merge: classes that are measured as one, each as ``kidney=left kidney+right kidney``.
        say: told how many cases have voxels of unknown size, where a protocol needs it.

    Raises:
        InputError: if the data or the protocols are not what they should be, the classes are unknown or not the
            network's, or segmentations are missing or do not fit their scans.
    """
    protocols = check_protocols(protocols, PROTOCOLS)
    chosen = find_cases(data, wanted=cases)
    made = {} if isinstance(segment, Predictor) else _find_made(Path(segment), chosen)
    label_map = _label_map(data, labels)
    classes = _classes(segment, made, label_map)
    merging = merge_classes(classes, parse_merging(merge))
    tolerances = tolerances_of(merging.classes, tolerance, organ_tolerances)
    scores: dict[str, list[list[Score]]] = {protocol: [] for protocol in protocols}
    voxel_ml: list[float] = []
    with progress(len(chosen), "cases") as advance:
        for case in chosen:
            scan, reference = read_labelled(case, classes, label_map)
            if isinstance(segment, Predictor):
                found = segment(scan).labels
            else:
                _, found = read_labelled(case._replace(label=made[case.name]), classes)
            spacing = scan.spacing if scan.located else None
            for protocol in protocols:
                near = tolerances if PROTOCOLS[protocol].millimetres else None
                pair = merging.apply(found.voxels), merging.apply(reference.voxels)
                scores[protocol].append(organ_metrics(*pair, len(merging.classes), protocol, spacing, near))
            voxel_ml.append(math.nan if scan.voxel_ml is None else scan.voxel_ml)
            advance()
    unsized = sum(map(math.isnan, voxel_ml))
    if unsized and any(PROTOCOLS[protocol].millimetres for protocol in protocols):
        say(
            f"{data}: {unsized} of {len(chosen)} cases do not say how large voxels are; what is in mm or ml stays empty"
        )
    columns = {protocol: Score(*np.array(rows).transpose(2, 0, 1)) for protocol, rows in scores.items()}
    sizes = columns[protocols[0]]
    return Evaluation(
        cases=[case.name for case in chosen],
        organs=merging.classes,
        scores={name: values for protocol, all_ in columns.items() for name, values in _named(protocol, all_).items()},
        voxels=np.asarray(sizes.voxels, np.int64),
        reference_voxels=np.asarray(sizes.reference_voxels, np.int64),
        tolerances_mm=tolerances,
        voxel_ml=np.array(voxel_ml),
        segmented_by=_describe(segment),
        note=segment.notice if isinstance(segment, Predictor) else "",
    )


def _named(protocol: str, scores: Any) -> dict[str, Values]:
    """Return the metrics of a protocol, each (cases, organs), by their names."""
    named = {f"dice_{protocol}": scores.dice}
    if not PROTOCOLS[protocol].millimetres:
        return named | {f"hd95_{protocol}": scores.hd95}
    return named | {f"hd95_{protocol}_mm": scores.hd95, f"nsd_{protocol}": scores.surface_dice}


def _label_map(data: str | Path, labels: LabelMap | None) -> LabelMap | None:
    """Return the label map of the reference labels: the given one, or that of the prepared data."""
    if labels is None and (Path(data) / SETTINGS_FILE).is_file():
        settings = read_settings(Path(data))
        return LabelMap(tuple(settings["classes"]), settings["values"], settings["others"])
    return labels


def _classes(segment: Predictor | str | Path, made: Mapping[str, Path], label_map: LabelMap | None) -> tuple[str, ...]:
    """Return the classes to measure: those of the network, of the label map, or those that the first file names."""
    if isinstance(segment, Predictor):
        if segment.merge:
            raise InputError("the predictor merges classes, but the reference is not merged; give merge to evaluate")
        classes = segment.model.config.classes
        if label_map is not None and label_map.classes != classes:
            raise InputError(
                f"labels are of {', '.join(label_map.classes)}; the network's classes are {', '.join(classes)}"
            )
        return classes
    if label_map is not None:
        return label_map.classes
    first = next(iter(made.values()))
    names = names_in(first)
    if not names:
        raise InputError(f"{segment}: the labels in this folder have no names; say which classes there are")
    return tuple(name for _, name in sorted(names.items()))


def _find_made(folder: Path, cases: Sequence[Case]) -> dict[str, Path]:
    """Return the label volume of each case, found by the name of the case, its scan or its reference labels."""
    options: dict[str, list[str]] = {}
    for case in cases:
        scan = volume_name(case.image)
        # the last is how scans of one name keep apart, each in a folder that is called as its case
        places = (case.name, scan, volume_name(case.label or case.image), f"{case.name}/{scan}")
        options[case.name] = [place + suffix for suffix in _SUFFIXES for place in places]
    return find_results(folder, options, "segmentation", "case")


def _describe(segment: Predictor | str | Path) -> str:
    if not isinstance(segment, Predictor):
        return str(segment)
    done = segment.preprocessing
    through = f", slices resized to {done.input_size} first" if done.input_size else ""
    members = f"ensemble of {segment.members} " if segment.members > 1 else ""
    return (
        f"{members}{type(segment.model).__name__}, {segment.segmenter.stage} logits, window {done.window}{through}, "
        f"{str(segment.dtype).removeprefix('torch.')}{', self-ensemble' * segment.segmenter.self_ensemble}"
    )


def _mean(values: Values) -> float:
    """Return the mean of the values that are not NaN."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def _spread(values: Values) -> float:
    """Return the sample standard deviation of the values that are not NaN; NaN for fewer than two."""
    defined = values[~np.isnan(values)]
    return float(defined.std(ddof=1)) if defined.size > 1 else math.nan


def _cell(value: float) -> Cell:
    return None if math.isnan(value) else float(value)
