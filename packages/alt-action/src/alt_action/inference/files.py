"""Many videos: a file of actions for each, with figures, annotated videos and regions; and one file of vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.files import atomic_path, expand_inputs, writable_folder
from visioncore.inference.batch import FAULTS, Summary, process_files, progress, told
from visioncore.inference.jobs import Job, check_one, check_results, named_file, place_inputs, plan_jobs
from visioncore.inference.record import open_record
from visioncore.video import VIDEO_SUFFIXES

from .annotated import annotate_video
from .predictor import Predictor
from .result import Result
from .windows import WindowsResult, look_through

RESULT, FIGURE, ANNOTATED, REGIONS = ".json", ".png", "_action.mp4", "_regions.npz"
"""How the names of results end."""


@dataclass(frozen=True)
class Wanted:
    """The files that are written for a video besides its actions.

    Attributes:
        figure: the labels, a few frames and the entities, or the actions over time.
        annotate: the video, with its action and the regions of its entities.
        regions: the maps of entities and regions as NumPy arrays; of whole clips only.
        window: seconds of the windows that slide over a video; 0 takes it as one clip.
        stride: seconds from one window to the next; 0 for half a window.

    Raises:
        InputError: if they do not go together.
    """

    figure: bool = True
    annotate: bool = False
    regions: bool = False
    window: float = 0.0
    stride: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.window < np.inf and 0 <= self.stride < np.inf):
            raise InputError(f"window is {self.window} and stride {self.stride}; both must be seconds, at least 0")
        if self.stride and not self.window:
            raise InputError(f"stride is {self.stride}, which is for windows; give window too")
        if self.regions and self.window:
            raise InputError("regions are written of whole clips, not of windows")

    def beside(self, target: Path) -> tuple[Path, ...]:
        """Return the files beside that of the actions."""
        endings = ((FIGURE, self.figure), (ANNOTATED, self.annotate), (REGIONS, self.regions))
        return tuple(target.with_name(target.stem + ending) for ending, wanted in endings if wanted)


def predict_files(
    inputs: Sequence[str | Path],
    predictor: Predictor,
    out: str | Path,
    *,
    wanted: Wanted | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Recognise the actions in many videos.

    For each there is ``<name>.json`` and what else is wanted; inside a folder their place is kept. What was made of the
    same video with the same weights and options, as ``made.jsonl`` beside the results says, is skipped. A video that
    cannot be read is reported and the others still run. Under ``accelerate launch`` or ``torchrun`` the processes share
    the videos.

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: folder for the results; for one video also a ``.json`` file.
        wanted: what is written besides; default: a figure.
        overwrite: make results anew that are there already.
        say: told a line for each video that failed, and of results that are made anew.

    Returns:
        What was done, skipped and failed; its ``exit_code`` is 1 if a video failed.

    Raises:
        InputError: if an input is missing or empty, a result would be written over an input, ``out`` cannot be
            written or is one file for several videos, or windows are wanted of several views.
    """
    wanted = wanted or Wanted()
    if wanted.window and predictor.views > 1:
        raise InputError(f"views is {predictor.views}, which is for whole clips; windows have one each")
    predictor.check_labels()
    if named_file(out, (RESULT,)):
        places = place_inputs(inputs, Path(out), lambda entry: expand_inputs([entry], VIDEO_SUFFIXES), "video")
        jobs = [Job(check_one(places, Path(out), "video"), Path(out))]
    else:
        jobs = plan_jobs(inputs, VIDEO_SUFFIXES, out, lambda _: RESULT)
    jobs = [Job(job.source, job.target, wanted.beside(job.target)) for job in jobs]
    check_results([job.source for job in jobs], [path for job in jobs for path in job.results], "video")
    record = open_record(out, jobs, predictor.recorded() | {"window": wanted.window, "stride": wanted.stride})

    def work(source: Path) -> Result | WindowsResult:
        if wanted.window:
            return look_through(predictor, source, wanted.window, wanted.stride or wanted.window / 2)
        return predictor(source)

    def write(result: Result | WindowsResult, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if wanted.figure:
            result.plot(target.with_name(target.stem + FIGURE))
        if wanted.annotate:
            size = predictor.config.tower.image_size
            annotate_video(result, target.with_name(target.stem + ANNOTATED), size, predictor.crops)
        if wanted.regions and isinstance(result, Result):
            result.save_regions(target.with_name(target.stem + REGIONS))
        result.save(target)

    return process_files(jobs, lambda source: source, work, write, record=record, overwrite=overwrite, say=say)


def write_features(
    inputs: Sequence[str | Path], predictor: Predictor, out: str | Path, *, say: Callable[[str], None] = print
) -> Summary:
    """Write the vectors of many videos to an npz file, for retrieval: the cosine of two says how alike they are.

    It has ``videos`` (N,), their names, ``vectors`` (N, D) of length 1, ``labels`` (C,) and ``label_vectors`` (C, D).

    Args:
        inputs: files, folders, glob patterns.
        predictor: does the work.
        out: the ``.npz`` file.
        say: told a line for each video that failed.

    Raises:
        InputError: if an input is missing or empty, every video failed, or the file cannot be written.
    """
    out, summary = Path(out), Summary()
    if out.suffix != ".npz":
        raise InputError(f"{out}: vectors are written as .npz")
    writable_folder(out.parent)
    paths = expand_inputs(inputs, VIDEO_SUFFIXES)
    vectors: list[NDArray[np.float32]] = []
    with progress(len(paths), "videos") as advance:
        for path in paths:
            try:
                vectors.append(predictor.features(path))
                summary.done.append(path)
            except FAULTS as error:
                summary.failed[path] = told(error, [path])
                say(f"failed: {summary.failed[path]}")
            advance()
    if not vectors:
        raise InputError(f"{out}: none of {len(paths)} videos could be read")
    with atomic_path(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            videos=np.array([str(path) for path in summary.done]),
            vectors=np.stack(vectors),
            labels=np.array(predictor.labels.names),
            label_vectors=predictor.labels.vectors[: len(predictor.labels.names)].float().cpu().numpy(),
        )
    return summary
