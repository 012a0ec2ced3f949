"""Lists of files as CSV, as people and spreadsheets write them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import InputError
from .finding import check_regular


def check_listed(path: Path, line: int, files: Iterable[Path], columns: Sequence[str]) -> None:
    """Validate that what a line of a list names is there.

    Args:
        path: the list.
        line: its number.
        files: files or folders.
        columns: of the list, for a hint where the first line may be a header with other names.

    Raises:
        InputError: naming the line and the first file that is not there.
    """
    for file in files:
        if not file.exists():
            hint = f" (a header must name {','.join(columns)})" if line == 1 else ""
            raise InputError(f"{path}, line {line}: no such file: {file}{hint}")


def read_list(path: Path, columns: Sequence[str], what: str) -> list[tuple[int, dict[str, str]]]:
    """Return the lines of a CSV file that are not empty: their numbers, and their entries by column.

    A header, which has the first of ``columns`` in it, may name the columns in any order and case, and others beside
    them. Without one they are ``columns`` in this order. An entry that is empty, or that a line lacks, is not in its
    mapping. Names of files may hold bytes that are no UTF-8.

    Args:
        path: the file; spaces around entries do not count.
        columns: their names, in lower case.
        what: the file is called, for messages, such as ``a list of pairs``.

    Raises:
        InputError: if it cannot be read, or a line has more entries than there are columns.
    """
    check_regular(path)
    try:
        content = path.read_bytes()
        if b"\0" in content:
            raise InputError("not text in UTF-8")
        lines = content.decode("utf-8-sig", "surrogateescape").splitlines()
        rows = [[entry.strip() for entry in row] for row in csv.reader(lines)]
    except (OSError, InputError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: not {what} ({reason}); it should be a CSV file of {','.join(columns)}") from error
    names, entries = list(columns), list[tuple[int, dict[str, str]]]()
    begun = False
    for number, row in enumerate(rows, start=1):
        if not any(row):
            continue
        header = [entry.lower() for entry in row]
        if not begun and columns[0] in header:
            names = header
        elif len(row) > len(names):
            raise InputError(f"{path}, line {number}: {len(row)} columns; there should be {','.join(names)}")
        else:
            entries.append((number, {name: entry for name, entry in zip(names, row, strict=False) if entry}))
        begun = True
    return entries
