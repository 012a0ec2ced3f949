"""The paper's protocols: fully supervised, few-shot, zero-shot -> top-1 and top-5, with how many videos were found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError, some
from visioncore.inference.batch import FAULTS, progress, told
from visioncore.metrics.evaluation import check_protocols
from visioncore.report import Table, save_tables

from ..data.video_lists import Video, VideoList
from ..inference.predictor import Predictor
from ..network.corpus import label_text
from .results import read_results
from .scores import mean_and_deviation, ranks, top_k

Name = Literal["full", "few-shot", "zero-shot"]


@dataclass(frozen=True)
class Protocol:
    """How a clip is looked at.

    Attributes:
        views: temporal ones; probabilities are averaged over them.
        crops: of each frame.
        frames: of a view; None for as many as the network was trained on.
    """

    views: int = 1
    crops: int = 1
    frames: int | None = None


PROTOCOLS: Mapping[Name, Protocol] = {
    "full": Protocol(views=3),
    "few-shot": Protocol(frames=32),
    "zero-shot": Protocol(),
}
"""Kinetics-400: three views of one crop. Few-shot: one view of 32 frames. Zero-shot: one view."""


@dataclass(frozen=True, eq=False)
class SplitScores:
    """The scores on a split.

    Attributes:
        given: the split, with all that was found.
        videos: those of it that could be read.
        rank: (N,) place of the right label, from 0.
        best: (N,) the likeliest label.
        probability: (N,) of it.
        unread: videos that could not be read, with the reason.
    """

    given: VideoList
    videos: Sequence[Video]
    rank: NDArray[np.int64]
    best: NDArray[np.int64]
    probability: NDArray[np.float64]
    unread: Mapping[str, str]

    @property
    def found(self) -> str:
        """How many of the listed videos count, in a few words."""
        bad = f"; {len(self.unread)} could not be read" if self.unread else ""
        return f"{self.given.found}{bad}; {len(self.rank)} scored"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores by one protocol.

    Attributes:
        protocol: its name.
        splits: scores on each split.
        made_by: what made the predictions.
        notes: what is to be known of them, one line each.
    """

    protocol: str
    splits: Sequence[SplitScores]
    made_by: str
    notes: Sequence[str] = ()

    def summary(self) -> Table:
        """Return a row for every split, and of several the mean and the population standard deviation."""
        table = Table(["split", "top-1 %", "top-5 %", "videos", "listed"])
        scores = [(top_k(split.rank, 1), top_k(split.rank, 5)) for split in self.splits]
        for split, (first, fifth) in zip(self.splits, scores, strict=True):
            table.add(split.given.name, first, fifth, len(split.rank), split.given.listed)
        if len(scores) > 1:
            (mean, deviation), (mean5, deviation5) = (mean_and_deviation(each) for each in zip(*scores, strict=True))
            table.add("mean", mean, mean5, None, None)
            table.add("deviation", deviation, deviation5, None, None)
        return table

    def per_class(self) -> Table:
        """Return a row for every class of every split: videos, and top-1 of them."""
        table = Table(["split", "class", "top-1 %", "videos"])
        for split in self.splits:
            labels = np.array([video.label for video in split.videos])
            for place, name in enumerate(split.given.labels.names):
                inside = labels == place
                if inside.any():
                    table.add(split.given.name, name, top_k(split.rank[inside], 1), int(inside.sum()))
        return table

    def per_video(self) -> Table:
        """Return a row for every video."""
        table = Table(["split", "video", "label", "predicted", "probability", "rank"])
        for split in self.splits:
            names = split.given.labels.names
            for video, *row in zip(split.videos, split.best, split.probability, split.rank, strict=True):
                best, probability, rank = row
                table.add(
                    *(split.given.name, video.name, names[video.label], names[best]),
                    *(float(probability), int(rank) + 1),
                )
        return table

    def report(self) -> dict[str, Any]:
        """Contents of ``report.json``."""
        return {
            "protocol": self.protocol,
            "made_by": self.made_by,
            "splits": [
                {
                    "split": split.given.name,
                    "top1": top_k(split.rank, 1),
                    "top5": top_k(split.rank, 5),
                    "listed": split.given.listed,
                    "scored": len(split.rank),
                    "missing": list(split.given.missing),
                    "unread": dict(split.unread),
                }
                for split in self.splits
            ],
            "top1": mean_and_deviation([top_k(split.rank, 1) for split in self.splits])[0],
            "top1_deviation": mean_and_deviation([top_k(split.rank, 1) for split in self.splits])[1],
            "notes": list(self.notes),
        }

    def save(self, out: str | Path) -> None:
        """Write ``summary``, ``per_class``, ``per_video``, each as .csv and .md, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        tables = {"summary": self.summary(), "per_class": self.per_class(), "per_video": self.per_video()}
        save_tables(out, tables, self.report())


def evaluate(
    splits: Sequence[VideoList],
    made_by: Callable[[Protocol], Predictor] | str | Path,
    *,
    protocols: Sequence[str] = ("full",),
    say: Callable[[str], None] = print,
) -> dict[str, Evaluation]:
    """Measure top-1 and top-5 on splits of a data set, by protocols.

    Args:
        splits: labelled videos; of several, mean and deviation are reported.
        made_by: protocol -> the predictor that looks at clips in its way, or a folder of results, see `read_results`.
        protocols: by which to measure; results in files have been made by whatever protocol, so one is enough for them.
        say: told a line for each video that cannot be read.

    Raises:
        InputError: if a protocol is unknown, a result is missing, or no video of a split can be read.
    """
    measured = {}
    for name in check_protocols(protocols, PROTOCOLS):
        if isinstance(made_by, str | Path):
            scores = [_of_results(made_by, split) for split in splits]
            measured[name] = Evaluation(name, scores, str(made_by))
            continue
        predictor = made_by(PROTOCOLS[name])  # type: ignore[index]
        scores = [_of_predictor(predictor, split, say) for split in splits]
        notes = [predictor.notice, *(_seen(predictor, split) for split in splits if name == "zero-shot")]
        measured[name] = Evaluation(name, scores, repr(predictor), [note for note in notes if note])
    return measured


def _of_predictor(predictor: Predictor, split: VideoList, say: Callable[[str], None]) -> SplitScores:
    """Return the scores of a predictor; of another split of the same videos no frame is looked at again."""
    predictor.set_labels(split.labels)
    rows, read, unread = [], [], dict[str, str]()
    with progress(len(split), "videos") as advance:
        for video in split.videos:
            try:
                rows.append(predictor(video.path).probabilities)
                read.append(video)
            except FAULTS as error:
                unread[video.name] = told(error, [video.path])
                say(f"failed: {unread[video.name]}")
            advance()
    if not rows:
        raise InputError(f"{split.source}: none of {len(split)} videos could be read")
    return _scores(split, read, np.stack(rows), unread)


def _of_results(folder: str | Path, split: VideoList) -> SplitScores:
    return _scores(split, split.videos, read_results(folder, split.videos, split.labels), {})


def _scores(
    split: VideoList, videos: Sequence[Video], probabilities: NDArray[np.float64], unread: Mapping[str, str]
) -> SplitScores:
    labels = np.array([video.label for video in videos])
    best = probabilities.argmax(axis=1)
    return SplitScores(split, videos, ranks(probabilities, labels), best, probabilities.max(axis=1), unread)


def _seen(predictor: Predictor, split: VideoList) -> str:
    """Return a line where classes of a split are among those that the network was trained on."""
    known = set(map(label_text, predictor.texts.config.labels))
    if both := [name for name in split.labels.texts if name in known]:
        return (
            f"{split.name}: {len(both)} of {len(split.labels)} labels are stored with the weights, which may "
            f"have been trained on them: {some(both, 3)}"
        )
    return ""
