"""Many images: the scanpaths of each in a file, drawn, and moving."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES
from visioncore.inference.batch import Summary, process_files
from visioncore.inference.jobs import Job, check_one, check_results, named_file, place_inputs, plan_jobs
from visioncore.inference.record import open_record

from ..data.observer_vectors import ObserverVectors
from ..data.trials import ScanpathData, Trial
from .animation import check_animation
from .predictor import Predictor
from .recorded import beside, trials_on
from .result import PROBABILITIES, SUFFIXES, Result


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    observers: Sequence[int | str] | None = None,
    task: str = "",
    suffix: str = ".json",
    vectors: ObserverVectors | None = None,
    figure: bool = True,
    animation: str = "",
    probabilities: bool = False,
    reference: ScanpathData | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Predict scanpaths on many images.

    For each there is ``<name>.json`` or ``.csv``, and a figure ``<name>.png``; inside a folder their place is kept.
    What was made of the same image with the same weights and options, as ``made.jsonl`` beside the results says, is
    skipped. An image that cannot be read is reported and the others still run.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results; for one image also a file.
        observers: as for `Predictor.__call__`.
        task: as for `Predictor.__call__`.
        suffix: ``.json`` or ``.csv``.
        vectors: as for `Predictor.__call__`.
        figure: draw the scanpaths as well.
        animation: ``.gif`` or ``.mp4`` to let them run as well, in their own time; empty for none.
        probabilities: write ``<name>_probabilities.npz`` as well: by observer, where they look at each step (T, H, W).
        reference: scanpaths that were recorded, drawn beside those that were predicted, see `trials_on`.
        overwrite: make results anew that are there already.
        say: told a line for each image that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if an image failed.

    Raises:
        InputError: if an input is missing or empty, a result would be written over an input, the suffix or an observer
            is unknown, or ``out`` cannot be written.
    """
    if suffix not in SUFFIXES:
        raise InputError(f"suffix is {suffix!r}; it must be .json or .csv")
    if animation:
        check_animation(animation)
    if named_file(out, SUFFIXES):
        places = place_inputs(inputs, Path(out), lambda entry: expand_inputs([entry], IMAGE_SUFFIXES), "image")
        jobs = [Job(check_one(places, Path(out), "image"), Path(out))]
    else:
        jobs = plan_jobs(inputs, IMAGE_SUFFIXES, out, lambda _: suffix)
    predictor.observers(observers, vectors)  # told once, not of every image
    jobs = [Job(job.source, job.target, _beside(job.target, figure, animation, probabilities)) for job in jobs]
    check_results([job.source for job in jobs], [path for job in jobs for path in job.results], "image")
    recorded: Mapping[Path, Sequence[Trial]] = {}
    if reference is not None:
        reference.warn_of_order(predictor.config)
        recorded = trials_on(reference, [job.source for job in jobs], task)
    options: dict[str, object] = {"observers": observers, "task": task}
    if vectors is not None:
        options["vectors"] = f"{', '.join(vectors.names)}: {_digest(vectors)}"
    if reference is not None:
        options["reference"] = str(reference.source)
    record = open_record(Path(out), jobs, predictor.recorded() | options)

    def write(result: Result, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        known = None
        if reference is not None and result.source is not None and result.source in recorded:
            named = vectors.names if vectors is not None else ()
            own = predictor.config.names
            known = beside(result, reference, recorded[result.source], (*named, *own), by_index=not own)
        if figure:
            result.plot(target.with_suffix(".png"), reference=known)
        if animation:
            result.animate(target.with_suffix(animation), reference=known)
        result.save(target)

    def work(source: Path) -> Result:
        return predictor(source, observers=observers, task=task, vectors=vectors, probabilities=probabilities)

    return process_files(jobs, lambda source: source, work, write, record=record, overwrite=overwrite, say=say)


def _beside(target: Path, figure: bool, animation: str, probabilities: bool) -> tuple[Path, ...]:
    """Return the results of an image beside its scanpaths."""
    found = [target.with_suffix(".png")] if figure else []
    found += [target.with_suffix(animation)] if animation else []
    return (*found, target.with_name(target.stem + PROBABILITIES)) if probabilities else tuple(found)


def _digest(vectors: ObserverVectors) -> str:
    return hashlib.sha256(vectors.vectors.contiguous().numpy().tobytes()).hexdigest()[:12]
