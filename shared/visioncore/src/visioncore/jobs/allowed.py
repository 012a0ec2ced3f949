"""Folders that other programs may name files in; whatever leads out of them is refused."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from ..errors import InputError

LISTS = (".csv", ".json", ".jsonl", ".txt", ".yaml", ".yml")
"""Files that may name others."""
MOST_LIST = 10 * 2**20
"""Bytes of a list that is looked through."""
MOST_ENTRIES = 100_000
"""Entries of a folder that are looked through."""


@dataclass(frozen=True)
class Allowed:
    """The folders; all of them resolved, so that no link in their own names counts.

    Attributes:
        folders: in which files may be read and written.
    """

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Sequence[str | Path]) -> Allowed:
        """Return the folders of these names.

        Raises:
            InputError: if there is none, or one is no folder.
        """
        if not folders:
            raise InputError("no folder is allowed; name one or more with --allow")
        for folder in folders:
            if not Path(folder).is_dir():
                raise InputError(f"{folder}: no such folder; --allow takes folders that are there")
        return cls(tuple(Path(folder).resolve() for folder in folders))

    def existing(self, given: str) -> Path:
        """Return a file or folder that is there, resolved, with all that it leads to inside the allowed folders.

        Raises:
            InputError: if it is not there or leads out.
        """
        path = self._inside(given)
        if not path.exists():
            raise InputError(f"{given}: no such file or folder")
        self._check_contents(path, given)
        return path

    def writable(self, given: str) -> Path:
        """Return a place for results, resolved; it need not be there.

        Raises:
            InputError: if it lies outside the allowed folders.
        """
        return self._inside(given)

    def check_text(self, text: str) -> None:
        """Check the value of an option, which may be a path or anything else.

        Relative paths name nothing where commands are run, which is an empty folder.

        Raises:
            InputError: if it leads out of the allowed folders, or is an address.
        """
        if re.match(r"[A-Za-z][\w+.-]*://", text):
            raise InputError(f"{text}: addresses are not taken, only files in the allowed folders")
        if _leads_somewhere(text):
            path = self._inside(text)
            if path.exists():
                self._check_contents(path, text)

    def _inside(self, given: str) -> Path:
        if not given or "\0" in given:
            raise InputError("a path is empty or holds a character that no path can; name a file or a folder")
        if not Path(given).is_absolute():
            raise InputError(f"{given}: not an absolute path; name it from the root, inside the allowed folders")
        try:
            path = Path(given).resolve()
        except (OSError, RuntimeError) as error:
            raise InputError(f"{given}: cannot be followed ({error})") from error
        if not any(path.is_relative_to(folder) for folder in self.folders):
            raise InputError(f"{given}: outside the allowed folders ({', '.join(map(str, self.folders)) or 'none'})")
        return path

    def _check_contents(self, path: Path, given: str) -> None:
        """Check what a folder holds, links in it followed, and what lists name."""
        seen, waiting, count = set[Path](), [path], 0
        while waiting:
            place = waiting.pop()
            real = place.resolve()
            if not any(real.is_relative_to(folder) for folder in self.folders):
                raise InputError(f"{place}: a link in {given} that leads out of the allowed folders")
            if real in seen:
                continue
            seen.add(real)
            count += 1
            if count > MOST_ENTRIES:
                raise InputError(f"{given}: more than {MOST_ENTRIES} entries; name a part of it")
            if real.is_dir():
                waiting.extend(real.iterdir())
            elif real.suffix.lower() in LISTS:
                self._check_list(real)

    def _check_list(self, file: Path) -> None:
        if file.stat().st_size > MOST_LIST:
            raise InputError(f"{file}: a list of more than {MOST_LIST // 2**20} MB is not taken")
        for text in _texts_in(file):
            named = file.parent / text  # an absolute one stays as it is
            if not os.path.lexists(named):
                continue
            try:
                self._inside(str(named))
            except InputError as error:
                raise InputError(f"{file}: names {error}") from error


def _leads_somewhere(text: str) -> bool:
    """Return whether text is a path that could lead out of the folder it is read in."""
    path = Path(text)
    return path.is_absolute() or bool(PureWindowsPath(text).drive) or text.startswith("~") or ".." in path.parts


def _texts_in(file: Path) -> Iterator[str]:
    """Yield all that could be a name in a list."""
    text = file.read_text(encoding="utf-8", errors="replace")
    suffix = file.suffix.lower()
    if suffix in (".json", ".jsonl", ".yaml", ".yml"):
        yield from _strings(_parsed(text, suffix))
    for row in csv.reader(text.splitlines()):
        for cell in row:
            yield from dict.fromkeys((cell.strip(), *(word for word in cell.split() if re.search(r"\w", word))))


def _parsed(text: str, suffix: str) -> Any:
    """Return the contents of a file; None if it is damaged, which the command tells."""
    try:
        if suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        if suffix == ".json":
            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except Exception:  # of either library
        return None


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
