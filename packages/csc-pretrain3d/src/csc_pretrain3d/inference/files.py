"""Many scans: the labels or features of each in files, drawn, and as a page that can be turned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.inference.batch import Summary, process_files
from visioncore.inference.jobs import Job, check_one, check_results, named_file, place_inputs, plan_jobs
from visioncore.inference.record import open_record

from ..data.formats import SCAN_SUFFIXES, WRITTEN_SUFFIXES, read_scan
from ..data.frame import Scan
from .colours import FeatureColours
from .predictor import Predictor
from .result import FEATURE_SUFFIXES, Result

FIGURE, PAGE = ".png", ".html"


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    formats: Sequence[str] = (".label",),
    figure: bool = True,
    viewer: bool = True,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Classify the points of many scans.

    For each there are labels in the formats asked for, a figure ``<name>.png`` and a page ``<name>.html``; inside a
    folder their place is kept. What was made of the same scan with the same weights and options, as ``made.jsonl``
    beside the results says, is skipped. A scan that cannot be read is reported and the others still run.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work; its network must have classes.
        out: folder for the results; for one scan also a file of labels, whose suffix then is the format.
        formats: suffixes of labels, see `write_labels`.
        figure: draw the scan as well.
        viewer: write the page as well.
        overwrite: make results anew that are there already.
        say: told a line for each scan that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a scan failed.

    Raises:
        InputError: if the network has no classes, an input is missing or empty, a result would be written over an
            input, a format is unknown, or ``out`` cannot be written.
    """
    if predictor.classes is None:
        raise InputError(
            "these weights give features and no classes: fine-tune them first (train), or write the features (features)"
        )
    if not formats or not set(formats) <= set(WRITTEN_SUFFIXES):
        raise InputError(f"formats are {', '.join(formats)}; they must be some of {', '.join(WRITTEN_SUFFIXES)}")
    formats = [Path(out).suffix] if named_file(out, WRITTEN_SUFFIXES) else formats
    jobs = _jobs(inputs, out, formats, figure, viewer)
    return _process(jobs, predictor, out, predictor, overwrite, say)


def features_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    figure: bool = True,
    viewer: bool = True,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Write the features of the points of many scans; the network needs no classes.

    For each there is ``<name>.npy`` (P, F) in float32, ``<name>.ply`` with the points in the colours of the features'
    first three principal components, a figure and a page. The components are those of the first scan, so that a colour
    means the same in all of them.

    Args, result and errors are as for `predict_files`.
    """
    formats: Sequence[str] = [Path(out).suffix] if named_file(out, FEATURE_SUFFIXES) else FEATURE_SUFFIXES
    jobs = _jobs(inputs, out, formats, figure, viewer)

    def features_of(scan: Scan) -> Result:
        found = predictor(scan, features=True)
        return Result(found.scan, features=found.features, notice=found.notice)

    @cache
    def colouring() -> FeatureColours:
        for job in jobs:
            try:
                return FeatureColours(features_of(read_scan(job.source)).known_features)
            except InputError:
                continue  # which is told when it is this scan's turn
        raise InputError("no scan could be read")

    def work(scan: Scan) -> Result:
        return replace(features_of(scan), colouring=colouring())

    return _process(jobs, predictor, out, work, overwrite, say, colours_of=str(jobs[0].source))


def _jobs(inputs: Sequence[str | Path], out: str | Path, formats: Sequence[str], *shown: bool) -> list[Job]:
    """Return the jobs: a file of the first format of each scan, and beside it the others."""
    if Path(out).suffix == formats[0] and not Path(out).is_dir():
        places = place_inputs(inputs, Path(out), lambda entry: expand_inputs([entry], SCAN_SUFFIXES), "scan")
        jobs = [Job(check_one(places, Path(out), "scan"), Path(out))]
    else:
        jobs = plan_jobs(inputs, SCAN_SUFFIXES, out, lambda _: formats[0])
    beside = [*formats[1:], *(suffix for suffix, wanted in zip((FIGURE, PAGE), shown, strict=True) if wanted)]
    jobs = [Job(job.source, job.target, tuple(_beside(job.target, suffix) for suffix in beside)) for job in jobs]
    check_results([job.source for job in jobs], [path for job in jobs for path in job.results], "scan")
    return jobs


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(target.stem + suffix)


def _process(
    jobs: Sequence[Job],
    predictor: Predictor,
    out: str | Path,
    work: Callable[[Scan], Result],
    overwrite: bool,
    say: Callable[[str], None],
    **more: object,
) -> Summary:
    record = open_record(Path(out), jobs, predictor.recorded() | more)
    kinds = {job.target: job.beside for job in jobs}

    def write(result: Result, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in kinds[target]:
            if path.suffix == FIGURE:
                result.plot(path)
            elif path.suffix == PAGE:
                result.view(path)
            else:
                result.save(path)
        result.save(target)

    return process_files(jobs, read_scan, work, write, record=record, overwrite=overwrite, say=say)
