"""What a run leaves to be read: tables (Markdown, CSV), JSON, figures, and the report of a demo."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError
from .files import atomic_path, write_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Cell = str | int | float | None


@dataclass
class Table:
    """Named columns and rows of text and numbers."""

    columns: Sequence[str]
    rows: list[Sequence[Cell]] = field(default_factory=list)

    def add(self, *cells: Cell) -> None:
        """Append a row.

        Raises:
            ValueError: if there are not as many cells as columns.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for the columns {', '.join(self.columns)}")
        self.rows.append(cells)

    def markdown(self) -> str:
        """Return the table in Markdown, numbers to four significant digits and aligned to the right."""
        numeric = [all(not isinstance(row[i], str) for row in self.rows) for i in range(len(self.columns))]
        lines = [self.columns, ["---:" if right else "---" for right in numeric]]
        lines += [[_short(cell) for cell in row] for row in self.rows]
        return "".join(f"| {' | '.join(_escape(cell) for cell in line)} |\n" for line in lines)

    def csv(self) -> str:
        """Return the table as comma-separated values, numbers to their full precision."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()

    def save(self, stem: str | Path) -> None:
        """Write ``<stem>.md`` and ``<stem>.csv``.

        Raises:
            InputError: if a file cannot be written.
        """
        write_text(f"{stem}.md", self.markdown())
        write_text(f"{stem}.csv", self.csv())


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _short(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.0f}" if 1e4 <= abs(cell) < 1e15 else f"{cell:.4g}"
    return str(cell)


def print_table(table: Table, title: str | None = None) -> None:
    """Print a table on the terminal, numbers as in ``Table.markdown``."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=title, title_justify="left")
    for index, column in enumerate(table.columns):
        text = any(isinstance(row[index], str) for row in table.rows)
        shown.add_column(column, justify="left" if text else "right", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(_short(cell)) for cell in row))
    Console().print(shown)


def write_json(path: str | Path, mapping: Mapping[str, Any]) -> None:
    """Write ``mapping`` as JSON, whole or not at all.

    Dataclasses become objects, paths and other objects text, NumPy numbers and arrays numbers and lists. JSON has no
    infinity and no NaN: infinities become the strings "Infinity" and "-Infinity" (a PSNR of equal images is one), NaN
    becomes null.

    Raises:
        InputError: if the file cannot be written.
    """
    import json

    write_text(path, json.dumps(_jsonable(mapping), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _jsonable(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _jsonable(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_jsonable(item) for item in value]
    return str(value)


def figure_grid(
    panels: Sequence[tuple[str, NDArray[Any]]],
    path: str | Path,
    columns: int | None = None,
    title: str | None = None,
) -> None:
    """Write images side by side, each under its label, as one figure.

    Args:
        panels: (label, image) pairs; an image is (H, W) or (H, W, 3), integers over their full range or floats in
            [0, 1] (what lies outside is clipped).
        path: the file; its suffix (png, jpg, pdf, svg, webp) decides the format.
        columns: panels in a row; by default all up to four.
        title: a line above all panels.

    Raises:
        InputError: if there are no panels, matplotlib is missing, or the file cannot be written.
    """
    if not panels:
        raise InputError(f"{path}: no image to show in this figure")
    figure_class = _figure_class()
    columns = columns or min(len(panels), 4)
    rows = math.ceil(len(panels) / columns)
    # The widest shape decides the height of a row, so that no panel gets smaller than its neighbours' width.
    height = max(image.shape[0] / image.shape[1] for _, image in panels)
    width = 3.6
    figure = figure_class(figsize=(columns * width, rows * (width * height + 0.35) + (0.4 if title else 0)), dpi=150)
    figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for axis in axes:
        axis.axis("off")
    for axis, (label, image) in zip(figure.axes, panels, strict=False):
        axis.imshow(_displayable(image), cmap="gray", vmin=0, vmax=1)
        axis.set_title(label, fontsize=10)
    if title:
        figure.suptitle(title, fontsize=12)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        figure.savefig(temporary)


def _figure_class() -> Any:
    # pyplot is avoided: it would choose a window system and keep every figure alive.
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("figures need matplotlib; pip install 'visioncore[images]' brings it") from error
    return Figure


def _displayable(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return an image as floats in [0, 1]."""
    import numpy as np

    scale = np.iinfo(image.dtype).max if np.issubdtype(image.dtype, np.integer) else 1
    return np.clip(image.astype(np.float64) / scale, 0, 1)


@dataclass(frozen=True)
class DemoReport:
    """What a demo has shown, measured on the spot."""

    method: str
    """Name of the method, such as ``nerdrain-derain``."""
    headline: str
    """The result in one line, such as "5.4 dB less rain than the input, 3.1 dB less than the best plain filter"."""
    measured: Mapping[str, float]
    """The numbers behind it: {what: value}, such as {"PSNR of the input": 25.1, "PSNR of the result": 30.5}."""
    figure: Path
    """The picture of it."""
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
