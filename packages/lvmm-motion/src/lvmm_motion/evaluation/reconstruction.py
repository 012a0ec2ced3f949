"""Clips reconstructed from their first frames, as videos, with a figure of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.inference.batch import Summary, process_files
from visioncore.inference.jobs import Job, check_results
from visioncore.inference.record import open_record
from visioncore.report import figure_grid

from ..data.clips import Clip, Pixels
from ..data.preparation import prepared
from ..data.sampling import middle
from ..inference.drawing import flow_image, time_slice
from ..inference.motions import Motions
from ..inference.predictor import Predictor
from ..inference.result import Result
from ..network.grids import identity_grid
from .known_motion import flow_of
from .results import place_of
from .settings import Settings

FIGURE = "-figure.png"
"""End of the name of a figure."""
IMAGES = ".png"
"""Format of a folder of images."""


class Reconstructed(NamedTuple):
    """A clip, and what was made of its first frame."""

    clip: Clip
    result: Result


def reconstruct_clips(
    clips: Sequence[Clip],
    predictor: Predictor,
    out: str | Path,
    *,
    settings: Settings,
    suffix: str = ".mp4",
    figure: bool = True,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Summary:
    """Reconstruct clips from their first frames, with the motion found in them.

    Each becomes a video of its name in ``out``, its place in folders kept. What was made of the same clip with the same
    weights and options, as ``made.jsonl`` beside the results says, is skipped. A clip that cannot be read is reported
    and the others still run.

    Args:
        clips: of a data set.
        predictor: does the work.
        out: folder for the results.
        settings: which frames they are and how they are prepared, as `evaluate` measures them.
        suffix: format of the videos, of those that `Result.save` writes.
        figure: draw flow and slices through time of each clip as well, into ``<name>-figure.png``.
        overwrite: make results anew that are there already.
        say: told a line for each clip that failed, and of results that are made anew.

    Raises:
        InputError: if a clip is made up, a result would be written over another one, or ``out`` cannot be written.
    """
    by_source = {_source(clip): clip for clip in clips}
    jobs = [_job(clip, Path(out), suffix, figure) for clip in by_source.values()]
    figures = {job.target: job.beside for job in jobs}
    check_results(by_source, [path for job in jobs for path in job.results], "clip")
    chosen = {name: getattr(settings, name) for name in ("frames", "stride", "size")}
    record = open_record(out, jobs, predictor.recorded() | chosen)

    def read(source: Path) -> Clip:
        clip = by_source[source]
        return prepared(clip, middle(clip, settings.frames, settings.stride), settings.size)

    def work(clip: Clip) -> Reconstructed:
        return Reconstructed(clip, predictor.reconstruct(clip))

    def write(made: Reconstructed, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        watched = _Watched(len(made.result) // 2)
        watching = replace(made.result, render=lambda motion: watched.watch(made.result.render(motion)))
        watching.save(target if target.suffix == suffix else f"{target}{suffix}", notify=say)
        for path in figures[target]:
            _draw(made, watched, path)

    return process_files(jobs, read, work, write, record=record, overwrite=overwrite, say=say)


def _source(clip: Clip) -> Path:
    if clip.source.path is None:
        raise InputError(f"{clip.name}: is made up, and not read from a file")
    return clip.source.path


def _job(clip: Clip, out: Path, suffix: str, figure: bool) -> Job:
    place = out / place_of(clip)
    # of images, which are saved as .png, the result is their folder
    target = place if suffix == IMAGES else place.with_name(place.name + suffix)
    return Job(_source(clip), target, (place.with_name(place.name + FIGURE),) if figure else ())


class _Watched:
    """Frames that pass by: their middle rows, and one of them whole."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows: list[Pixels] = []
        self.frame: Pixels | None = None

    def watch(self, frames: Iterator[Pixels]) -> Iterator[Pixels]:
        self.rows.clear()
        for number, frame in enumerate(frames):
            self.rows.append(time_slice(frame[None])[0])
            if number == self.number:
                self.frame = frame
            yield frame


def _draw(made: Reconstructed, watched: _Watched, path: Path) -> None:
    real = _Watched(watched.number)
    for _ in real.watch(made.clip.read(range(made.clip.length))):
        pass
    assert real.frame is not None
    assert watched.frame is not None
    number = watched.number
    panels = [
        ("frame 0", made.clip.frames([0])[0]),
        (f"frame {number}", real.frame),
        (f"frame {number}, reconstructed", watched.frame),
        (f"frame {number}, where it comes from", flow_image(_offsets(made.result.motion, number))),
        ("middle row over time", np.stack(real.rows)),
        ("the same, reconstructed", np.stack(watched.rows)),
    ]
    figure_grid(panels, path, columns=3)


def _offsets(motion: Motions, number: int) -> NDArray[np.floating]:
    """Return how far from where it is each pixel of a frame comes from, (h, w, 2)."""
    (flow,) = flow_of(motion.only([number]))
    return (flow - identity_grid(flow.shape[0], flow.shape[1], like=flow)).numpy()
