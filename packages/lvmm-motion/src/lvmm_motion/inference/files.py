"""Many photos: an animation of each, and its motion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from visioncore.errors import InputError
from visioncore.files import atomic_path, expand_inputs, writable_folder
from visioncore.images import IMAGE_SUFFIXES, read_image
from visioncore.inference.batch import Summary, process_files, progress
from visioncore.inference.jobs import Job, check_one, check_results, named_file, place_inputs, plan_jobs
from visioncore.inference.record import open_record
from visioncore.inference.result import keep_source
from visioncore.video import VIDEO_SUFFIXES

from .driving import Driving
from .motions import write_motion
from .options import FPS, Drawing, Rendering
from .predictor import Predictor
from .result import Result
from .saving import SUFFIXES, check_output, saved_at

MOTION = ".npz"
_OTHER = {*VIDEO_SUFFIXES, *IMAGE_SUFFIXES}
"""Suffixes that no folder is meant by."""


def animate_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    suffix: str = ".mp4",
    codec: str = "",
    keep_motion: bool = True,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Animate many photos, each with a motion of its own.

    Results are named after their photos; inside a folder their place is kept. What was made of the same photo with the
    same weights and options, as ``made.jsonl`` beside the results says, is skipped. A photo that cannot be read is
    reported and the others still run. Under ``accelerate launch`` or ``torchrun`` the processes share the photos.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results; for one photo also a file, known by its suffix.
        options: further arguments of `Predictor.animate`.
        suffix: what is written: a video, an animated image, or for ``.png`` a folder of images.
        codec: of a video, see `visioncore.video.write_video`.
        keep_motion: write the motion beside it, as ``.npz``.
        overwrite: make results anew that are there already.
        say: told a line for each photo that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a photo failed.

    Raises:
        InputError: if an option is not what it should be, an input is missing or empty, a result would be written over
            an input, ``out`` cannot be written or is one file for several photos, or the container does not hold the
            codec.
    """
    options = dict(options or {})
    _check(predictor, Drawing(**options))

    def animate(source: Path, shown: bool) -> Result:
        with progress((options.get("steps") or predictor.steps) if shown else 0, "steps") as advance:
            return predictor.animate(source, **options, advance=advance)

    settings = predictor.recorded() | recorded(options)
    return _write_all(inputs, out, animate, settings, None, suffix, codec, keep_motion, overwrite, say)


def transfer_files(
    driving: str | Path,
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    options: Mapping[str, Any] | None = None,
    suffix: str = ".mp4",
    codec: str = "",
    keep_motion: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Let many photos move as things in a video do; the other arguments and results are those of `animate_files`.

    Args:
        driving: the video.
        inputs: photos: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results; for one photo also a file.
        options: further arguments of `Predictor.transfer`.
        suffix: what is written.
        codec: of a video.
        keep_motion: write the motion beside it; finding it takes its time once more.
        overwrite: make results anew that are there already.
        say: told a line for each photo that failed, and of results that are made anew.

    Raises:
        InputError: as `animate_files`; if the video cannot be read, or has fewer than two frames.
    """
    options = dict(options or {})
    _check(predictor, Rendering(**{name: value for name, value in options.items() if name not in ("mode", "fps")}))
    Driving(driving, FPS)

    def transfer(source: Path, shown: bool) -> Result:
        return predictor.transfer(driving, source, **options)

    settings = predictor.recorded() | recorded({"driving": Path(driving), **options})
    return _write_all(inputs, out, transfer, settings, Path(driving), suffix, codec, keep_motion, overwrite, say)


def _check(predictor: Predictor, how: Rendering) -> None:
    """Validate all that would fail for every photo.

    Raises:
        InputError: if a value is out of its range, the weights lack what it needs, or a file cannot be read.
    """
    predictor.check(how)
    if isinstance(how.mask, str | Path):
        read_image(how.mask)
    if isinstance(how, Drawing):
        how.given()


def recorded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for the record of a batch: files with how long they are and how old."""

    def told(value: Any) -> Any:
        path = Path(value) if isinstance(value, str | Path) and value else None
        if path is None or not path.is_file():
            return value
        stat = path.stat()
        return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]

    return {name: told(value) for name, value in options.items() if value is not None}


def _write_all(
    inputs: Sequence[str | Path],
    out: str | Path,
    make: Callable[[Path, bool], Result],
    settings: Mapping[str, Any],
    driving: Path | None,
    suffix: str,
    codec: str,
    keep_motion: bool,
    overwrite: bool,
    say: Callable[[str], None],
) -> Summary:
    out = Path(out)
    single = named_file(out, SUFFIXES)
    if single:
        places = place_inputs(inputs, out, lambda entry: expand_inputs([entry], IMAGE_SUFFIXES), "photo")
        planned = [Job(check_one(places, out, "photo"), out)]
        suffix = out.suffix
    elif out.suffix.lower() in _OTHER and not out.is_dir():
        raise InputError(f"{out}: cannot be written as {out.suffix!r}; use {', '.join(SUFFIXES)}, or name a folder")
    else:
        planned = plan_jobs(inputs, IMAGE_SUFFIXES, out, lambda _: suffix)
    check_output(Path(f"animation{suffix}"), codec)
    beside = [(job.target.with_suffix(MOTION),) if keep_motion else () for job in planned]
    jobs = [Job(job.source, saved_at(job.target), motion) for job, motion in zip(planned, beside, strict=True)]
    check_results([job.source for job in jobs], [path for job in jobs for path in job.results], "photo")
    for job in jobs:
        keep_source(job.target, driving, "driving video")
    targets = {job.source: (plan.target, job.beside) for plan, job in zip(planned, jobs, strict=True)}
    record = open_record(saved_at(out) if single else out, jobs, {**settings, "codec": codec, "motion": keep_motion})

    def work(source: Path) -> None:
        target, motions = targets[source]
        result, shown = make(source, len(jobs) == 1), len(jobs) == 1
        if not motions:
            result.save(target, codec=codec, notify=say, show_progress=shown)
            return
        writable_folder(target.parent)
        with atomic_path(motions[0]) as temporary:
            write_motion(temporary, result.motion)
            result.save(target, codec=codec, notify=say, show_progress=shown)

    # a photo is read, worked on and written frame by frame, all as its work
    return process_files(
        jobs,
        lambda source: source,
        work,
        lambda _, target: None,
        record=record,
        overwrite=overwrite,
        say=say,
    )
