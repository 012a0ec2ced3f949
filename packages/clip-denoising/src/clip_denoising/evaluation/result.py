"""Measured values as tables: of each image, of each set and noise, and of CT by spatial frequency."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from visioncore.metrics.evaluation import ImageEvaluation, Measured, finite_mean
from visioncore.report import Cell, Table, save_tables

from .noise_power import SIDE


@dataclass(frozen=True)
class MeasuredImage(Measured):
    """The values of an image before and after denoising; its labels are ``set``, ``noise`` and ``image``."""

    power: tuple[Tensor, Tensor] | None = None
    """Of CT: `noise_power` of the errors before and after denoising, in HU^2."""


@dataclass(frozen=True)
class Evaluation(ImageEvaluation):
    """The values of all images, in the order of the sets, and for each set in that of its noises."""

    images: list[MeasuredImage]
    names = "noisy", "denoised"

    def summary(self) -> Table:
        """Return a row for every set and noise: means over its images, PSNR in dB, without infinite values."""
        values = self.values()
        table = Table(["set", "noise", "images", *values])
        for group, members in self._groups().items():
            means = [finite_mean(column[index] for index in members) for column in values.values()]
            there = [any(column[index] is not None for index in members) for column in values.values()]
            cells: list[Cell] = [mean if known else None for mean, known in zip(means, there, strict=True)]
            table.add(*group, len(members), *cells)
        return table

    def noise_power(self) -> Table:
        """Return the noise power spectrum of CT slices, in HU^2, a row for each set, noise and
        frequency: means over the slices, see `noise_power.noise_power`. No row for photos and slices too small."""
        table = Table(["set", "noise", "cycles_per_pixel", "hu2_noisy", "hu2_denoised"])
        for group, members in self._groups().items():
            if spectra := [power for index in members if (power := self.images[index].power)]:
                before, after = (torch.stack(side).mean(0) for side in zip(*spectra, strict=True))
                for k, powers in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
                    table.add(*group, k / SIDE, *powers)
        return table

    def _groups(self) -> dict[tuple[str, str], list[int]]:
        """Return the indices of the images of each set and noise."""
        groups: dict[tuple[str, str], list[int]] = {}
        for index, each in enumerate(self.images):
            groups.setdefault((each.labels["set"], each.labels["noise"]), []).append(index)
        return groups

    def report(self) -> dict[str, Any]:
        summary = self.summary()
        return super().report() | {"means": [dict(zip(summary.columns, row, strict=True)) for row in summary.rows]}

    def save(self, out: str | Path) -> None:
        """Write ``per_image.csv`` and ``.md``, ``summary.csv`` and ``.md``, and ``report.json`` into a folder; of CT,
        ``noise_power.csv`` and ``.md`` too.

        Raises:
            InputError: if it cannot be written.
        """
        power = self.noise_power()
        tables = {"per_image": self.table(), "summary": self.summary()} | ({"noise_power": power} if power.rows else {})
        save_tables(out, tables, self.report())
