"""One table of all organs of many scans, made of the reports beside their labels."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from visioncore.errors import InputError, escaped
from visioncore.files import write_text
from visioncore.ranks import rank_and_processes
from visioncore.report import Table

COLUMNS = ("scan", "organ", "label", "voxels", "ml", "mean_intensity")


def check_table(path: Path) -> Path:
    """Return where this process writes the table: each of several, but the first, adds its number to the name.

    Raises:
        InputError: if it is no CSV file.
    """
    if path.suffix.lower() != ".csv":
        raise InputError(f"{path}: the table of organs is a CSV file; name one, such as organs.csv")
    rank, _ = rank_and_processes()
    return path.with_stem(f"{path.stem}-{rank}") if rank else path


def write_table(path: Path, reports: Iterable[Path]) -> None:
    """Write a row for each organ of each report; the last two columns are empty where there is nothing to tell.

    Args:
        path: the CSV file.
        reports: what `Segmentation.save` wrote beside labels; those that are not there are passed over.

    Raises:
        InputError: if a report is damaged, or the system refuses the write.
    """
    table = Table(COLUMNS)
    for report in reports:
        if not report.is_file():
            continue
        try:
            content = json.loads(report.read_text(encoding="utf-8"))
            for organ, found in content["organs"].items():
                numbers = (found[name] for name in COLUMNS[2:])
                table.add(content["scan"] or report.stem, organ, *numbers)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{report}: damaged; remove it and predict again") from error
    write_text(path, escaped(table.csv()))
