"""Values of images -> tables: a row for each metric, a column for each maker, the spread over seeds beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from visioncore.report import Table, save_tables

from .measures import METRICS
from .plan import Cell, Plan


@dataclass(frozen=True)
class Scored:
    """The values of an image.

    Attributes:
        cell: which image.
        values: of each metric.
    """

    cell: Cell
    values: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """The values of all images.

    Attributes:
        plan: what was asked for.
        scored: the values of each image.
        networks: metric -> the network that it is of.
        made_by: what made the images: base and settings, or the folder they came from.
        sets: maker -> metric -> value of all its images together.
        notes: what is to be known of the numbers, one line each.
    """

    plan: Plan
    scored: Sequence[Scored]
    networks: Mapping[str, str]
    made_by: str
    sets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def metrics(self) -> list[str]:
        """Names of what was measured."""
        return [name for name in METRICS if name in self.networks]

    @property
    def makers(self) -> list[str]:
        """Names of what made the images."""
        return list(dict.fromkeys(each.cell.maker for each in self.scored))

    def mean(self, metric: str, maker: str, *, seed: int | None = None, cutout: str | None = None) -> float | None:
        """Return the mean over the images of a maker, of one seed or cut-out or of all; None if it was not measured."""
        if seed is None and cutout is None and metric in self.sets.get(maker, {}):
            return self.sets[maker][metric]
        found = [
            each.values[metric]
            for each in self.scored
            if each.cell.maker == maker
            and seed in (None, each.cell.seed)
            and cutout in (None, each.cell.cutout)
            and metric in each.values
        ]
        return float(np.mean(found)) if found else None

    def spread(self, metric: str, maker: str) -> float | None:
        """Return the population standard deviation of the mean over seeds; None of a single seed."""
        means = [self.mean(metric, maker, seed=seed) for seed in self.plan.seeds]
        there = [mean for mean in means if mean is not None]
        return float(np.std(there)) if len(there) > 1 else None

    def summary(self) -> Table:
        """Return a row for every metric: its network, and the mean and the spread over seeds of each maker."""
        columns = [name for maker in self.makers for name in (maker, f"spread of {maker}")]
        table = Table(["metric", "better", "by", *columns])
        for metric in self.metrics:
            values = [
                value for maker in self.makers for value in (self.mean(metric, maker), self.spread(metric, maker))
            ]
            table.add(metric, METRICS[metric], self.networks[metric], *values)
        return table

    def per_cutout(self) -> Table:
        """Return a row for every cut-out and maker."""
        table = Table(["cutout", "made by", *self._columns()])
        for cutout in self.plan.cutouts:
            for maker in self.makers:
                values = [self.mean(metric, maker, cutout=cutout.key) for metric in self.metrics]
                table.add(cutout.key, maker, *values)
        return table

    def per_image(self) -> Table:
        """Return a row for every image."""
        table = Table(["cutout", "made by", "prompt", "seed", *self._columns()])
        for each in self.scored:
            values = [each.values.get(metric) for metric in self.metrics]
            table.add(each.cell.cutout, each.cell.maker, self.plan.prompt(each.cell), each.cell.seed, *values)
        return table

    def report(self) -> dict[str, Any]:
        """Contents of ``report.json``."""
        return {
            "made_by": self.made_by,
            **self.plan.report(),
            "measured": {
                metric: {
                    "by": self.networks[metric],
                    **{
                        maker: {"mean": self.mean(metric, maker), "spread": self.spread(metric, maker)}
                        for maker in self.makers
                    },
                }
                for metric in self.metrics
            },
            "notes": list(self.notes),
        }

    def save(self, out: str | Path) -> None:
        """Write ``summary``, ``per_cutout``, ``per_image``, each as .csv and .md, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        tables = {"summary": self.summary(), "per_cutout": self.per_cutout(), "per_image": self.per_image()}
        save_tables(out, tables, self.report())

    def _columns(self) -> list[str]:
        return [f"{metric} ({self.networks[metric]})" for metric in self.metrics]
