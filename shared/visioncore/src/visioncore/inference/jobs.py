"""Which files are to be made into which."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from ..files import expand_inputs, once


class Job(NamedTuple):
    """One source and the target to make of it, with the results besides, and the files that it names in its turn."""

    source: Path
    target: Path
    beside: tuple[Path, ...] = ()
    made_of: tuple[Path, ...] = ()

    @property
    def results(self) -> tuple[Path, ...]:
        """All files, or folders of files, that are made."""
        return self.target, *self.beside


def plan_jobs(
    inputs: Iterable[str | Path], suffixes: Iterable[str], out: str | Path, suffix: Callable[[Path], str]
) -> list[Job]:
    """Return the jobs for inputs: each target is the input's name with another suffix, below ``out``.

    A file found in a folder, or by a pattern, keeps its place below that folder, or below the part of the pattern
    without wildcards. Where two sources would meet in one result, their own suffixes stay in the names
    (``a.jpg.png``, ``a.bmp.png``). If ``out`` lies inside a folder that is searched, what is in it is no input.

    Args:
        inputs: files, folders, glob patterns, as for `visioncore.files.expand_inputs`.
        suffixes: what counts as an input inside a folder.
        out: the folder of results.
        suffix: the result's suffix for a source.

    Raises:
        InputError: if an input is missing or holds no file, or a result would be written over an input or another
            result.
    """
    suffixes, out = tuple(suffixes), Path(out)
    places = place_inputs(inputs, out, lambda entry: expand_inputs([entry], suffixes), "input")
    meeting = Counter(place.with_suffix(suffix(source)) for source, place in places.items())
    jobs = []
    for source, place in places.items():
        target = place.with_suffix(suffix(source))
        if meeting[target] > 1:
            target = place.with_name(place.name + suffix(source))
        jobs.append(Job(source, out / target))
    check_results(places, [job.target for job in jobs], "input")
    return jobs


def plan_results(
    inputs: Iterable[str | Path], suffixes: Iterable[str], out: str | Path, endings: Iterable[str], what: str
) -> list[Job]:
    """Return the jobs for inputs: into a folder, as `plan_jobs`, or of the only one into a file of its own name.

    Args:
        inputs: files, folders, glob patterns.
        suffixes: those of inputs inside a folder.
        out: the folder of results, or a file by its ending.
        endings: those of result files, the first of which results in a folder get.
        what: an input is called, for messages.

    Raises:
        InputError: as `plan_jobs`, or if there are several inputs for one file.
    """
    suffixes, out, (first, *more) = tuple(suffixes), Path(out), tuple(endings)
    if not named_file(out, (first, *more)):
        return plan_jobs(inputs, suffixes, out, lambda _: first)
    places = place_inputs(inputs, out, lambda entry: expand_inputs([entry], suffixes), what)
    source = check_one(places, out, what)
    check_results(places, [out], what)
    return [Job(source, out)]


def named_file(out: str | Path, endings: Iterable[str]) -> bool:
    """Return whether ``out`` is a file for one result, by its ending, and no folder for many."""
    out = Path(out)
    return out.name.lower().endswith(tuple(endings)) and not out.is_dir()


def check_one(sources: Collection[Path], out: Path, what: str) -> Path:
    """Return the only source for a result that goes to a file of its own name.

    Args:
        sources: all of them.
        out: the file.
        what: a source is called, for messages.

    Raises:
        InputError: if there are several.
    """
    first, *more = sources
    if more:
        raise InputError(f"{out}: one file, but there are {len(sources)} {what}s; name a folder for their results")
    return first


def place_inputs(
    inputs: Iterable[str | Path], out: Path, find: Callable[[str | Path], Iterable[Path]], what: str
) -> dict[Path, Path]:
    """Return {input: its target below the folder of results, under its own name}, each once.

    What is found in a folder, or by a pattern, keeps its place below that folder, or below the part of the pattern
    without wildcards. If ``out`` lies inside a folder that is searched, what is in it is not taken.

    Args:
        inputs: files, folders, glob patterns.
        out: the folder of results.
        find: one of the inputs -> the files, or folders of files, that it names.
        what: such a file or folder is called, for messages.

    Raises:
        InputError: as ``find``; if an input holds nothing but earlier results, or is ``out`` itself.
    """
    places: dict[Path, Path] = {}
    for entry in inputs:
        searched = _searched_folder(entry)
        if searched is None:
            for path in find(entry):
                places.setdefault(path, Path(path.name))
            continue
        if searched.resolve() == out.resolve() and Path(entry).is_dir():
            raise InputError(
                f"{out}: results in a folder of {what}s would be taken for {what}s next time; name another"
            )
        found = list(find(entry))
        if searched.resolve() in out.resolve().parents:
            found = [path for path in found if out.resolve() not in (path.resolve(), *path.resolve().parents)]
            if not found:
                raise InputError(f"{entry}: no {what} in it but earlier results in {out}")
        for path in found:
            places.setdefault(path, Path(path.resolve().name) if path == searched else path.relative_to(searched))
    return {path: places[path] for path in once(places)}


def check_results(sources: Iterable[Path], results: Iterable[Path], what: str) -> None:
    """Validate that no result would overwrite a source or another result.

    Args:
        sources: all of them.
        results: all of them.
        what: a source is called, for messages.

    Raises:
        InputError: naming the result.
    """
    places, planned = {source.resolve() for source in sources}, set[Path]()
    for result in results:
        if result.resolve() in places:
            raise InputError(f"{result}: this {what} would be written over; name another folder for the results")
        if result in planned:
            raise InputError(f"{result}: several {what}s would be written there; give them in separate calls")
        planned.add(result)


def _searched_folder(entry: str | Path) -> Path | None:
    """Return the folder that is searched for an input; None for a file that is named outright."""
    path = Path(entry)
    if path.is_dir():
        return path
    if path.exists() or not glob.has_magic(str(entry)):
        return None
    wild = next(number for number, part in enumerate(path.parts) if glob.has_magic(part))
    return Path(*path.parts[:wild])
