"""Which CT scans lie where, and where the result of each goes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from visioncore.inference.batch import Job, check_results, place_inputs
from visioncore.medical.dicom import is_dicom
from visioncore.medical.scans import ScanFiles

from .ct import SCAN_SUFFIXES

_SCANS = ScanFiles(SCAN_SUFFIXES, is_dicom, "no CT scan in it; DICOM, NIfTI and npy can be read")


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
    places = place_inputs(inputs, out, find_scans, "scan")
    jobs: list[Job] = [ScanJob(source, out / place) for source, place in places.items()]
    check_results(places, [job.target for job in jobs], "scan")
    return jobs


def find_scans(entry: str | Path) -> list[Path]:
    """Return the scans that a file, a folder or a glob pattern names.

    A file is a scan. A folder is searched to any depth, hidden files and folders aside: in it every NIfTI and npy file
    is a scan, and so is every folder that has none of these but DICOM files.

    Raises:
        InputError: if there is no such file, or no scan in it.
    """
    return _SCANS.find(entry)


def is_scan(path: Path) -> bool:
    """Whether a file is called as one that is a CT scan, or holds DICOM; or a folder has such a file in it."""
    if path.is_dir():
        return any(_SCANS.knows(file) for file in path.iterdir() if file.is_file())
    return _SCANS.knows(path)
