"""Which scans lie where: files that are one each, and folders whose files are the slices of one."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import natural_key


@dataclass(frozen=True)
class ScanFiles:
    """What counts as a scan.

    Attributes:
        suffixes: of files that are each a scan, with the dot and in lower case.
        is_slice: whether a file is a slice of the scan that its folder is.
        nothing: what is told where there is none, such as ``no scan in it; NIfTI and DICOM can be read``.
    """

    suffixes: tuple[str, ...]
    is_slice: Callable[[Path], bool]
    nothing: str

    def knows(self, file: Path) -> bool:
        """Whether a file is called as a scan is, or is a slice of one."""
        return file.name.lower().endswith(self.suffixes) or self.is_slice(file)

    def find(self, entry: str | Path) -> list[Path]:
        """Return the scans that a file, a folder or a glob pattern names.

        A file that is named outright is a scan, and one that a pattern matches if `knows` says so. A folder is
        searched to any depth, hidden files and folders aside: in it every file with one of the suffixes is a scan, and
        so is every folder that has none of these but slices.

        Raises:
            InputError: if there is no such file, or no scan in it.
        """
        path = Path(entry)
        if path.exists():
            scans = self._inside(path) if path.is_dir() else [path]
        elif glob.has_magic(str(entry)):
            matches = sorted(map(Path, glob.glob(str(entry), recursive=True)), key=natural_key)  # noqa: PTH207 (absolute patterns too)
            scans = [scan for match in matches for scan in (self._inside(match) if match.is_dir() else [match])]
            scans = [scan for scan in scans if scan.is_dir() or self.knows(scan)]
        else:
            raise InputError(f"{path}: no such file or folder")
        if not scans:
            raise InputError(f"{entry}: {self.nothing}")
        return scans

    def _inside(self, folder: Path) -> list[Path]:
        scans: list[Path] = []
        for place, folders, names in os.walk(folder):
            folders[:] = sorted((name for name in folders if name[0] != "."), key=natural_key)
            files = [Path(place, name) for name in sorted(names, key=natural_key) if name[0] != "."]
            whole = [file for file in files if file.name.lower().endswith(self.suffixes)]
            if whole:
                scans += whole
            elif any(self.is_slice(file) for file in files):
                scans.append(Path(place))
        return scans
