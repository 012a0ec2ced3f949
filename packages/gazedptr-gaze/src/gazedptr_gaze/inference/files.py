"""Many images and videos: a file of records for each, and their gazes drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES, Image, read_image, write_image
from visioncore.inference.batch import Summary, process_files
from visioncore.inference.jobs import Job, check_one, check_results, named_file, place_inputs, plan_jobs
from visioncore.inference.record import open_record
from visioncore.video import VIDEO_SUFFIXES

from ..data.pixels import eight_bits
from .predictor import Predictor
from .records import NO_FACE, write_records
from .result import GazeResult
from .videos import PLOT, VIDEO, Watch, beside, predict_video

__all__ = ["predict_files"]

IMAGE = "_gaze.png"
"""How the name of an image with its gazes drawn ends."""
RECORDS = (".csv", ".jsonl")
"""Suffixes of records."""
SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
"""Suffixes of the files that are taken from folders."""


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    stride: int = 1,
    smoothing: float = 0.0,
    annotate: bool = True,
    suffix: str = ".csv",
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Predict gazes of many images and videos.

    For each there is ``<name>.csv`` (see `records.FrameGaze`; a line also where no face was found, which is told),
    ``<name>_gaze.png`` or ``<name>_gaze.mp4`` with the gazes drawn, and of a video ``<name>_plot.png``; inside a folder
    their place is kept. What was made of the same input with the same weights and options, as ``made.jsonl`` beside the
    results says, is skipped. A file that cannot be read is reported and the others still run; of a video that breaks
    off what came before is kept. Under ``accelerate launch`` or ``torchrun`` the processes share the files.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results; for one input also a ``.csv`` or ``.jsonl`` file.
        stride: every how many frames of a video the network runs.
        smoothing: of gazes in videos, in seconds, see `Tracker`; 0 for none.
        annotate: write images and videos with the gazes drawn too.
        suffix: of the records, ``.csv`` or ``.jsonl``.
        overwrite: make results anew that are there already.
        say: told a line for each file that failed, for images without a face, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a file failed.

    Raises:
        InputError: if an input is missing or empty, a result would be written over an input, an option is not what it
            should be, no face finder is installed, ``out`` cannot be written, or is one file for several inputs.
    """
    if suffix not in RECORDS:
        raise InputError(f"suffix is {suffix!r}; it must be one of {', '.join(RECORDS)}")
    Watch(predictor, "", stride=stride, smoothing=smoothing)
    jobs = _plan(inputs, Path(out), suffix, annotate)
    if not jobs:
        return Summary()
    _ = predictor.finder  # told now if it is missing, not of each file
    known = predictor.recorded() | {"stride": stride, "smoothing": smoothing}
    share = partial(process_files, record=open_record(out, jobs, known), overwrite=overwrite, say=say)
    films = {job.source: job for job in jobs if _is_video(job.source)}

    def look(read: tuple[Path, NDArray[np.uint8]]) -> GazeResult:
        source, pixels = read
        result = predictor.personal(*predictor.frames([pixels], source))
        for note in result.notes:
            say(note)
        return result

    def write(result: GazeResult, target: Path) -> None:
        if annotate:
            write_image(beside(target, IMAGE), Image(result.drawn()))
        write_records(target, result.records())

    summary = share(
        [job for job in jobs if job.source not in films],
        lambda source: (source, eight_bits(read_image(source))),
        look,
        write,
    )

    def watch(source: Path) -> None:
        records = predict_video(
            source,
            predictor,
            films[source].target,
            stride=stride,
            smoothing=smoothing,
            annotate=annotate,
            show_progress=len(jobs) == 1,
        )
        frames, without = {record.frame for record in records}, sum(record.face == NO_FACE for record in records)
        if without:
            say(f"{source}: no face found in {without} of {len(frames)} frames")

    # a video is read, worked on and written frame by frame, all as its work
    return summary + share(list(films.values()), lambda source: source, watch, lambda _, target: None)


def _plan(inputs: Iterable[str | Path], out: Path, suffix: str, annotate: bool) -> list[Job]:
    if named_file(out, RECORDS):
        places = place_inputs(inputs, out, lambda entry: expand_inputs([entry], SUFFIXES), "input")
        jobs = [Job(check_one(places, out, "input"), out)]
    else:
        jobs = plan_jobs(inputs, SUFFIXES, out, lambda source: suffix)
    jobs = [Job(job.source, job.target, _beside(job, annotate)) for job in jobs]
    check_results((job.source for job in jobs), [path for job in jobs for path in job.results], "input")
    return jobs


def _beside(job: Job, annotate: bool) -> tuple[Path, ...]:
    drawn, plot = (VIDEO, (PLOT,)) if _is_video(job.source) else (IMAGE, ())
    endings = (*plot, drawn) if annotate else plot
    return tuple(beside(job.target, ending) for ending in endings)


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES
