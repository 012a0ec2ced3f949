"""A study of observers: where their vectors lie, and by what they, and their groups, are told apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from visioncore.devices import resolve_device
from visioncore.errors import InputError
from visioncore.report import Table, save_figure, save_tables
from visioncore.report.figures import new_figure
from visioncore.weights.fingerprint import fingerprint

from ..data.datasets import read_scanpaths
from ..data.inputs import Inputs, inputs_for
from ..data.observer_vectors import ObserverVectors
from ..data.trials import ScanpathData, Split
from ..inference.drawing import COLOURS
from ..network.base import ISP
from ..network.scanpaths import Floats, Integers
from ..network.weights import load_model
from .observer_groups import are_groups, balanced_accuracy, leave_one_out, plane
from .ranking import chance, ranking
from .recognition import groups_by_scanpaths, log_likelihoods, ranks_of, together

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class ObserverStudy:
    """Findings on observers.

    Attributes:
        observers: their names, groups and vectors.
        places: of the vectors in the plane of their principal axes (n, 2).
        shares: of the variance that each axis has (2,).
        by_vectors: the group that each is put into by the vectors of the others; none unless there are two groups at
            least, of two observers each.
        by_scanpaths: the same by their scanpaths, None where there is none; empty without groups or scanpaths.
        ranks: of the right observer, from 0, for each scanpath, by its likelihood; None without scanpaths.
        own: place of the observer of each scanpath.
    """

    observers: ObserverVectors
    places: Floats
    shares: Floats
    by_vectors: tuple[str, ...] = ()
    by_scanpaths: tuple[str | None, ...] = ()
    ranks: Integers | None = None
    own: Integers | None = None

    def table(self) -> Table:
        """Return a row for every observer: place in the plane, nearest other, groups, how often they were told."""
        vectors = self.observers.vectors.numpy()
        distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
        np.fill_diagonal(distances, np.inf)
        columns = ["observer", "axis_1", "axis_2", "nearest"]
        columns += ["group"] if self.observers.groups else []
        columns += ["group_by_vectors"] if self.by_vectors else []
        columns += ["group_by_scanpaths"] if self.by_scanpaths else []
        table = Table(columns + (["scanpaths", "told_percent"] if self.ranks is not None else []))
        for place, name in enumerate(self.observers.names):
            nearest = self.observers.names[int(distances[place].argmin())] if len(distances) > 1 else None
            row: list[Any] = [name, *map(float, self.places[place]), nearest]
            row += [self.observers.groups[place]] if self.observers.groups else []
            row += [self.by_vectors[place]] if self.by_vectors else []
            row += [self.by_scanpaths[place]] if self.by_scanpaths else []
            if self.ranks is not None and self.own is not None:
                ranks = self.ranks[self.own == place]
                row += [len(ranks), 100 * float((ranks == 0).mean()) if len(ranks) else None]
            table.add(*row)
        return table

    def report(self) -> dict[str, Any]:
        """Contents of ``report.json``: shares of right answers and what guessing gives."""
        found: dict[str, Any] = {"observers": len(self.observers.names), "variance_shown": float(self.shares.sum())}
        groups = self.observers.groups
        if groups:
            found["groups"] = dict(Counter(groups))
        if self.by_vectors:
            found["largest_group"] = max(Counter(groups).values()) / len(groups)
            found |= _accuracies("group_by_vectors", self.by_vectors, groups)
        there = [place for place, group in enumerate(self.by_scanpaths) if group is not None]
        if there:
            judged = [str(self.by_scanpaths[place]) for place in there]
            found |= _accuracies("group_by_scanpaths", judged, [groups[place] for place in there])
        if self.ranks is not None:
            told, guessed = ranking([self.ranks]), chance(len(self.observers.names))
            found |= {"scanpaths": len(self.ranks), "r_at_1": told.recall[1], "r_at_1_chance": guessed.recall[1]}
            found |= {"mrr": told.mrr, "mrr_chance": guessed.mrr}
        return found

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the vectors in the plane of their principal axes, a colour for each group, and return the figure."""
        figure = new_figure(6, 5)
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        groups = self.observers.groups or ("",) * len(self.places)
        for name, colour in zip(dict.fromkeys(groups), COLOURS * len(groups), strict=False):
            own = np.array([group == name for group in groups])
            axes.scatter(*self.places[own].T, color=colour, label=name or None)
        for name, (x, y) in zip(self.observers.names, self.places, strict=True):
            axes.annotate(name, (x, y), xytext=(4, 3), textcoords="offset points", fontsize=7)
        labels = [f"principal axis {1 + axis} ({100 * self.shares[axis]:.0f} % of the variance)" for axis in range(2)]
        axes.set(title="vectors of the observers", xlabel=labels[0], ylabel=labels[1])
        if self.observers.groups:
            axes.legend()
        save_figure(figure, path)
        return figure

    def save(self, out: str | Path) -> None:
        """Write ``observers.csv`` and ``.md``, ``observers.png`` and ``report.json``.

        Raises:
            InputError: if the folder cannot be written.
        """
        save_tables(out, {"observers": self.table()}, self.report())
        self.plot(Path(out) / "observers.png")


def study_observers(
    model: ISP,
    observers: ObserverVectors,
    data: ScanpathData | None = None,
    inputs: Inputs | None = None,
    *,
    split: Split = "test",
) -> ObserverStudy:
    """Return where observers' vectors lie, their groups for all that the others tell, and who is told by scanpaths.

    Args:
        model: the network of the vectors, in evaluation mode.
        observers: those of the study.
        data: with recorded scanpaths of them, by name.
        inputs: of the network for these; None leaves scanpaths out.
        split: the part of the data; all where it has none.

    Raises:
        InputError: if the vectors belong to another network, or no scanpath is of the observers.
    """
    observers.check_fits(model.config.observer_channels, fingerprint(model))
    vectors = observers.vectors.double().numpy()
    groups = observers.groups if are_groups(observers.groups) else ()
    places, shares = plane(vectors)
    by_vectors = leave_one_out(vectors, groups) if groups else ()
    if data is None or inputs is None:
        return ObserverStudy(observers, places, shares, by_vectors)
    known = {name: place for place, name in enumerate(observers.names)}
    unsplit = all(trial.split is None for trial in data.trials)
    trials = sorted(data.trials, key=lambda t: (t.image, t.task, t.observer)) if unsplit else data.part(split)
    trials = [trial for trial in trials if data.observers[trial.observer] in known]
    if not trials:
        raise InputError(f"{data.source}: no scanpath of {', '.join(observers.names[:8])} in the {split} split")
    own = np.array([known[data.observers[trial.observer]] for trial in trials])
    likelihoods = log_likelihoods(model, data, trials, inputs, observers.vectors)
    by_scanpaths = groups_by_scanpaths(together(likelihoods, own), groups) if groups else ()
    return ObserverStudy(observers, places, shares, by_vectors, by_scanpaths, ranks_of(likelihoods, own), own)


def study_weights(
    weights: str | Path,
    data: str | Path = "",
    *,
    images: str | Path = "",
    features: str | Path = "",
    texts: str | Path = "",
    observers: str | Path = "",
    split: Split = "test",
    device: str = "auto",
) -> ObserverStudy:
    """Study the observers of a network, or those in a file, see `study_observers`.

    Args:
        weights: whatever `load_model` takes.
        data: scanpaths of the observers, whatever `read_scanpaths` takes; empty for the vectors alone.
        images: the folder of photos, for ChenLSTM.
        features: the folder of stored features, for Gazeformer.
        texts: embeddings of tasks, for Gazeformer.
        observers: a file of vectors in place of those that the network learnt.
        split: the part of the data that observers are told by.
        device: where the network runs.

    Raises:
        InputError: as `study_observers`, or if weights, data or vectors are not what they should be.
    """
    known = read_scanpaths(data, images) if data else None
    model = load_model(weights).to(resolve_device(device))
    if observers:
        of = ObserverVectors.load(observers)
    else:
        known = known and known.as_known_to(model.config)
        of = ObserverVectors.of_network(model, known.observers if known else (), known.groups if known else ())
    there = known is not None and (known.images is not None or features)
    inputs = inputs_for(model.config, known, features, texts) if known and there else None
    return study_observers(model, of, known, inputs, split=split)


def _accuracies(name: str, found: Any, groups: Any) -> dict[str, float]:
    right = [one == other for one, other in zip(found, groups, strict=True)]
    return {name: float(np.mean(right)), f"{name}_balanced": balanced_accuracy(found, groups)}
