"""Which files are to be made of which scans."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from visioncore.batch import Job
from visioncore.errors import InputError

from .segmentation import LABELS, beside
from .volumes import find_volumes, volume_name


def plan_scans(inputs: Iterable[str | Path], out: Path, endings: Sequence[str]) -> list[Job]:
    """Return for each scan where its labels go; it is done when all that is wanted of it is there and newer.

    A scan found in a folder, or by a pattern, keeps its place below that folder, or below the part of the pattern
    without wildcards. Where two scans have one name, their suffixes stay in the names. If ``out`` lies inside a
    folder that is searched, what is in it is no scan.

    Args:
        inputs: files, folders, glob patterns, see `volumes.find_volumes`.
        out: the folder of results.
        endings: of the files wanted beside the labels.

    Raises:
        InputError: if an input is missing or holds no scan, or a result would be written over a scan or another result.
    """

    class ScanJob(Job):
        @property
        def done(self) -> bool:
            files = [self.target, *(beside(self.target, ending) for ending in endings)]
            return all(Job(self.source, file).done for file in files)

    places: dict[Path, Path] = {}
    for entry in inputs:
        root = _root(entry)
        if root.resolve() == out.resolve() and Path(entry).is_dir():
            raise InputError(f"{out}: results in a folder of scans would be taken for scans next time; name another")
        found = find_volumes([entry])
        if root.resolve() in out.resolve().parents:
            found = [path for path in found if out.resolve() not in (path.resolve(), *path.resolve().parents)]
            if not found:
                raise InputError(f"{entry}: no scan in it but earlier results in {out}")
        for path in found:
            places.setdefault(path, (path.relative_to(root).parent if path != root else Path()) / volume_name(path))
    meeting = Counter(places.values())
    jobs: list[Job] = []
    for source, place in places.items():
        name = place.name if meeting[place] == 1 else source.name
        jobs.append(ScanJob(source, out / place.with_name(name + LABELS)))
    _check(jobs, endings)
    return jobs


def _root(entry: str | Path) -> Path:
    """Return the folder below which scans keep their place."""
    path = Path(entry)
    if path.exists() or not glob.has_magic(str(entry)):
        return path if path.is_dir() else path.parent
    wild = next(number for number, part in enumerate(path.parts) if glob.has_magic(part))
    return Path(*path.parts[:wild])


def _check(jobs: Sequence[Job], endings: Sequence[str]) -> None:
    sources = {job.source.resolve() for job in jobs}
    results: set[Path] = set()
    for job in jobs:
        for result in (job.target, *(beside(job.target, ending) for ending in endings)):
            if result.resolve() in sources:
                raise InputError(f"{result}: this scan would be written over; name another folder for the results")
            if result in results:
                raise InputError(f"{result}: several scans would be written to this file; give them in separate calls")
            results.add(result)
