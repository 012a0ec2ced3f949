"""The paper's protocol: predictions for the observers of a split -> how near they come, and whom they are told from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.report import Table, save_tables

from ..data.trials import ScanpathData, Split, Trial
from ..network.scanmatch import scanmatch
from ..network.scanpaths import Floats, Frame, Integers, Scanpaths
from .ranking import Ranking, ranking, ranks
from .scores import LEAST, METRICS, Pad, scores

CHEN_FRAME = Frame(320, 240)
"""The frame that the agreement of people is measured in."""

Predict = Callable[[Sequence[Trial], int], Scanpaths]
"""Trials and a seed -> a predicted scanpath for the observer of each, in pixels of the protocol's frame."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of every trial, for every seed.

    Attributes:
        trials: in the order of the scores.
        observers: names of all observers.
        values: each of `METRICS` (seeds, trials), NaN where it is not defined.
        rankings: of the observers, one for each seed; none where observers were not told apart.
        by_chance: what guessing gives.
        made_by: what made the scanpaths.
        note: what is to be known of the weights that made them; empty for nothing.
    """

    trials: Sequence[Trial]
    observers: Sequence[str]
    values: dict[str, Floats]
    rankings: Sequence[Ranking]
    by_chance: Ranking | None
    made_by: str
    note: str = ""

    def means(self) -> dict[str, float]:
        """Return the mean of every score over trials and seeds, and of the ranking measures over seeds."""
        return {name: float(np.mean(each)) for name, each in self._by_seed().items()}

    def spreads(self) -> dict[str, float]:
        """Return the standard deviation of every mean between seeds; zero for one."""
        return {name: float(np.std(each, ddof=min(1, len(each) - 1))) for name, each in self._by_seed().items()}

    def _by_seed(self) -> dict[str, Floats]:
        found = {name: np.nanmean(values, axis=1) for name, values in self.values.items()}
        for name, of in _RANKING.items():
            if self.rankings:
                found[name] = np.array([of(each) for each in self.rankings])
        return found

    def table(self) -> Table:
        """Return a row for every trial: its scores, on average over seeds."""
        table = Table(["image", "task", "observer", *self.values])
        means = [np.nanmean(values, axis=0) if len(values) else values for values in self.values.values()]
        for trial, *row in zip(self.trials, *means, strict=True):
            table.add(trial.image, trial.task, self.observers[trial.observer], *map(_cell, row))
        return table

    def by_observer(self) -> Table:
        """Return a row for every observer: the mean scores of the predictions for them."""
        table = Table(["observer", "trials", *self.values])
        own = np.array([trial.observer for trial in self.trials])
        for index, name in enumerate(self.observers):
            if (own == index).any():
                table.add(
                    name, int((own == index).sum()), *(_cell(_mean(v[:, own == index])) for v in self.values.values())
                )
        return table

    def summary(self) -> Table:
        """Return a row for every measure: mean, standard deviation between seeds, and what guessing gives."""
        table = Table(["measure", "mean", "sd", "chance"])
        guessed = {name: of(self.by_chance) for name, of in _RANKING.items()} if self.by_chance else {}
        for (name, mean), spread in zip(self.means().items(), self.spreads().values(), strict=True):
            table.add(name, mean, spread, guessed.get(name))
        return table

    def report(self) -> dict[str, Any]:
        """Contents of ``report.json``."""
        return {
            "trials": len(self.trials),
            "seeds": len(self.rankings) or 1,
            "scanpaths_by": self.made_by,
            "means": self.means(),
            "spreads": self.spreads(),
            "note": self.note or None,
        }

    def save(self, out: str | Path) -> None:
        """Write ``per_trial``, ``per_observer`` and ``summary``, each as CSV and Markdown, and ``report.json``.

        Raises:
            InputError: if the folder cannot be written.
        """
        tables = {"per_trial": self.table(), "per_observer": self.by_observer(), "summary": self.summary()}
        save_tables(out, tables, self.report())


_RANKING: dict[str, Callable[[Ranking], float]] = {
    "mrr": lambda r: r.mrr,
    "r_at_1": lambda r: r.recall[1],
    "r_at_3": lambda r: r.recall[3],
    "r_at_5": lambda r: r.recall[5],
    "r_sum": lambda r: r.total,
}


def evaluate(
    data: ScanpathData,
    predict: Predict,
    frame: Frame,
    *,
    made_by: str,
    split: Split = "test",
    seeds: Sequence[int] = (0,),
    pad: Pad = "all",
    note: str = "",
) -> Evaluation:
    """Measure predictions for the observers of a split, one for each trial and seed.

    Args:
        data: the trials.
        predict: makes the scanpaths.
        frame: that scanpaths are measured in.
        made_by: what makes them, for the report.
        split: the part of the data.
        seeds: how often, and from which numbers.
        pad: see `scores`.
        note: what is to be known of the weights.

    Raises:
        InputError: if the split is empty, there is no seed, or not as many scanpaths come as trials.
    """
    if not seeds:
        raise InputError("no seed was given; one at least is needed")
    trials = data.part(split)
    reference = data.scaled(trials, frame)
    values: dict[str, list[Floats]] = {name: [] for name in METRICS}
    rankings = []
    groups = list(same_image(trials))
    for seed in seeds:
        predicted = predict(trials, seed)
        if len(predicted) != len(trials):
            raise InputError(f"{len(predicted)} scanpaths were predicted for {len(trials)} trials")
        for name, each in scores(predicted, reference, frame, pad).items():
            values[name].append(each)
        rankings.append(ranking(_ranks(predicted, reference, frame, pad, groups)))
    return Evaluation(
        trials=trials,
        observers=data.observers,
        values={name: np.stack(each) for name, each in values.items()},
        rankings=rankings,
        by_chance=ranking([np.arange(len(group)) for group in groups]),
        made_by=made_by,
        note=note,
    )


def human_agreement(data: ScanpathData, frame: Frame, *, split: Split = "test", pad: Pad = "all") -> Evaluation:
    """Measure how far observers agree: each scanpath against that of every other observer of the same image.

    Arguments and errors as for `evaluate`; a row of the table is the mean of one scanpath against the others.
    """
    trials = data.part(split)
    reference = data.scaled(trials, frame)
    first, second = _pairs(list(same_image(trials)))
    if not len(first):
        raise InputError(f"{data.source}: no image of the {split} split was seen by two observers")
    found = scores(reference[first], reference[second], frame, pad)
    return Evaluation(
        trials=[trials[index] for index in first],
        observers=data.observers,
        values={name: each[None] for name, each in found.items()},
        rankings=(),
        by_chance=None,
        made_by="other observers",
    )


def same_image(trials: Sequence[Trial]) -> list[Integers]:
    """Return the places of the trials of each image and task, which stand together."""
    keys = [(trial.image, trial.task) for trial in trials]
    groups = groupby(range(len(trials)), key=lambda place: keys[place])
    return [np.array(list(places)) for _, places in groups]


def _ranks(
    predicted: Scanpaths, reference: Scanpaths, frame: Frame, pad: Pad, groups: Sequence[Integers]
) -> list[Integers]:
    """Return the ranks of the observers of each image by ScanMatch with duration; missing observers do not count."""
    rows = np.concatenate([np.repeat(group, len(group)) for group in groups])
    columns = np.concatenate([np.tile(group, len(group)) for group in groups])
    if pad == "all":
        predicted, reference = predicted.at_least(LEAST), reference.at_least(LEAST)
    flat = scanmatch(predicted[rows], reference[columns], frame, with_duration=True)
    ends = np.cumsum([len(group) ** 2 for group in groups])
    return [
        ranks(part.reshape(len(group), len(group)))
        for part, group in zip(np.split(flat, ends[:-1]), groups, strict=True)
    ]


def _pairs(groups: Sequence[Integers]) -> tuple[Integers, Integers]:
    """Return the places of all ordered pairs of different observers of the same image."""
    pairs: list[NDArray[np.int64]] = [np.empty((2, 0), np.int64)]
    for group in groups:
        every = np.stack(np.meshgrid(group, group, indexing="ij")).reshape(2, -1)
        pairs.append(every[:, every[0] != every[1]])
    first, second = np.concatenate(pairs, axis=1)
    return first, second


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _cell(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
