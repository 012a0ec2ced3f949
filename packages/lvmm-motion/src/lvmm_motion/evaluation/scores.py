"""Scores of clips and of sets of clips -> tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visioncore.metrics.evaluation import finite_mean
from visioncore.report import Table, save_tables

MADE = "made"
"""Column of what is evaluated, beside the baselines."""

Values = Mapping[str, Mapping[str, float]]
"""Metric -> who made the frames, `MADE` or a baseline -> value."""


@dataclass(frozen=True)
class ClipScores:
    """How a clip was made.

    Attributes:
        name: of the clip.
        frames: how many were measured.
        values: of each metric.
    """

    name: str
    frames: int
    values: Values


@dataclass(frozen=True)
class Evaluation:
    """How clips were made.

    Attributes:
        clips: the scores of each.
        sets: metrics of all clips together, such as ``fvd``.
        samples: how many features such a metric is of, at its name.
        made_by: network and settings, or the folder that results came from.
        note: what is to be known of the weights; empty for nothing.
        settings: how clips were prepared.
    """

    clips: Sequence[ClipScores]
    sets: Values
    samples: Mapping[str, int]
    made_by: str
    note: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """Names of what was measured of each clip."""
        return list(dict.fromkeys(metric for clip in self.clips for metric in clip.values))

    @property
    def makers(self) -> list[str]:
        """`MADE` and the baselines."""
        every = [*(clip.values for clip in self.clips), self.sets]
        return list(dict.fromkeys(maker for values in every for by in values.values() for maker in by))

    def mean(self, metric: str, maker: str) -> float | None:
        """Return a metric's mean over clips, without infinite values, or its value for the set; None if there is none.

        Args:
            metric: its name.
            maker: who made the frames.
        """
        if metric in self.sets:
            return self.sets[metric].get(maker)
        found = [clip.values[metric][maker] for clip in self.clips if maker in clip.values.get(metric, {})]
        return finite_mean(found) if found else None

    def means(self) -> dict[str, float]:
        """Return every metric, such as ``psnr_rgb``, and of the baselines, such as ``psnr_rgb_still``."""
        found = {
            metric if maker == MADE else f"{metric}_{maker}": self.mean(metric, maker)
            for metric in (*self.metrics, *self.sets)
            for maker in self.makers
        }
        return {name: value for name, value in found.items() if value is not None}

    def summary(self) -> Table:
        """Return a row for every metric: what was evaluated, the baselines, and of how many samples it is."""
        table = Table(["metric", *self.makers, "samples"])
        for metric in (*self.metrics, *self.sets):
            count = self.samples.get(metric, sum(metric in clip.values for clip in self.clips))
            table.add(metric, *(self.mean(metric, maker) for maker in self.makers), count)
        return table

    def table(self) -> Table:
        """Return a row for every clip."""
        columns = [(metric, maker) for metric in self.metrics for maker in self.makers]
        there = [each for each in columns if self.mean(*each) is not None]
        names = [metric if maker == MADE else f"{metric}_{maker}" for metric, maker in there]
        table = Table(["clip", "frames", *names])
        for clip in self.clips:
            cells = [clip.values.get(metric, {}).get(maker) for metric, maker in there]
            table.add(clip.name, clip.frames, *cells)
        return table

    def save(self, out: str | Path) -> None:
        """Write ``per_clip.csv`` and ``.md``, ``summary.csv`` and ``.md``, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        report = {
            "clips": len(self.clips),
            "made_by": self.made_by,
            "note": self.note or None,
            "settings": self.settings,
            "samples": self.samples,
            "means": self.means(),
        }
        save_tables(out, {"per_clip": self.table(), "summary": self.summary()}, report)
