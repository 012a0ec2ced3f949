"""Scans whose channels are files of their own, in nnU-Net's names: ``p_0000.nii.gz``, ``p_0001.nii.gz``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from visioncore.errors import InputError
from visioncore.inference.jobs import Job, check_results
from visioncore.medical import volume_name

from ..data.datasets import CHANNEL, Case
from ..data.scans import SCANS

MOST = 3


def first_channels(scans: Iterable[Path]) -> list[Path]:
    """Return for each of some files the one with the first channel, each once.

    Raises:
        InputError: if one has a number, but there is none with the number 0000 beside it.
    """
    firsts: dict[Path, None] = {}
    for path in scans:
        name = volume_name(path)
        if CHANNEL.search(name) and not name.endswith("_0000"):
            first = path.with_name(f"{name[:-5]}_0000{path.name[len(name) :]}")
            if not first.exists():
                raise InputError(f"{path}: a further channel, but there is no {first.name}; name the first one so")
            path = first
        firsts[path] = None
    return list(firsts)


def channels_of(first: Path) -> Case:
    """Return a scan with its further channels, which lie beside the first one and are numbered without a gap.

    Raises:
        InputError: if there is a gap, or more than `MOST` channels.
    """
    stem = volume_name(first).removesuffix("_0000")
    if stem == volume_name(first):
        return Case(stem, first, None)
    beside = (path for path in first.parent.iterdir() if path.name.lower().endswith(SCANS.suffixes))
    found = {volume_name(path): path for path in sorted(beside)}
    numbers = sorted(int(name[-4:]) for name in found if CHANNEL.search(name) and name[:-5] == stem)
    if numbers != list(range(len(numbers))):
        there = ", ".join(map(str, numbers))
        raise InputError(f"{first}: channels {there} are there; they must be numbered from 0 without a gap")
    if len(numbers) > MOST:
        raise InputError(f"{first}: a scan of {len(numbers)} channels; the network takes at most {MOST}")
    return Case(stem, first, None, tuple(found[f"{stem}_{number:04}"] for number in numbers[1:]))


def look_like_channels(scans: Iterable[Path]) -> str | None:
    """Return one line if some scans seem to be channels of others: numbered from 0000 to 0001 or 0002; else None."""
    numbers = defaultdict[tuple[Path, str], list[str]](list)
    for path in scans:
        name = volume_name(path)
        if CHANNEL.search(name):
            numbers[path.parent, name[:-5]].append(name[-4:])
    for (folder, stem), found in numbers.items():
        if sorted(found) in (["0000", "0001"], ["0000", "0001", "0002"]):
            return f"{folder / stem}_0001: taken as a scan of its own; as a channel of {stem}_0000 with --channels"
    return None


def jobs_of_channels(jobs: Iterable[Job], out: Path) -> tuple[list[Job], dict[Path, Case]]:
    """Return jobs whose results are called without ``_0000`` and that know all their files, and the scan of each.

    Args:
        jobs: with the first channels as their sources.
        out: where results go: a folder, or the file of the only one.

    Raises:
        InputError: as `channels_of`, or if two results would meet.
    """
    named, cases = list[Job](), dict[Path, Case]()
    for job in jobs:
        case = cases[job.source] = channels_of(job.source)
        name = volume_name(job.source)
        if job.target != out and job.target.name.startswith(name):
            target, *beside = (path.with_name(case.name + path.name[len(name) :]) for path in job.results)
            job = job._replace(target=target, beside=tuple(beside))
        named.append(job._replace(made_of=case.channels))
    check_results((job.source for job in named), (path for job in named for path in job.results), "scan")
    return named, cases
