"""Which scans are to be made into which files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from ..errors import InputError
from ..medical import volume_name
from .jobs import Job, check_one, check_results, place_inputs


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
        out: the folder of results; of one scan also a file, known by its suffix.
        find: input -> the scans it names, such as `ScanReader.find`.
        endings: of the files made of each scan, behind its name without suffix (with it, where two scans have one
            name), such as ``(".nii.gz", ".json")``; the first is the target. None: a file or folder called as the scan.
            Or scan -> its endings.

    Raises:
        InputError: if an input is missing or holds no scan, a result would be written over a scan or another result, or
            ``out`` is a file for several scans or of another kind than the target.
    """
    places = place_inputs(inputs, out, find, "scan")
    if volume_name(out) != out.name and not out.is_dir():
        return [_job_to_file(places, out, endings)]
    named = {source: place.with_name(volume_name(source)) for source, place in places.items()}
    meeting = Counter(named.values())
    jobs: list[Job] = []
    results: list[Path] = []
    for source, place in places.items():
        name = named[source].name if meeting[named[source]] == 1 else source.name
        own = endings(source) if callable(endings) else endings
        target, *beside = [out / place.with_name(name + ending) for ending in own] or [out / place]
        jobs.append(Job(source, target, tuple(beside)))
        results += jobs[-1].results
    check_results(places, results, "scan")
    return jobs


def _job_to_file(places: Collection[Path], out: Path, endings: Sequence[str] | Callable[[Path], Sequence[str]]) -> Job:
    source = check_one(places, out, "scan")
    own = endings(source) if callable(endings) else endings
    ending = own[0] if own else ""
    if not out.name.lower().endswith(ending):
        raise InputError(f"{out}: results are written as {ending}; name such a file, or a folder")
    job = Job(source, out, tuple(out.with_name(volume_name(out) + each) for each in own[1:]))
    check_results(places, job.results, "scan")
    return job
