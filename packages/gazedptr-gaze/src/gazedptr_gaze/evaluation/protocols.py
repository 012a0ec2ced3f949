"""The three-fold protocol: networks, or log files -> errors and zone accuracies, in tables."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.devices import resolve_device, resolve_dtype
from visioncore.errors import InputError
from visioncore.inference.batch import progress
from visioncore.metrics.evaluation import check_protocols
from visioncore.report import Table, save_tables

from ..data.conventions import official_angles
from ..data.faces import FaceSamples
from ..data.ivgaze import FOLDS, Fold, label_file, read_fold
from ..data.zones import COARSE_ZONES, FINE_ZONES, ZONE_MAP, zone_map
from ..inference.folds import Predictions, predict_fold
from ..network.fast import for_inference
from ..network.model import GazeNetwork
from ..network.weights import load_model
from .angular import AP_DEGREES, angular_error, average_precision, mean_direction_error, published_angular_error
from .baselines import gaze_by_head_pose
from .groups import Masks, by_gaze, by_head, by_word
from .official_logs import GAZES, read_logs, write_logs
from .zones import coarse_accuracy, confusion, fine_accuracy, official_tester_ap, recalls

PROTOCOLS = {"published": published_angular_error, "sound": angular_error}
"""Errors as the authors compute them, clipped from below at 0.0256 degrees, and exact ones."""
FOLD = "{fold}"
"""Stands for the number of a fold in the name of weights."""


@dataclass(frozen=True, eq=False)
class FoldResult:
    """Predictions for a fold, and how far off they are.

    Attributes:
        fold: its labels.
        found: the predictions.
        errors: (N,) in degrees, by the name of the protocol.
        constant: mean error in degrees of always predicting the mean direction of the other folds; None without them.
        head_pose: the same of a regression from the head pose alone; None where the labels hold none.
    """

    fold: Fold
    found: Predictions
    errors: Mapping[str, NDArray[np.float64]]
    constant: float | None
    head_pose: float | None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Errors and zone accuracies.

    Attributes:
        folds: predictions and errors of each.
        coarse: (Z,) coarse zone of each fine one; None if nobody says, as for networks of other zones than IVGaze's.
        made_by: what made the predictions.
        note: what is to be known of the weights that made them; empty for nothing.
    """

    folds: Sequence[FoldResult]
    coarse: NDArray[np.int64] | None
    made_by: str
    note: str = ""

    @property
    def errors(self) -> dict[str, NDArray[np.float64]]:
        """Errors (N,) of all samples in degrees, fold after fold, by the name of the protocol."""
        return {name: np.concatenate([r.errors[name] for r in self.folds]) for name in self.folds[0].errors}

    def summary(self) -> Table:
        """Return a row for each fold, and one for all samples.

        ``error_published`` and ``error_sound`` are means in degrees; ``ap_2`` is the share of samples with less than 2
        degrees, and so on; ``constant`` and ``head_pose`` are the mean errors of the baselines, see `FoldResult`.
        """
        table = Table(["fold", "samples", *self._columns(), "constant", "head_pose"])
        for result in self.folds:
            numbers = _means(result.errors)
            table.add(str(result.fold.number), len(result.fold), *numbers, result.constant, result.head_pose)
        sizes = [len(result.fold) for result in self.folds]
        baselines = [
            None if None in values else float(np.average(values, weights=sizes))  # type: ignore[arg-type]
            for values in ([r.constant for r in self.folds], [r.head_pose for r in self.folds])
        ]
        table.add("all", sum(sizes), *_means(self.errors), *baselines)
        return table

    def groups(self) -> Table:
        """Return a row for each group of samples that is not empty, all folds together."""
        table = Table(["by", "group", "samples", *self._columns()])
        for (kind, group), mask in self._masks().items():
            if mask.any():
                inside = {name: errors[mask] for name, errors in self.errors.items()}
                table.add(kind, group, int(mask.sum()), *_means(inside))
        return table

    def zones(self) -> Table:
        """Return a row for each zone head and fold, and one for all samples; none where there are no zones.

        ``fine`` is the share of samples whose fine zone is right; ``coarse`` that of ten, of samples that do not look
        elsewhere, and ``coarse_with_elsewhere`` of all; both None where nobody says which zone is of which. ``fine`` is
        the zone AP; ``official_tester_ap``, what the authors' tester prints in its place, is too high.
        """
        too_high = ["official_tester_ap"] if "published" in self.errors else []
        table = Table(["head", "fold", "samples", "fine", "coarse", "coarse_with_elsewhere", *too_high])
        for head in self.folds[0].found.zones:
            parts = [(str(r.fold.number), r.found.zones[head], r.fold.zone) for r in self.folds]
            for fold, zone, truth in [*parts, ("all", *self._zones(head))]:
                coarse: list[float | None] = [None, None]
                if self.coarse is not None:
                    counts = confusion(zone, truth, self.coarse)
                    shares = coarse_accuracy(counts), coarse_accuracy(counts, with_elsewhere=True)
                    coarse = [None if np.isnan(share) else share for share in shares]
                ap = [official_tester_ap(zone, truth)] if too_high else []
                table.add(head, fold, len(zone), fine_accuracy(zone, truth), *coarse, *ap)
        return table

    def recalls(self) -> Table:
        """Return a row for each coarse zone: its samples, and the share of them that each zone head recognises.

        There is none without zones, or where nobody says which coarse zone a fine one is of.
        """
        counts = {head: self.confusion(head) for head in self._heads_with_coarse_zones()}
        table = Table(["zone", "samples", *counts])
        shares = {head: recalls(each) for head, each in counts.items()}
        for number, name in enumerate(COARSE_ZONES if counts else ()):
            samples = next(iter(counts.values()))[number].sum()
            table.add(name, int(samples), *(each.get(name) for each in shares.values()))
        return table

    def confusion(self, head: str) -> NDArray[np.int64]:
        """Return how many samples of each coarse zone (rows) a zone head took for which (columns), (10, 10).

        Raises:
            InputError: if nobody says which coarse zone a fine one is of.
        """
        if self.coarse is None:
            raise InputError("the coarse zones are unknown; class.label in the folder of the data should name them")
        return confusion(*self._zones(head), self.coarse)

    def save(self, out: str | Path) -> None:
        """Write the tables, ``report.json``, and the predictions as the authors' log files, into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        tables = {"summary": self.summary(), "groups": self.groups()}
        if self.folds[0].found.zones:
            tables["zones"] = self.zones()
        if heads := self._heads_with_coarse_zones():
            tables["recalls"] = self.recalls()
        for head in heads:
            counts = Table(["truth", *COARSE_ZONES])
            for name, row in zip(COARSE_ZONES, self.confusion(head).tolist(), strict=True):
                counts.add(name, *row)
            tables[f"confusion_{head.replace(' ', '_')}"] = counts
        report = {"made_by": self.made_by, "note": self.note or None}
        rows = {name: [dict(zip(t.columns, row, strict=True)) for row in t.rows] for name, t in tables.items()}
        save_tables(out, tables, report | rows)
        for result in self.folds:
            fold = result.fold
            gaze = official_angles(fold.normalised_vectors)
            write_logs(Path(out) / f"fold{fold.number}{GAZES}", fold.names, result.found, gaze, fold.zone)

    def _heads_with_coarse_zones(self) -> list[str]:
        return [] if self.coarse is None else list(self.folds[0].found.zones)

    def _columns(self) -> list[str]:
        return [*(f"error_{name}" for name in self.errors), *(f"ap_{limit}" for limit in AP_DEGREES)]

    def _zones(self, head: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        found = np.concatenate([result.found.zones[head] for result in self.folds])
        return found, np.concatenate([result.fold.zone for result in self.folds])

    def _masks(self) -> Masks:
        folds = [result.fold for result in self.folds]
        masks = by_gaze(official_angles(np.concatenate([fold.normalised_vectors for fold in folds])))
        heads = [fold.head() for fold in folds]
        if all(head is not None for head in heads):
            masks |= by_head(np.concatenate(heads))  # type: ignore[arg-type]
        return masks | by_word([name for fold in folds for name in fold.names])


def evaluate(
    data: str | Path,
    weights: str | Path = "",
    *,
    results: str | Path = "",
    protocols: Iterable[str] = tuple(PROTOCOLS),
    folds: Iterable[int] = FOLDS,
    device: str = "auto",
    dtype: str = "float32",
    batch: int = 64,
    say: Callable[[str], None] = warnings.warn,
) -> Evaluation:
    """Evaluate networks, or predictions that others made, on folds of IVGaze.

    Args:
        data: its folder, or one laid out as it; the zone map is that of its ``class.label``, if there is one, else
            IVGaze's for networks of its 122 zones.
        weights: a network, whatever `load_model` takes; ``{fold}`` in it stands for the number of the fold.
        results: instead of weights, a folder of predictions, ``fold1.log_dir`` and so on, as the authors' tester writes
            them, with ``fold1.log_zone`` beside it for zones.
        protocols: what to measure, of `PROTOCOLS`; shares below a limit are by the first.
        folds: which ones are tested on.
        device: where networks run.
        dtype: precision of their arithmetic.
        batch: samples at a time.
        say: told what is to be known of the result.

    Raises:
        InputError: if the data, the weights or the results are not what they should be.
    """
    protocols = check_protocols(protocols, PROTOCOLS)
    numbers = list(dict.fromkeys(folds))
    if not numbers:
        raise InputError("no fold is named; there are 1, 2 and 3")
    if bool(weights) == bool(results):
        raise InputError("give either weights or results")
    if batch < 1:
        raise InputError(f"batch is {batch}; it must be at least 1")
    if unknown := [number for number in numbers if number not in FOLDS]:
        raise InputError(f"fold is {unknown[0]}; it must be 1, 2 or 3")
    networks = _networks(str(weights), numbers) if weights else {}
    zones = _zones_of(networks, weights)
    coarse = zone_map(data, zones)
    zones = zones or (FINE_ZONES if coarse is None else len(coarse))
    tested = {number: read_fold(data, number, zones) for number in numbers}
    others = {n: read_fold(data, n, zones) for n in FOLDS if n not in tested and label_file(data, n).is_file()}
    known, made, note = tested | others, [], ""
    for number, fold in tested.items():
        if results:
            found = read_logs(Path(results) / f"fold{number}{GAZES}", fold.names, zones)
        else:
            found, note = _predict(fold, networks[number], device, dtype, batch, say), networks[number].notice
        made.append(_result(fold, found, [known[n] for n in sorted(known) if n != number], protocols))
    if len({(tuple(result.found.zones), result.found.counts) for result in made}) > 1:
        raise InputError(f"{weights or results}: zones for some folds and not for others; all must be of one variant")
    if weights and len(numbers) > 1 and FOLD not in str(weights):
        say(f"{weights}: one network for {len(numbers)} folds; it must have been trained on none of them")
    if any(result.head_pose is None for result in made):
        say(f"{data}: not every baseline; they need the labels of another fold, and a head pose in every line")
    if note:
        say(note)
    if coarse is None and made[0].found.zones:
        say(f"{data}: no coarse zones; {ZONE_MAP} should name those that the network's {zones} fine zones belong to")
    return Evaluation(made, coarse, str(weights or results), note)


def _networks(weights: str, folds: Sequence[int]) -> dict[int, GazeNetwork]:
    """Return the network of each fold, which is one for all if the weights name no fold."""
    if FOLD not in weights:
        return dict.fromkeys(folds, load_model(weights))
    return {number: load_model(weights.replace(FOLD, str(number))) for number in folds}


def _zones_of(networks: Mapping[int, GazeNetwork], weights: str | Path) -> int | None:
    """Return how many fine zones networks have; None if they have none."""
    counts = sorted({each.config.zones for each in networks.values() if each.config.variant == "gazedptr_v2"})
    if len(counts) > 1:
        raise InputError(f"{weights}: networks of {' and '.join(map(str, counts))} fine zones; all must have as many")
    return counts[0] if counts else None


def _predict(
    fold: Fold, model: GazeNetwork, device: str, dtype: str, batch: int, say: Callable[[str], None]
) -> Predictions:
    place = resolve_device(device)
    samples = FaceSamples([fold], model.config.variant, model.config.image_size, say=say)
    network = for_inference(model, place, resolve_dtype(dtype, place))
    with progress(len(samples), f"samples of fold {fold.number}") as advance:
        return predict_fold(network, samples, model.config, batch, advance)


def _means(errors: Mapping[str, NDArray[np.float64]]) -> list[float]:
    """Return the mean error by each protocol, and the shares of small ones by the first."""
    return [*(float(each.mean()) for each in errors.values()), *average_precision(next(iter(errors.values())))]


def _result(fold: Fold, found: Predictions, others: Sequence[Fold], protocols: Sequence[str]) -> FoldResult:
    gaze = official_angles(fold.normalised_vectors)
    errors = {name: PROTOCOLS[name](found.gaze, gaze) for name in protocols}
    if not others:
        return FoldResult(fold, found, errors, None, None)
    training = official_angles(np.concatenate([other.normalised_vectors for other in others]))
    heads: list[Any] = [each.head() for each in (fold, *others)]
    by_pose = None
    if all(head is not None for head in heads):
        by_pose = gaze_by_head_pose(heads[0], np.concatenate(heads[1:]), training)
    return FoldResult(
        fold,
        found,
        errors,
        mean_direction_error(gaze, training),
        None if by_pose is None else float(angular_error(by_pose, gaze).mean()),
    )
