"""Protocols -> tables: what every evaluation of images writes, and how results of any tool are found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from ..errors import InputError, some
from ..images import IMAGE_SUFFIXES
from ..report import Table, save_tables
from .image import measure


@dataclass(frozen=True)
class Measured:
    """The values of an image, before and after.

    Attributes:
        labels: what the table says of it, such as ``{"set": "CBSD68", "image": "1.png"}``.
        before: metric -> value of what was given, such as ``psnr_rgb``.
        after: metric -> value of the result.
    """

    labels: dict[str, str]
    before: dict[str, float]
    after: dict[str, float]


@dataclass(frozen=True)
class ImageEvaluation:
    """The values of all images.

    Attributes:
        images: in the order of the data.
        made_by: what made the results: network and settings, or the folder they came from.
        note: what is to be known of the weights that made them; empty for nothing.
        names: what images are called before and after, in columns and reports.
    """

    images: Sequence[Measured]
    made_by: str
    note: str = ""
    names: ClassVar[tuple[str, str]] = ("before", "after")

    @property
    def metrics(self) -> list[str]:
        """Names of what was measured; not every image has every one."""
        return list(dict.fromkeys(name for each in self.images for name in each.after))

    def values(self) -> dict[str, list[float | None]]:
        """Return column -> values: each metric before, called as ``psnr_rgb_before``, and after, as ``psnr_rgb``."""
        before = {f"{name}_{self.names[0]}": [each.before.get(name) for each in self.images] for name in self.metrics}
        return before | {name: [each.after.get(name) for each in self.images] for name in self.metrics}

    def means(self) -> dict[str, float]:
        """Return the mean of every column: over images, PSNR in dB; without infinite values."""
        return {name: finite_mean(values) for name, values in self.values().items()}

    @property
    def infinite(self) -> int:
        """How many values are infinite, of images equal to the clean ones, and so left out of the means."""
        return sum(math.isinf(value) for values in self.values().values() for value in values if value is not None)

    def table(self) -> Table:
        """Return a row for every image."""
        values = self.values()
        table = Table([*(self.images[0].labels if self.images else ()), *values])
        for each, *row in zip(self.images, *values.values(), strict=True):
            table.add(*each.labels.values(), *row)
        return table

    def summary(self) -> Table:
        """Return a row for every metric: before, after, gain (over images where both are finite)."""
        table, means = Table(["metric", *self.names, "gain"]), self.means()
        for name in self.metrics:
            pairs = [(each.before.get(name), each.after.get(name)) for each in self.images]
            gain = finite_mean(b - a for a, b in pairs if a is not None and b is not None and not math.isinf(a))
            table.add(name, means[f"{name}_{self.names[0]}"], means[name], gain)
        return table

    def report(self) -> dict[str, Any]:
        """Contents of ``report.json``."""
        return {
            "images": len(self.images),
            f"{self.names[1]}_by": self.made_by,
            "infinite_values_left_out_of_means": self.infinite,
            "means": self.means(),
            "note": self.note or None,
        }

    def save(self, out: str | Path) -> None:
        """Write ``per_image.csv`` and ``.md``, ``summary.csv`` and ``.md``, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        save_tables(out, {"per_image": self.table(), "summary": self.summary()}, self.report())


def finite_mean(values: Iterable[float | None]) -> float:
    """Return the mean without infinite and missing values; infinity if there is no other, NaN if there is none."""
    there = [value for value in values if value is not None]
    finite = [value for value in there if not math.isinf(value)]
    if finite:
        return sum(finite) / len(finite)
    return math.inf if there else math.nan


def measure_by(protocols: Sequence[str], image: Tensor, clean: Tensor, name: str | Path) -> dict[str, float]:
    """Return metric -> value of an image (B, C, H, W) against the clean one, by several protocols of `measure`.

    Raises:
        InputError: naming the image, if it cannot be measured.
    """
    try:
        return {k: float(v) for protocol in protocols for k, v in measure(image, clean, protocol).items()}
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def check_protocols(protocols: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Return the protocols that were asked for.

    Raises:
        InputError: if there is none, or one that is not known.
    """
    wanted, known = tuple(protocols), tuple(known)
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise InputError(f"unknown protocol {' '.join(unknown) or '(none)'}; known are {', '.join(known)}")
    return wanted


def result_names(image: str | Path) -> list[str]:
    """Return the names that the result of an image may have, in any format, the likeliest first.

    With the suffix of its input it is called as `predict_images` does where two inputs differ in their suffix alone.

    Args:
        image: name of the input, or its place in a folder, which is kept.
    """
    place = Path(image)
    return [place.with_name(name + suffix).as_posix() for name in (place.name, place.stem) for suffix in IMAGE_SUFFIXES]


def find_results(
    folder: str | Path, places: Mapping[str, Iterable[str]], what: str = "result", each: str = "image"
) -> dict[str, Path]:
    """Return the result of each item in a folder that any tool may have filled.

    Args:
        folder: of the results.
        places: name of an item -> where its result may be in the folder, the likeliest first.
        what: a result is called, for messages.
        each: an item is called, for messages.

    Raises:
        InputError: if there is no such folder, a result is missing, or one would count for several items.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of {what}s")
    found: dict[str, Path] = {}
    for name, options in places.items():
        path = next((folder / option for option in options if (folder / option).exists()), None)
        if path is not None:
            found[name] = path
    if missing := [name for name in places if name not in found]:
        raise InputError(f"{folder}: no {what} for {len(missing)} of {len(places)} {each}s: {some(missing)}")
    for path, uses in Counter(found.values()).items():
        if uses > 1:
            raise InputError(
                f"{path}: {uses} {each}s would be measured by it; name {what}s as the {each}s: {some(list(found))}"
            )
    return found


def find_image_results(folder: str | Path, images: Iterable[str], what: str) -> dict[str, Path]:
    """Return the result of each image, by its name or its place in a folder; arguments and errors as `find_results`."""
    return find_results(folder, {image: result_names(image) for image in images}, what)
