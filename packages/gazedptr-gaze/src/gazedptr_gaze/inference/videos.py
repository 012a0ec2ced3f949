"""Videos and live cameras: frames in, records out, and the frames with their gazes drawn."""

from __future__ import annotations

import itertools
import time as clock
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from visioncore.errors import InputError, one_line
from visioncore.inference.batch import FAULTS, progress
from visioncore.video import Frame, probe_video, read_frames, write_video

from .plots import plot_gaze
from .predictor import Predictor
from .records import FrameGaze, write_records
from .result import GazeResult
from .tracking import Tracker

__all__ = ["Watch", "predict_live", "predict_video"]

VIDEO, PLOT = "_gaze.mp4", "_plot.png"
"""How the names of results beside the records end."""
CAPTURE: Callable[[int], Any] = cv2.VideoCapture


@dataclass
class Watch:
    """The gazes of the frames of one video.

    Args:
        predictor: does the work.
        name: of the video in the records.
        source: its file, if there is one.
        rate: frames per second, for frames that have no time.
        stride: every how many frames the network runs; those between are shown with the gaze before.
        smoothing: in seconds, see `Tracker`.
        together: frames whose faces go through the network at once.

    Attributes:
        records: what was seen so far.
        broken: why the frames ended too early; empty if they did not.

    Raises:
        InputError: if stride is below 1, or as `Tracker`.
    """

    predictor: Predictor
    name: str
    source: Path | None = None
    rate: Fraction = Fraction(25)
    stride: int = 1
    smoothing: float = 0.0
    together: int = 1
    records: list[FrameGaze] = field(default_factory=list)
    broken: str = ""

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise InputError(f"stride is {self.stride}; it must be at least 1")
        self._follow = Tracker(self.smoothing, self.predictor.all_faces)

    def __call__(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, GazeResult]]:
        """Yield each frame and the newest result for it, whose image it is; frames that break off end the video."""
        numbered = enumerate(self._until_broken(frames))
        while group := list(itertools.islice(numbered, self.stride * self.together)):
            looked = [(number, frame) for number, frame in group if number % self.stride == 0]
            results = self.predictor.frames(
                [frame.pixels for _, frame in looked], self.source, [number for number, _ in looked]
            )
            found = iter(results)
            for number, frame in group:
                if number % self.stride == 0:
                    time = float(number / self.rate if frame.time is None else frame.time)
                    newest = self.predictor.personal(self._follow(next(found), time))
                    self.records += newest.records(number, time, self.name)
                yield frame, replace(newest, image=frame.pixels)

    def _until_broken(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        try:
            yield from frames
        except FAULTS as error:
            self.broken = one_line(error)


def predict_video(
    source: str | Path,
    predictor: Predictor,
    target: str | Path,
    *,
    stride: int = 1,
    smoothing: float = 0.0,
    annotate: bool = True,
    show_progress: bool = False,
) -> list[FrameGaze]:
    """Write the records of a video, a plot of them, and the video with its gazes drawn.

    Args:
        source: the video.
        predictor: does the work.
        target: the ``.csv`` or ``.jsonl`` file; beside it are written ``<name>_plot.png`` and ``<name>_gaze.mp4``.
        stride: every how many frames the network runs.
        smoothing: in seconds, see `Tracker`; 0 for none.
        annotate: write the video too.
        show_progress: show on a terminal how many frames are done.

    Raises:
        InputError: if the video cannot be read or written. If it breaks off, what was seen before is written all the
            same, and the text says so.
    """
    source, target = Path(source), Path(target)
    info = probe_video(source)
    watch = Watch(predictor, source.name, source, info.rate, stride, smoothing, predictor.batch)

    def drawn() -> Iterator[Frame]:
        with progress(info.frames if show_progress else 0, "frames") as advance:
            for frame, result in watch(read_frames(source)):
                advance()
                yield Frame(result.drawn(), frame.time) if annotate else frame

    if annotate:
        write_video(beside(target, VIDEO), drawn(), info.rate, audio_from=source)
    else:
        for _ in drawn():
            pass
    _write(target, watch.records)
    if watch.broken:
        raise InputError(f"{watch.broken}; {len(watch.records)} records of what came before are in {target}")
    return watch.records


def predict_live(
    index: int,
    predictor: Predictor,
    out: str | Path,
    *,
    frames: int = 0,
    stride: int = 1,
    smoothing: float = 0.0,
    capture: Callable[[int], Any] | None = None,
) -> Path:
    """Show where the faces before a camera look, until q is pressed, and write the records.

    Args:
        index: of the camera, as OpenCV counts.
        predictor: does the work.
        out: folder for ``camera<index>.csv`` and a plot.
        frames: stop after so many; 0 for no end.
        stride: every how many frames the network runs.
        smoothing: in seconds, see `Tracker`; 0 for none.
        capture: opens the camera: ``read()`` returns whether there was a frame, and the frame (H, W, 3) in BGR; by
            default OpenCV does.

    Returns:
        Where the records are.

    Raises:
        InputError: if the camera gives no frame, or the results cannot be written.
    """
    target = Path(out) / f"camera{index}.csv"
    camera = (capture or CAPTURE)(index)
    watch = Watch(predictor, target.stem, stride=stride, smoothing=smoothing)
    start = clock.monotonic()

    def seen() -> Iterator[Frame]:
        while True:
            there, image = camera.read()
            if not there:
                return
            yield Frame(np.ascontiguousarray(image[..., ::-1]), Fraction(clock.monotonic() - start))

    try:
        # what was seen is written also if Ctrl-C ends it
        with suppress(KeyboardInterrupt):
            for _, result in watch(itertools.islice(seen(), frames or None)):
                if _shown(result, target.stem):
                    break
    finally:
        camera.release()
    if not watch.records:
        raise InputError(f"camera {index}: it gives no frame; is it connected, and free?")
    _write(target, watch.records)
    return target


def _shown(result: GazeResult, title: str) -> bool:
    """Show a result in a window, where OpenCV has windows, and return whether q was pressed there."""
    try:
        cv2.imshow(title, result.drawn()[..., ::-1])
        return cv2.waitKey(1) & 0xFF == ord("q")
    except cv2.error:
        return False


def _write(target: Path, records: list[FrameGaze]) -> None:
    plot_gaze(records, beside(target, PLOT))
    write_records(target, records)


def beside(target: Path, ending: str) -> Path:
    """Return the path beside the file of records with another ending."""
    return target.with_name(target.stem + ending)
