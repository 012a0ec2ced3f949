"""Which files are to be made of which scans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from visioncore.inference.batch import Job, check_results, place_inputs

from ..data.volumes import find_volumes, volume_name
from .result import LABELS, beside


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

    places = place_inputs(inputs, out, lambda entry: find_volumes([entry]), "scan")
    named = {source: place.with_name(volume_name(source)) for source, place in places.items()}
    meeting = Counter(named.values())
    jobs: list[Job] = []
    for source, place in named.items():
        name = place.name if meeting[place] == 1 else source.name
        jobs.append(ScanJob(source, out / place.with_name(name + LABELS)))
    results = [file for job in jobs for file in (job.target, *(beside(job.target, ending) for ending in endings))]
    check_results(places, results, "scan")
    return jobs
