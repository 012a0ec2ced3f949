"""Many references: an image in the style of each, or of all together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from visioncore.diffusion.latents import seeds_of
from visioncore.errors import InputError
from visioncore.files import expand_inputs
from visioncore.images import IMAGE_SUFFIXES
from visioncore.inference.batch import Summary, process_files, progress
from visioncore.inference.generated import SUFFIX, check_png, numbered
from visioncore.inference.jobs import Job, check_results, named_file, plan_results
from visioncore.inference.record import open_record
from visioncore.inference.run_record import write_run

from ..method import METHOD, STYLE_SUFFIX
from ..network.style import shares_of
from .predictor import Predictor
from .prompts import prompts_of
from .result import Result
from .strengths import as_strengths

SEARCHED = (*IMAGE_SUFFIXES, STYLE_SUFFIX)
"""Suffixes of what has a style: images and style files."""
_FILES = ("image", "mask", "mix", "together")
"""Options that name files."""


def generate_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    together: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Make images in the style of each reference or style file.

    Results are named after them; inside a folder their place is kept. What was made of the same file with the same
    weights and options, as ``made.jsonl`` beside the results says, is skipped. A file that cannot be read is reported
    and the others still run. Under ``accelerate launch`` or ``torchrun`` the processes share the files.

    Args:
        inputs: files, folders, glob patterns; there may be none where ``mix`` of the options names styles.
        predictor: does the work.
        out: folder for the results; for one style also a PNG file.
        options: further arguments of `ArtAdapterPipeline.__call__`.
        together: take the mean of all inputs as one style, named after the first.
        overwrite: make results anew that are there already.
        say: told a line for each file that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a file failed.

    Raises:
        InputError: if an input is missing or empty, there is none, a result would be written over an input, or ``out``
            cannot be written or is one file for several styles.
    """
    options, out = dict(options or {}), Path(out)
    check_png(out)
    mix = options.get("mix") or {}
    alone = not inputs
    if alone and not mix:
        raise InputError("inputs: at least one is needed: a reference image or a style file")
    sources = expand_inputs(inputs or list(mix.values())[:1], SEARCHED)
    if options.get("weights") is not None and not together:
        raise InputError("weights are for references that are taken together")
    shares_of(options.get("weights"), len(sources))
    if together or alone:
        target = out if named_file(out, (SUFFIX,)) else out / f"{sources[0].stem}{SUFFIX}"
        planned = [Job(sources[0], target)]
        check_results(sources, [target], "reference")
    else:
        planned = plan_results(inputs, SEARCHED, out, (SUFFIX,), "reference")
    count = _count(options)
    jobs = [Job(job.source, *_results(job.target, count)) for job in planned]
    targets = {job.source: plan.target for plan, job in zip(planned, jobs, strict=True)}
    settings = predictor.recorded() | recorded({**options, "together": sources if together else None})
    options = checked(predictor, options)
    # of several images in a file's place, the first stands for it
    record = open_record(jobs[0].target if named_file(out, (SUFFIX,)) else out, jobs, settings)

    def work(source: Path) -> tuple[Result, Path]:
        style = None if alone else sources if together else source
        with progress(options.get("steps", 30) if len(jobs) == 1 else 0, "steps") as advance:
            result = predictor(style, **options, callback=lambda *_: advance())
        return result, targets[source]

    def write(made: tuple[Result, Path], _: Path) -> None:
        result, target = made
        result.save(target)

    summary = process_files(jobs, lambda source: source, work, write, record=record, overwrite=overwrite, say=say)
    if record is not None:
        write_run(METHOD, out, settings, summary, inputs=sources)
    return summary


def checked(predictor: Predictor, options: Mapping[str, Any]) -> dict[str, Any]:
    """Check what all images have in common before any is made, and return it with the styles of levels read.

    Raises:
        InputError: if an option is not what it should be.
    """
    shared = {name: value for name, value in options.items() if name not in ("weights", "mix")}
    predictor.pipeline.check(**shared)
    given = (options.get("mix") or {}).items()
    mix = {level: read for level, each in given if (read := predictor.pipeline.style(each)) is not None}
    predictor.pipeline.style(None, mix=mix)
    return {**options, "mix": mix}


def recorded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for the record of a batch: files with how long they are and how old; what is None is left out."""

    def told(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: told(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [told(each) for each in value]
        path = Path(value)
        stat = path.stat()
        return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]

    given = {name: value for name, value in options.items() if value is not None}
    if "scale" in given:
        given["scale"] = as_strengths(given["scale"]).told()
    return {name: told(value) if name in _FILES else value for name, value in given.items()}


def _count(options: Mapping[str, Any]) -> int:
    """Return how many images a style has."""
    seeds = seeds_of(options.get("seed", 0), options.get("images"))
    return len(prompts_of(options.get("prompt", ""))) * len(seeds)


def _results(target: Path, count: int) -> tuple[Path, tuple[Path, ...]]:
    first, *others = numbered(target, count)
    return first, tuple(others)
