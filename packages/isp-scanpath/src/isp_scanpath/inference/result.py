"""The result: scanpaths on an image, of each observer and sample, to be saved and looked at."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import write_text
from visioncore.images import Image
from visioncore.inference.result import BaseResult, result_path
from visioncore.report import write_json

from ..data.inputs import rgb
from ..network.scanpaths import Floats
from .animation import write_animation
from .drawing import Panels, draw_scanpaths

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".json", ".csv")
PROBABILITIES = "_probabilities.npz"
"""How the name of the file of probabilities ends."""
COLUMNS = ("observer", "sample", "fixation", "x", "y", "duration_ms")


@dataclass(frozen=True, eq=False, repr=False)
class Result(BaseResult):
    """Scanpaths on an image.

    Attributes:
        image: what was looked at.
        observers: names of those who look.
        scanpaths: of each observer the samples, each (n, 3): x and y in pixels of the image, from 0, and seconds.
        probabilities: of each observer and step where they look (n, T, H, W), over the cells of the network's map; what
            is missing to 1 is the probability to stop. None unless asked for.
        source: the file that the image came from, if it came from one.
        notice: what is to be known of the weights; empty for nothing.
    """

    image: Image
    observers: tuple[str, ...]
    scanpaths: tuple[tuple[Floats, ...], ...]
    probabilities: NDArray[np.float32] | None = None
    source: Path | None = None
    notice: str = ""

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """All fixations (M, 6): place of the observer, sample, place in the scanpath, x, y in pixels, seconds."""
        return self._rows.astype(np.float32)

    @cached_property
    def _rows(self) -> Floats:
        rows = [
            np.column_stack([np.full(len(path), who), np.full(len(path), sample), np.arange(len(path)), path])
            for who, samples in enumerate(self.scanpaths)
            for sample, path in enumerate(samples)
        ]
        return np.concatenate(rows) if rows else np.empty((0, 6))

    def __str__(self) -> str:
        height, width = self.image.pixels.shape[:2]
        number = sum(map(len, self.scanpaths))
        return f"{number} scanpaths of {len(self.observers)} observers on {width} x {height}"

    @property
    def report(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        height, width = self.image.pixels.shape[:2]
        return {
            "image": self.source,
            "width": width,
            "height": height,
            "scanpaths": [
                {
                    "observer": name,
                    "sample": sample,
                    "x": path[:, 0].tolist(),
                    "y": path[:, 1].tolist(),
                    "duration_ms": (1000 * path[:, 2]).tolist(),
                }
                for name, samples in zip(self.observers, self.scanpaths, strict=True)
                for sample, path in enumerate(samples)
            ],
            "note": self.notice or None,
        }

    def table(self) -> str:
        """Return a line for each fixation, as CSV that `read_scanpaths` takes but for the name of the image."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for who, sample, place, x, y, seconds in self._rows:
            writer.writerow([self.observers[int(who)], int(sample), int(place) + 1, x, y, 1000 * seconds])
        return text.getvalue()

    def save(self, target: str | Path) -> Path:
        """Write the scanpaths as JSON, or as CSV by the suffix of the file, and return where they are.

        Probabilities, if there are any, go beside it as ``<name>_probabilities.npz``, by observer.

        Args:
            target: a file, or a folder, which gets ``<name of the image>.json``.

        Raises:
            InputError: if the suffix is another, or the file cannot be written.
        """
        path = result_path(target, f"{self.source.stem if self.source else 'scanpaths'}.json", self.source, "image")
        if path.suffix not in SUFFIXES:
            raise InputError(f"{path}: scanpaths are written as .json or .csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            write_text(path, self.table())
        else:
            write_json(path, self.report)
        if self.probabilities is not None:
            named = dict(zip(self.observers, self.probabilities, strict=True))
            _save_arrays(path.with_name(path.stem + PROBABILITIES), named)
        return path

    def plot(
        self, path: str | Path | None = None, *, sample: int = 0, reference: Mapping[str, Floats] | None = None
    ) -> Figure:
        """Draw a scanpath of each observer over the image, and return the figure.

        Fixations are numbered, their radius grows with their duration, and each observer has a colour.

        Args:
            path: a file that the figure is written to as well.
            sample: which one of each observer.
            reference: scanpaths that were recorded, by observer, for a second panel.
        """
        return draw_scanpaths(self.image.pixels, self._panels(sample, reference), path)

    def animate(self, path: str | Path, *, sample: int = 0, reference: Mapping[str, Floats] | None = None) -> Path:
        """Write a scanpath of each observer running over the image in its own time, and return where it is.

        Args:
            path: ``.gif``, or ``.mp4``, which needs PyAV.
            sample: which one of each observer.
            reference: scanpaths that were recorded, by observer, for a second panel.

        Raises:
            InputError: if the suffix is another, PyAV is missing or the file cannot be written.
        """
        return write_animation(path, rgb(self.image.pixels), self._panels(sample, reference))

    def _panels(self, sample: int, reference: Mapping[str, Floats] | None) -> Panels:
        predicted = {name: paths[sample] for name, paths in zip(self.observers, self.scanpaths, strict=True)}
        return {"predicted": predicted} | ({"recorded": dict(reference)} if reference else {})


def _save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    from visioncore.files import atomic_path

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
