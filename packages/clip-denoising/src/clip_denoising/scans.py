"""Which CT scans lie where, and where the result of each goes."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from visioncore.batch import Job
from visioncore.errors import InputError
from visioncore.files import natural_key

from .ct import SCAN_SUFFIXES
from .ct_dicom import is_dicom


class ScanJob(Job):
    """One scan to be made of another; a DICOM series is a folder, which is there as soon as a sub-folder of it is."""

    @property
    def done(self) -> bool:
        """Whether the target is there, or for a folder a file in it, and no older than the source."""
        if not self.source.is_dir():
            return Job(self.source, self.target).done
        files = (file for file in self.source.iterdir() if file.is_file())
        return any(Job(file, self.target / file.name).done for file in files)


def plan_scans(inputs: Iterable[str | Path], out: Path) -> list[Job]:
    """Return for each scan where its result goes: below ``out``, under its own name.

    A scan found in a folder, or by a pattern, keeps its place below that folder, or below the part of the pattern
    without wildcards. If ``out`` lies inside a folder that is searched, what is in it is no scan.

    Args:
        inputs: files, folders, glob patterns, as for `find_scans`.
        out: the folder of results.

    Raises:
        InputError: if an input is missing or holds no scan, or a result would be written over a scan or another result.
    """
    jobs: dict[Path, Job] = {}
    for entry in inputs:
        root = _root(entry)
        if root.resolve() == out.resolve() and Path(entry).is_dir():
            raise InputError(f"{out}: results in a folder of scans would be taken for scans next time; name another")
        found = find_scans(entry)
        if root.resolve() in out.resolve().parents:
            found = [path for path in found if out.resolve() not in (path.resolve(), *path.resolve().parents)]
            if not found:
                raise InputError(f"{entry}: no scan in it but earlier results in {out}")
        for path in found:
            place = path.resolve().name if path == root else path.relative_to(root)
            jobs.setdefault(path, ScanJob(path, out / place))
    _check(list(jobs.values()))
    return list(jobs.values())


def find_scans(entry: str | Path) -> list[Path]:
    """Return the scans that a file, a folder or a glob pattern names.

    A file is a scan. A folder is searched to any depth, hidden files and folders aside: in it every NIfTI and npy file
    is a scan, and so is every folder that has none of these but DICOM files.

    Raises:
        InputError: if there is no such file, or no scan in it.
    """
    path = Path(entry)
    if path.exists():
        scans = _inside(path) if path.is_dir() else [path]
    elif glob.has_magic(str(entry)):
        matches = sorted(map(Path, glob.glob(str(entry), recursive=True)), key=natural_key)  # noqa: PTH207 (absolute patterns too)
        scans = [scan for match in matches for scan in (_inside(match) if match.is_dir() else [match] * is_scan(match))]
    else:
        raise InputError(f"{path}: no such file or folder")
    if not scans:
        raise InputError(f"{entry}: no CT scan in it; DICOM, NIfTI and npy can be read")
    return scans


def is_scan(path: Path) -> bool:
    """Whether a file is called as one that is a CT scan, or holds DICOM; or a folder has such a file in it."""
    if path.is_dir():
        return any(is_scan(file) for file in path.iterdir() if file.is_file())
    return path.name.lower().endswith(SCAN_SUFFIXES) or is_dicom(path)


def _inside(folder: Path) -> list[Path]:
    scans: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted((name for name in folders if name[0] != "."), key=natural_key)
        files = [Path(place, name) for name in sorted(names, key=natural_key) if name[0] != "."]
        whole = [file for file in files if file.name.lower().endswith(SCAN_SUFFIXES)]
        if whole:
            scans += whole
        elif any(is_dicom(file) for file in files):
            scans.append(Path(place))
    return scans


def _root(entry: str | Path) -> Path:
    """Return the folder below which scans keep their place."""
    path = Path(entry)
    if path.exists() or not glob.has_magic(str(entry)):
        return path if path.is_dir() else path.parent
    wild = next(number for number, part in enumerate(path.parts) if glob.has_magic(part))
    return Path(*path.parts[:wild])


def _check(jobs: list[Job]) -> None:
    sources = {job.source.resolve() for job in jobs}
    targets: set[Path] = set()
    for job in jobs:
        if job.target.resolve() in sources:
            raise InputError(f"{job.target}: this scan would be written over; name another folder for the results")
        if job.target in targets:
            raise InputError(f"{job.target}: several scans would be written there; give them in separate calls")
        targets.add(job.target)
