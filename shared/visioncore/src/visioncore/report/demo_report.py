"""The report of a demo."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .json_files import write_json


@dataclass(frozen=True)
class DemoReport:
    """The measured outcome of a demo."""

    method: str
    """Name of the method, such as ``nerdrain-derain``."""
    headline: str
    """The result in one line, such as "5.4 dB less rain than the input, 3.1 dB less than the best plain filter"."""
    measured: Mapping[str, float]
    """The numbers behind it: {what: value}, such as {"PSNR of the input": 25.1, "PSNR of the result": 30.5}."""
    figure: Path
    """The image of it."""
    seconds: float
    """How long the demo took."""

    def save(self, folder: str | Path) -> Path:
        """Write ``report.json`` into ``folder`` and return its path; the figure is named relative to the folder.

        Raises:
            InputError: if the file cannot be written.
        """
        path = Path(folder) / "report.json"
        figure = Path(os.path.relpath(self.figure, folder)).as_posix()
        write_json(
            path, {**{item.name: getattr(self, item.name) for item in dataclasses.fields(self)}, "figure": figure}
        )
        return path
