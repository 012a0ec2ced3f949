"""The paper's protocols: pairs of pictures -> a table, picture by picture and on average."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from visioncore.errors import InputError, some
from visioncore.files import writable_folder
from visioncore.images import IMAGE_SUFFIXES, image_size, read_image, to_tensor
from visioncore.inference.batch import progress
from visioncore.metrics.image import measure
from visioncore.report import Table, write_json

from ..data.pairs import Pair, duplicates, find_pairs, rainy_root
from ..inference.predictor import Predictor

PROTOCOLS = ("y_A", "y_B", "rgb")
"""A: Rain200L, Rain200H and SPA-Data of the paper; B: DID-Data and DDN-Data; and the plain RGB values."""


@dataclass(frozen=True)
class Evaluation:
    """Values of every picture, rainy and restored.

    Attributes:
        pictures: names of the rainy pictures.
        restored: metric -> value of each picture after restoration, such as ``psnr_y_A``.
        rainy: metric -> value of each picture as it was given.
        restored_by: what restored them: how the pictures were cut up, or the folder they came from.
    """

    pictures: list[str]
    restored: dict[str, list[float]]
    rainy: dict[str, list[float]]
    restored_by: str

    def means(self) -> dict[str, float]:
        """Return the mean of every metric, as the paper averages: over pictures, PSNR in dB; without infinite ones."""
        return {
            f"{name}{suffix}": _mean(values)
            for suffix, metrics in (("", self.restored), ("_rainy", self.rainy))
            for name, values in metrics.items()
        }

    @property
    def infinite(self) -> int:
        """How many values are infinite, of pictures equal to the clean ones, and so left out of the means."""
        return sum(math.isinf(value) for each in (self.restored, self.rainy) for row in each.values() for value in row)

    def table(self) -> Table:
        """Return a row for every picture."""
        table = Table(["picture", *self.restored, *(f"{name}_rainy" for name in self.rainy)])
        columns = [*self.restored.values(), *self.rainy.values()]
        for name, *values in zip(self.pictures, *columns, strict=True):
            table.add(name, *values)
        return table

    def summary(self) -> Table:
        """Return a row for every metric: rainy, restored, gain (over pictures where both are finite)."""
        table = Table(["metric", "rainy", "restored", "gain"])
        for name, values in self.restored.items():
            gains = [after - before for before, after in zip(self.rainy[name], values, strict=True)]
            table.add(name, _mean(self.rainy[name]), _mean(values), _mean(gains))
        return table

    def save(self, out: str | Path) -> None:
        """Write ``per_image.csv`` and ``.md``, ``summary.csv`` and ``.md``, and ``report.json`` into a folder.

        Raises:
            InputError: if it cannot be written.
        """
        folder = writable_folder(out)
        self.table().save(folder / "per_image")
        self.summary().save(folder / "summary")
        report = {
            "pictures": len(self.pictures),
            "restored_by": self.restored_by,
            "infinite_values_left_out_of_means": self.infinite,
            "means": self.means(),
        }
        write_json(folder / "report.json", report)


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        return sum(finite) / len(finite)
    return math.inf if values else math.nan


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
        InputError: if the data is not what it should be, or restored pictures are missing or of another size.
    """
    protocols = tuple(protocols)
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown or not protocols:
        raise InputError(f"unknown protocol {' '.join(unknown) or '(none)'}; known are {', '.join(PROTOCOLS)}")
    pairs = find_pairs(data)
    if twice := duplicates(pair.clean for pair in pairs):
        groups = "; ".join(" = ".join(path.name for path in group[:4]) for group in twice[:4])
        say(f"{data}: {len(twice)} clean pictures are there more than once: {groups}")
    before = {} if isinstance(restore, Predictor) else _find_restored(Path(restore), pairs, rainy_root(data))
    values: dict[str, defaultdict[str, list[float]]] = {"restored": defaultdict(list), "rainy": defaultdict(list)}
    with progress(len(pairs), "pictures") as advance:
        for pair in pairs:
            rainy, clean = read_image(pair.rainy), to_tensor(read_image(pair.clean))
            restored = restore(rainy).restored if isinstance(restore, Predictor) else read_image(before[pair.rainy])
            for kind, picture in (("restored", to_tensor(restored)), ("rainy", to_tensor(rainy))):
                for protocol in protocols:
                    for name, value in _measure(picture, clean, protocol, pair.rainy).items():
                        values[kind][name].append(value)
            advance()
    names = [pair.rainy.name for pair in pairs]
    return Evaluation(names, dict(values["restored"]), dict(values["rainy"]), _describe(restore))


def _measure(picture: Tensor, clean: Tensor, protocol: str, path: Path) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in measure(picture, clean, protocol).items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _find_restored(folder: Path, pairs: Sequence[Pair], root: Path) -> dict[Path, Path]:
    """Return the restored picture of each rainy one, under its name and in its sub-folder, in any format."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of restored pictures")
    found: dict[Path, Path] = {}
    for rainy, _ in pairs:
        place = folder / rainy.absolute().relative_to(root.absolute())
        # as `predict_files` names them, also where two inputs differ in their suffix alone
        names = [name + suffix for name in (place.name, place.stem) for suffix in IMAGE_SUFFIXES]
        path = next((place.with_name(name) for name in names if place.with_name(name).is_file()), None)
        if path is not None:
            found[rainy] = path
    missing = [rainy.name for rainy, _ in pairs if rainy not in found]
    if missing:
        raise InputError(f"{folder}: no restored picture for {len(missing)} of {len(pairs)}: {some(missing)}")
    differing = [path.name for rainy, path in found.items() if image_size(rainy) != image_size(path)]
    if differing:
        raise InputError(f"{folder}: {len(differing)} pictures differ in size from the rainy ones: {some(differing)}")
    return found


def _describe(restore: Predictor | str | Path) -> str:
    if not isinstance(restore, Predictor):
        return str(restore)
    ensemble = ", self-ensemble" if restore.self_ensemble else ""
    return f"{type(restore.model).__name__}, tiles {restore.tiles}, {restore.dtype}{ensemble}"
