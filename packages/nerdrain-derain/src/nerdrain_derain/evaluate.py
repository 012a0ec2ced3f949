"""The paper's protocols: pairs of pictures -> a table, picture by picture and on average."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import writable_folder
from visioncore.images import Image, read_image, to_tensor
from visioncore.metrics.image import measure
from visioncore.report import Table, write_json

from .pairing import Pair, find_pairs
from .predict import Predictor

PROTOCOLS = ("y_A", "y_B", "rgb")
"""A: Rain200L, Rain200H and SPA-Data of the paper; B: DID-Data and DDN-Data; and the plain RGB values."""


@dataclass(frozen=True)
class Evaluation:
    """Values of every picture, rainy and restored.

    Attributes:
        pictures: names of the rainy pictures.
        restored: metric -> value of each picture after restoration, such as ``psnr_y_A``.
        rainy: metric -> value of each picture as it was given.
    """

    pictures: list[str]
    restored: dict[str, list[float]]
    rainy: dict[str, list[float]]

    def means(self) -> dict[str, float]:
        """Return the mean of every metric, as the paper averages: over pictures, PSNR in dB; without infinite ones."""
        return {
            f"{name}{suffix}": _mean(values)
            for suffix, metrics in (("", self.restored), ("_rainy", self.rainy))
            for name, values in metrics.items()
        }

    def table(self) -> Table:
        """Return a row for every picture."""
        table = Table(["picture", *self.restored, *(f"{name}_rainy" for name in self.rainy)])
        columns = [*self.restored.values(), *self.rainy.values()]
        for name, *values in zip(self.pictures, *columns, strict=True):
            table.add(name, *values)
        return table

    def summary(self) -> Table:
        """Return a row for every metric: rainy, restored, gain."""
        table = Table(["metric", "rainy", "restored", "gain"])
        for name, values in self.restored.items():
            before, after = _mean(self.rainy[name]), _mean(values)
            table.add(name, before, after, after - before)
        return table

    def save(self, out: str | Path) -> None:
        """Write ``per_image.csv`` and ``.md``, ``summary.csv`` and ``.md``, and ``report.json`` into a folder."""
        folder = writable_folder(out)
        self.table().save(folder / "per_image")
        self.summary().save(folder / "summary")
        infinite = sum(math.isinf(value) for values in self.restored.values() for value in values)
        write_json(
            folder / "report.json",
            {"pictures": len(self.pictures), "infinite_values_left_out_of_means": infinite, "means": self.means()},
        )


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.inf


def evaluate(
    data: str | Path,
    restore: Predictor | str | Path,
    *,
    protocols: Iterable[str] = PROTOCOLS,
    say: Callable[[str], None] = warnings.warn,
) -> Evaluation:
    """Measure restored pictures against clean ones, as they would be saved in 8 bit.

    Args:
        data: rainy and clean pictures as `find_pairs` takes them.
        restore: what restores them (for the paper's numbers with ``tiles="official"``), or a folder of pictures that
            were restored before, by whatever method, under the names of the rainy ones.
        protocols: what to measure, of `PROTOCOLS`.
        say: told of pictures that are in the data twice.

    Raises:
        InputError: if the data is not what it should be, or a restored picture is missing.
    """
    pairs = find_pairs(Path(data))
    for group in duplicates(pairs):
        say(f"{data}: the same clean picture is there {len(group)} times: {', '.join(p.name for p in group[:4])}")
    values: dict[str, defaultdict[str, list[float]]] = {"restored": defaultdict(list), "rainy": defaultdict(list)}
    for pair in pairs:
        rainy, clean = read_image(pair.rainy), to_tensor(read_image(pair.clean))
        pictures = {"restored": to_tensor(_restored(restore, rainy, pair.rainy)), "rainy": to_tensor(rainy)}
        for kind, picture in pictures.items():
            for protocol in protocols:
                for name, value in measure(picture, clean, protocol).items():
                    values[kind][name].append(float(value))
    return Evaluation([pair.rainy.name for pair in pairs], dict(values["restored"]), dict(values["rainy"]))


def _restored(restore: Predictor | str | Path, rainy: Image, path: Path) -> Image:
    if isinstance(restore, Predictor):
        return restore(rainy).restored
    found = sorted(Path(restore).glob(f"{path.stem}.*"))
    if not found:
        raise InputError(f"{restore}: no restored picture for {path.name} in this folder")
    return read_image(found[0])


def duplicates(pairs: Sequence[Pair], others: Sequence[Pair] = ()) -> list[list[Path]]:
    """Return the groups of clean files with equal content among ``pairs``, or between them and ``others``.

    The rainy versions of one clean file are no duplicates.
    """
    groups: defaultdict[str, dict[Path, bool]] = defaultdict(dict)
    for which, some in ((False, pairs), (True, others)):
        for pair in some:
            groups[hashlib.sha256(pair.clean.read_bytes()).hexdigest()][pair.clean] = which
    wanted = {False, True} if others else {False}
    return [list(group) for group in groups.values() if len(group) > 1 and set(group.values()) >= wanted]
