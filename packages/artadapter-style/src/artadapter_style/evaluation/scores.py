"""Values of images -> tables: means over styles, the spread over seeds, and the network beside every number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.report import Table, save_tables

from .plan import Cell, Plan

MADE = "made"
"""Of images that were made with the style; those without one are `styles.PLAIN`."""

METRICS = {
    "text_alignment": "higher",
    "style_alignment": "higher",
    "content_leak": "lower",
    "gram_distance": "lower",
    "statistics_distance": "lower",
}
"""Metric -> which is better."""


@dataclass(frozen=True)
class Scored:
    """The values of an image, beside the references of a style.

    Attributes:
        by: `MADE`, or `styles.PLAIN`.
        cell: which image, with the style that it is compared with.
        values: of each metric.
    """

    by: str
    cell: Cell
    values: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """The values of all images.

    Attributes:
        plan: what was asked for.
        scored: the values of each image.
        networks: metric -> the network that it is of.
        made_by: what made the images: network and settings, or the folder they came from.
        notes: what is to be known of the numbers, one line each.
    """

    plan: Plan
    scored: Sequence[Scored]
    networks: Mapping[str, str]
    made_by: str
    notes: Sequence[str] = ()

    @property
    def metrics(self) -> list[str]:
        """Names of what was measured."""
        return [name for name in METRICS if any(name in each.values for each in self.scored)]

    @property
    def makers(self) -> list[str]:
        """`MADE`, and `styles.PLAIN` where it was measured."""
        return list(dict.fromkeys(each.by for each in self.scored))

    def style_mean(self, metric: str, by: str, style: str, seed: int | None = None) -> float | None:
        """Return the mean over the images of a style, of one seed or of all; None if it was not measured."""
        found = [
            each.values[metric]
            for each in self.scored
            if each.by == by and each.cell.style == style and seed in (None, each.cell.seed) and metric in each.values
        ]
        return float(np.mean(found)) if found else None

    def mean(self, metric: str, by: str = MADE, seed: int | None = None) -> float | None:
        """Return the mean over images of each style, then over styles, of one seed or of all."""
        means = [self.style_mean(metric, by, style.name, seed) for style in self.plan.styles]
        there = [mean for mean in means if mean is not None]
        return float(np.mean(there)) if there else None

    def spread(self, metric: str, by: str = MADE) -> float | None:
        """Return the population standard deviation of the mean over seeds; None of a single seed."""
        means = [self.mean(metric, by, seed) for seed in self.plan.seeds]
        there = [mean for mean in means if mean is not None]
        return float(np.std(there)) if len(there) > 1 else None

    def summary(self) -> Table:
        """Return a row for every metric: its network, and the mean and the spread over seeds of each maker."""
        columns = [name for by in self.makers for name in (by, f"spread of {by}")]
        table = Table(["metric", "better", "by", *columns, "images"])
        for metric in self.metrics:
            values = [value for by in self.makers for value in (self.mean(metric, by), self.spread(metric, by))]
            count = sum(metric in each.values for each in self.scored if each.by == MADE)
            table.add(metric, METRICS[metric], self.networks[metric], *values, count)
        return table

    def per_style(self) -> Table:
        """Return a row for every style and maker."""
        table = Table(["style", "made by", *self._columns()])
        for style in self.plan.styles:
            for by in self.makers:
                table.add(style.name, by, *(self.style_mean(metric, by, style.name) for metric in self.metrics))
        return table

    def per_image(self) -> Table:
        """Return a row for every image and style."""
        table = Table(["style", "made by", "prompt", "seed", *self._columns()])
        for each in self.scored:
            values = [each.values.get(metric) for metric in self.metrics]
            table.add(each.cell.style, each.by, self.plan.prompt(each.cell), each.cell.seed, *values)
        return table

    def report(self) -> dict[str, Any]:
        """Contents of ``report.json``."""
        return {
            "made_by": self.made_by,
            "sampling": self.plan.sampling,
            **self.plan.report(),
            "measured": {
                metric: {
                    "by": self.networks[metric],
                    **{by: {"mean": self.mean(metric, by), "spread": self.spread(metric, by)} for by in self.makers},
                }
                for metric in self.metrics
            },
            "notes": list(self.notes),
        }

    def save(self, out: str | Path) -> None:
        """Write ``summary``, ``per_style``, ``per_image``, each as .csv and .md, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        tables = {"summary": self.summary(), "per_style": self.per_style(), "per_image": self.per_image()}
        save_tables(out, tables, self.report())

    def _columns(self) -> list[str]:
        return [f"{metric} ({self.networks[metric]})" for metric in self.metrics]
