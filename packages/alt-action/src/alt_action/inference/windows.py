"""Long videos: windows that slide over them, each looked at as a clip, in memory that does not grow with the video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.inference.result import BaseResult

from ..data.sampling import frame_numbers
from .figures import draw_timeline
from .frame_cache import TowerFrame
from .opened import GivenClip, OpenClip
from .predictor import Predictor
from .result import Result, save_report
from .seen import SeenFrame

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class WindowsResult(BaseResult):
    """The actions in the windows of a video.

    Attributes:
        windows: each a clip of its own, without pixels.
        starts: (W,) seconds at which they begin.
        ends: (W,) seconds at which they end.
        frames: the entities of all frames that were looked at, by time.
        source: the video.
        notice: what is to be known of the weights; empty for nothing.
    """

    windows: tuple[Result, ...]
    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    frames: tuple[SeenFrame, ...]
    source: Path | None = None
    notice: str = ""

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """The probabilities (W, C + B) of all labels in all windows."""
        return np.stack([window.probabilities for window in self.windows])

    def __str__(self) -> str:
        return f"{len(self.windows)} windows of {self.ends[0] - self.starts[0]:.3g} s, to {self.ends[-1]:.2f} s"

    @property
    def report(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        spans = zip(self.starts.tolist(), self.ends.tolist(), self.windows, strict=True)
        windows = [{"start": start, "end": end, **window.decision} for start, end, window in spans]
        return {"video": self.source, "windows": windows, "note": self.notice or None}

    def save(self, target: str | Path) -> Path:
        """Write the windows as JSON and return where they are; arguments and errors as of `Result.save`."""
        return save_report(self.report, target, self.source)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the likeliest actions over time.

        Args:
            path: a file that the figure is written to as well.
        """
        labels = (*self.windows[0].labels, *self.windows[0].background)
        return draw_timeline(labels, self.values, (self.starts + self.ends) / 2, path)


@torch.inference_mode()
def look_through(predictor: Predictor, given: GivenClip, seconds: float, stride: float) -> WindowsResult:
    """Return the actions in the windows of a video.

    Frames are taken at even times, as many in a window as the predictor's clips have, so that windows which overlap
    share them and each goes through the image tower once. The last window ends with the video; one that is shorter
    than a window is a single one.

    Args:
        predictor: does the work; its views do not count.
        given: a video whose frames have times.
        seconds: length of a window.
        stride: seconds from one window to the next, rounded to the times of frames.

    Raises:
        InputError: if a number is not above 0, a window is shorter than a frame, or the video cannot be read or its
            frames have no times.
    """
    if not (0 < seconds < np.inf and 0 < stride < np.inf):
        raise InputError(f"window is {seconds} and stride {stride}; both must be seconds, above 0")
    predictor.check_labels()
    predictor.tell_notice()
    clip = OpenClip(given, predictor.decoder)
    if np.isnan(clip.times).any():
        raise InputError(f"{clip.source or 'frames'}: its frames have no times, by which windows could slide")
    if seconds < 0.999 * (shown := _frame_time(clip.times)):
        raise InputError(f"{clip.source}: window is {seconds:g} s, but each frame is shown for {shown:.3g} s")
    step, count = seconds / predictor.frames, predictor.frames
    numbers = _numbers(clip.times, step, count)
    jump = max(1, round(stride / step))
    firsts = sorted({*range(0, len(numbers) - count + 1, jump), len(numbers) - count})
    ends = [min((first + count) * step, float(clip.times[-1]) + _frame_time(clip.times)) for first in firsts]
    windows: list[Result] = []
    seen: dict[int, SeenFrame] = {}
    stream = predictor.tower.stream(clip, sorted(set(numbers)))
    held: dict[tuple[int, int], TowerFrame] = {}
    for first in firsts:
        wanted = numbers[first : first + count]
        places = [(number, crop) for number in wanted for crop in range(predictor.crops)]
        while any(place not in held for place in places):
            place, frame = next(stream)
            held[place] = frame
        window = predictor.decide(clip, [wanted], held)
        seen |= {frame.number: frame for frame in window.frames}
        windows.append(replace(window, pixels=()))
        following = numbers[min(first + jump, len(numbers) - count)]
        held = {place: frame for place, frame in held.items() if place[0] >= following}
    return WindowsResult(
        tuple(windows),
        np.array([first * step for first in firsts]),
        np.array(ends),
        tuple(seen[number] for number in sorted(seen)),
        clip.source,
        predictor.notice,
    )


def _numbers(times: NDArray[np.float64], step: float, count: int) -> list[int]:
    """Return the frames that are shown at even times, in the middle of each step; at least as many as a window has."""
    length = float(times[-1]) + _frame_time(times)
    steps = int(length / step + 1e-6)
    if steps < count:
        return frame_numbers(len(times), count)
    shown = np.searchsorted(times, (np.arange(steps) + 0.5) * step, side="right") - 1
    return np.maximum(shown, 0).tolist()


def _frame_time(times: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0
