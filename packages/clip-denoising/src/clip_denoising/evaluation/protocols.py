"""The paper's protocols: pictures before and after denoising against clean ones -> tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.images.photo_cache import Photos
from visioncore.inference.batch import progress
from visioncore.metrics.image import measure
from visioncore.report import Table, write_json

from ..data.ct_slices import TEST_PATIENTS, find_doses, find_full_dose, patient_of, read_slice
from ..data.datasets import Pair, clean_sets, real_sets
from ..data.hounsfield import HU_RANGE
from ..data.noise import TABLE, Noise
from ..data.patches import Patches
from .noise_power import SIDE, noise_power

Denoise = Callable[[Tensor], Tensor]
"""Noisy pictures (B, C, H, W) float32 of any size, in [0, 1] or, as noise has it, beyond -> denoised ones, alike."""

CT_PROTOCOLS = ("ct", "ct_3096")
"""The consistent one, and the authors' test script with its other upper bound: the paper's numbers."""


class Sample(NamedTuple):
    """A picture to be measured: of which set, with which noise, its name; noisy and clean, (C, H, W) float32."""

    data: str
    noise: str
    name: str
    noisy: Tensor
    clean: Tensor


@dataclass(frozen=True)
class Measured:
    """The values of a picture: metric -> value, such as ``psnr_colour``, before and after denoising."""

    data: str
    noise: str
    name: str
    noisy: dict[str, float]
    denoised: dict[str, float]
    power: tuple[Tensor, Tensor] | None = None
    """Of CT: `noise_power` of the errors before and after denoising, in HU^2."""


@dataclass(frozen=True)
class Evaluation:
    """The values of all pictures.

    Attributes:
        pictures: in the order of the sets, and for each set in that of its noises.
        denoised_by: what denoised them.
    """

    pictures: list[Measured]
    denoised_by: str = ""

    @property
    def metrics(self) -> list[str]:
        """Names of what was measured."""
        return list(self.pictures[0].denoised)

    def table(self) -> Table:
        """Return a row for every picture."""
        table = Table(["set", "noise", "picture", *(f"{name}_noisy" for name in self.metrics), *self.metrics])
        for each in self.pictures:
            table.add(each.data, each.noise, each.name, *each.noisy.values(), *each.denoised.values())
        return table

    def summary(self) -> Table:
        """Return a row for every set and noise: means over its pictures, PSNR in dB, without infinite values."""
        table = Table(["set", "noise", "pictures", *(f"{name}_noisy" for name in self.metrics), *self.metrics])
        for (data, noise), members in self._groups().items():
            noisy = [_mean([each.noisy[name] for each in members]) for name in self.metrics]
            denoised = [_mean([each.denoised[name] for each in members]) for name in self.metrics]
            table.add(data, noise, len(members), *noisy, *denoised)
        return table

    def noise_power(self) -> Table:
        """Return how the errors of CT slices, in HU^2, spread over spatial frequencies, a row for each set, noise and
        frequency: means over the slices, see `noise_power.noise_power`. No row for photos and slices too small."""
        table = Table(["set", "noise", "cycles_per_pixel", "hu2_noisy", "hu2_denoised"])
        for (data, noise), members in self._groups().items():
            if spectra := [each.power for each in members if each.power]:
                before, after = (torch.stack(side).mean(0) for side in zip(*spectra, strict=True))
                for k, powers in enumerate(zip(before.tolist(), after.tolist(), strict=True)):
                    table.add(data, noise, k / SIDE, *powers)
        return table

    def _groups(self) -> dict[tuple[str, str], list[Measured]]:
        groups: dict[tuple[str, str], list[Measured]] = {}
        for each in self.pictures:
            groups.setdefault((each.data, each.noise), []).append(each)
        return groups

    @property
    def infinite(self) -> int:
        """How many values are infinite, of pictures equal to the clean ones, and so left out of the means."""
        return sum(
            math.isinf(value) for each in self.pictures for row in (each.noisy, each.denoised) for value in row.values()
        )

    def save(self, out: str | Path) -> None:
        """Write ``per_image.csv`` and ``.md``, ``summary.csv`` and ``.md``, and ``report.json`` into a folder; of CT,
        ``noise_power.csv`` and ``.md`` too.

        Raises:
            InputError: if it cannot be written.
        """
        folder, summary = writable_folder(out), self.summary()
        self.table().save(folder / "per_image")
        summary.save(folder / "summary")
        if (power := self.noise_power()).rows:
            power.save(folder / "noise_power")
        report = {
            "pictures": len(self.pictures),
            "denoised_by": self.denoised_by,
            "infinite_values_left_out_of_means": self.infinite,
            "means": [dict(zip(summary.columns, row, strict=True)) for row in summary.rows],
        }
        write_json(folder / "report.json", report)


def evaluate(
    protocol: Literal["synthetic", "real", "ct"],
    data: str | Path,
    denoise: Denoise,
    *,
    noises: Sequence[Noise] = (),
    patients: Sequence[str] | None = TEST_PATIENTS,
    batch: int = 1,
    denoised_by: str = "",
) -> Evaluation:
    """Measure by a protocol, each with its own defaults: see the function of its name below.

    Raises:
        InputError: as that function; and for real noise if ``noises`` are given.
    """
    if protocol == "synthetic":
        return evaluate_synthetic(data, denoise, noises=noises or TABLE, batch=batch, denoised_by=denoised_by)
    if protocol == "ct":
        return evaluate_ct(data, denoise, patients=patients, noises=noises, batch=batch, denoised_by=denoised_by)
    if noises:
        raise InputError(f"noises are {', '.join(map(str, noises))}; real pictures have their own, so give none")
    return evaluate_real(data, denoise, batch=batch, denoised_by=denoised_by)


def evaluate_synthetic(
    data: str | Path, denoise: Denoise, *, noises: Sequence[Noise] = TABLE, batch: int = 1, denoised_by: str = ""
) -> Evaluation:
    """Measure on clean photos with noise that is added here, by the published rule: ``colour`` PSNR and SSIM.

    The noise of a picture comes from a generator that starts at 0 for each, and reaches the network as it is, neither
    rounded nor (by most kinds) clipped; the result is clamped to [0, 1] and not rounded.

    Args:
        data: a folder of clean photos, or one in which published test sets lie.
        denoise: what denoises them.
        noises: kinds and levels; by default the eleven of the paper.
        batch: how many pictures of one size and one after the other are denoised at once.
        denoised_by: what that is, for the report.

    Raises:
        InputError: if there are no photos, or one cannot be read or is too small for SSIM.
    """
    sets = clean_sets(data)

    def samples() -> Iterator[Sample]:
        for name, photos in sets.items():
            read = Photos()
            for noise in noises:
                yield from _centres(name, str(noise), Patches(photos, noise, read=read))

    count = len(noises) * sum(map(len, sets.values()))
    return Evaluation(_measure(samples(), count, denoise, ("colour",), batch), denoised_by)


def evaluate_real(data: str | Path, denoise: Denoise, *, batch: int = 1, denoised_by: str = "") -> Evaluation:
    """Measure on pairs of noisy and clean photos, by the published rule for real noise: ``rgb`` PSNR and SSIM.

    Photos are of 8 bit, and the result is clamped and rounded to 8 bit.

    Args:
        data: pairs as `datasets.find_pairs` takes them, or a folder in which published test sets lie.
        denoise: what denoises them.
        batch: as for `evaluate_synthetic`.
        denoised_by: as for `evaluate_synthetic`.

    Raises:
        InputError: if there are no pairs, or a photo cannot be read or is too small for SSIM.
    """
    sets = real_sets(data)

    def samples() -> Iterator[Sample]:
        for name, pairs in sets.items():
            yield from _centres(name, "real", Patches(pairs, read=Photos(cache_mb=0)))

    count = sum(map(len, sets.values()))
    return Evaluation(_measure(samples(), count, denoise, ("rgb",), batch), denoised_by)


def evaluate_ct(
    data: str | Path,
    denoise: Denoise,
    *,
    patients: Sequence[str] | None = TEST_PATIENTS,
    noises: Sequence[Noise] = (),
    batch: int = 1,
    denoised_by: str = "",
) -> Evaluation:
    """Measure on CT slices: PSNR and SSIM by `CT_PROTOCOLS`, and the error's mean and root mean square in HU.

    Nothing is clamped but by the metrics, which cut to -1024 to 3072 HU.

    Args:
        data: the folder that `ct_prepare.prepare` writes.
        denoise: what denoises stored values, (B, 1, H, W), 0 for -1024 HU and 1 for 3072 HU.
        patients: whose slices; None for all.
        noises: noise to add to slices at full dose; with none, slices at quarter dose are taken.
        batch: as for `evaluate_synthetic`.
        denoised_by: as for `evaluate_synthetic`.

    Raises:
        InputError: if there are no such slices, or one cannot be read or is too small for SSIM.
    """
    sources = (
        [(str(noise), Patches(find_full_dose(data, patients), noise, read=read_slice)) for noise in noises]
        if noises
        else [("quarter dose", Patches(find_doses(data, patients), read=read_slice))]
    )

    def samples() -> Iterator[Sample]:
        for noise, source in sources:
            for sample, path in zip(_centres("", noise, source), source.clean_files(), strict=True):
                yield sample._replace(data=patient_of(path))

    count = sum(len(source) for _, source in sources)
    return Evaluation(_measure(samples(), count, denoise, CT_PROTOCOLS, batch), denoised_by)


def _centres(data: str, noise: str, source: Patches) -> Iterator[Sample]:
    for index, entry in enumerate(source.images):
        path = entry.noisy if isinstance(entry, Pair) else entry
        yield Sample(data, noise, path.name, **source.centre(index))


def _measure(
    samples: Iterable[Sample], count: int, denoise: Denoise, protocols: Sequence[str], batch: int
) -> list[Measured]:
    if batch < 1:
        raise InputError(f"batch is {batch}; it must be at least 1")
    measured: list[Measured] = []
    waiting: list[Sample] = []

    def work() -> None:
        denoised = denoise(torch.stack([sample.noisy for sample in waiting])).detach().cpu()
        for sample, result in zip(waiting, denoised, strict=True):
            before, after = (_values(picture, sample, protocols) for picture in (sample.noisy, result))
            power = _power(sample, result) if protocols == CT_PROTOCOLS else None
            measured.append(Measured(sample.data, sample.noise, sample.name, before, after, power))
            advance()
        waiting.clear()

    with progress(count, "pictures") as advance:
        for sample in samples:
            if waiting and (len(waiting) == batch or waiting[0].noisy.shape != sample.noisy.shape):
                work()
            waiting.append(sample)
        if waiting:
            work()
    return measured


def _values(picture: Tensor, sample: Sample, protocols: Sequence[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    try:
        for protocol in protocols:
            values.update({k: float(v) for k, v in measure(picture[None], sample.clean[None], protocol).items()})
    except InputError as error:
        raise InputError(f"{sample.name}: {error}") from error
    if protocols == CT_PROTOCOLS:
        error_hu = (picture.double() - sample.clean.double()) * HU_RANGE
        values |= {"mean_error_hu": float(error_hu.mean()), "rms_error_hu": float(error_hu.square().mean().sqrt())}
    return values


def _power(sample: Sample, denoised: Tensor) -> tuple[Tensor, Tensor] | None:
    if min(sample.clean.shape[1:]) < SIDE:
        return None
    before, after = (
        noise_power((picture[0].double() - sample.clean[0].double()) * HU_RANGE) for picture in (sample.noisy, denoised)
    )
    return before, after


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if not math.isinf(value)]
    return sum(finite) / len(finite) if finite else math.inf
