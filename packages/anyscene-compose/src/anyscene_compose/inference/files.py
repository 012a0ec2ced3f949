"""Many files: a new scene around the foreground of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from visioncore.diffusion.latents import seeds_of
from visioncore.images import IMAGE_SUFFIXES
from visioncore.inference.batch import Summary, process_files, progress
from visioncore.inference.generated import SUFFIX, check_png, numbered
from visioncore.inference.jobs import Job, check_results, named_file, plan_results
from visioncore.inference.record import open_record
from visioncore.inference.run_record import write_run

from ..method import METHOD
from .predictor import Predictor
from .result import Result
from .scenes import Placing, Scene


def compose_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    prompt: str = "",
    placing: Placing | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    recorded: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Make scenes around the foreground of each file.

    Results are named after the files; inside a folder their place is kept. What was made of the same file with the same
    weights and options, as ``made.jsonl`` beside the results says, is skipped. A file that cannot be read is reported
    and the others still run. Under ``accelerate launch`` or ``torchrun`` the processes share the files.

    Args:
        inputs: cut-outs or photos, and layouts that are named outright: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results; for one input also a PNG file.
        prompt: of all of them; ``{name}`` stands for the name of each.
        placing: how elements are cut out and placed.
        options: further arguments of `AnyScene.compose`.
        recorded: further values that results depend on, such as the files of masks.
        overwrite: make results anew that are there already.
        say: told a line for each file that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a file failed.

    Raises:
        InputError: if an input is missing or empty, an option is not what it should be, a result would be written over
            an input, or ``out`` cannot be written or is one file for several inputs.
    """
    options, out, placing = dict(options or {}), Path(out), placing or Placing()
    check_png(out)
    one = named_file(out, (SUFFIX,))
    planned = plan_results(inputs, IMAGE_SUFFIXES, out, (SUFFIX,), "cut-out")
    count = len(seeds_of(options.get("seeds", 0), None))
    targets = {job.source: job.target for job in planned}
    jobs = [Job(job.source, *_results(job.target, count), placing.files(job.source)) for job in planned]
    check_results(
        [file for job in jobs for file in job.made_of], [path for job in jobs for path in job.results], "file"
    )
    settings = predictor.recorded() | {"prompt": prompt} | options | dict(recorded or {})
    predictor.pipeline.check(**options)
    height, width = predictor.pipeline.own_size
    # of several images in a file's place, the first stands for it
    record = open_record(jobs[0].target if one else out, jobs, settings)

    def read(source: Path) -> tuple[Path, Scene]:
        return source, placing.scene(source, prompt, (width, height), say)

    def work(given: tuple[Path, Scene]) -> tuple[Path, Result]:
        source, scene = given
        with progress(options.get("steps", 30) if len(jobs) == 1 else 0, "steps") as advance:
            result = predictor(scene.canvas, scene.prompt, **options, callback=lambda *_: advance())
        return source, result

    def write(made: tuple[Path, Result], _: Path) -> None:
        source, result = made
        result.save(targets[source])

    summary = process_files(jobs, read, work, write, record=record, overwrite=overwrite, say=say)
    if record is not None:
        write_run(METHOD, out, settings, summary)
    return summary


def _results(target: Path, count: int) -> tuple[Path, tuple[Path, ...]]:
    first, *others = numbered(target, count)
    return first, tuple(others)
