"""Tables of text and numbers, as Markdown, HTML, CSV or on a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from ..errors import escaped
from ..files import clear_partials, writable_folder, write_text
from .json_files import write_json

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

    def html(self) -> str:
        """Return the table in HTML, numbers to four significant digits and all text escaped."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        rows = "".join(f"<tr>{''.join(f'<td>{escape(_short(cell))}</td>' for cell in row)}</tr>\n" for row in self.rows)
        return f"<table>\n<tr>{head}</tr>\n{rows}</table>\n"

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


def save_tables(out: str | Path, tables: Mapping[str, Table], report: Mapping[str, Any]) -> None:
    """Write tables, each as ``<name>.md`` and ``<name>.csv``, and ``report.json`` into a folder.

    Raises:
        InputError: if it cannot be written.
    """
    folder = writable_folder(out)
    clear_partials(folder)
    for name, table in tables.items():
        table.save(folder / name)
    write_json(folder / "report.json", report)


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

    shown = RichTable(title=None if title is None else escaped(title), title_justify="left")
    for index, column in enumerate(table.columns):
        text = any(isinstance(row[index], str) for row in table.rows)
        shown.add_column(column, justify="left" if text else "right", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(escaped(_short(cell))) for cell in row))
    Console().print(shown)
