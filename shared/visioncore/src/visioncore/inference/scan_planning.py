"""Which scans are to be made into which files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ..medical import volume_name
from .batch import Job, check_results, place_inputs


class ScanJob(Job):
    """One scan to be made into others.

    Attributes:
        beside: the results besides the target.
    """

    beside: tuple[Path, ...] = ()

    @property
    def done(self) -> bool:
        """Whether all results are there and no older than the source; of a series in a folder, any of its files.

        A folder is there as soon as a sub-folder of it is.
        """
        if self.source.is_dir() and self.target.is_dir():
            files = (file for file in self.source.iterdir() if file.is_file())
            return any(Job(file, self.target / file.name).done for file in files)
        return all(Job(self.source, file).done for file in (self.target, *self.beside))


def plan_scans(
    inputs: Iterable[str | Path],
    out: Path,
    find: Callable[[str | Path], Iterable[Path]],
    endings: Sequence[str] | Callable[[Path], Sequence[str]] = (),
) -> list[Job]:
    """Return for each scan where its results go.

    A scan found in a folder, or by a pattern, keeps its place below that folder, or below the part of the pattern
    without wildcards. If ``out`` lies inside a folder that is searched, what is in it is no scan.

    Args:
        inputs: files, folders, glob patterns.
        out: the folder of results.
        find: input -> the scans it names, such as `ScanReader.find`.
        endings: of the files made of each scan, behind its name without suffix (with it, where two scans have one
            name), such as ``(".nii.gz", ".json")``; the first is the target. None: a file or folder called as the scan.
            Or scan -> its endings.

    Raises:
        InputError: if an input is missing or holds no scan, or a result would be written over a scan or another result.
    """
    places = place_inputs(inputs, out, find, "scan")
    named = {source: place.with_name(volume_name(source)) for source, place in places.items()}
    meeting = Counter(named.values())
    jobs: list[Job] = []
    results: list[Path] = []
    for source, place in places.items():
        name = named[source].name if meeting[named[source]] == 1 else source.name
        own = endings(source) if callable(endings) else endings
        target, *beside = [out / place.with_name(name + ending) for ending in own] or [out / place]
        job = ScanJob(source, target)
        job.beside = tuple(beside)
        jobs.append(job)
        results += [target, *beside]
    check_results(places, results, "scan")
    return jobs
