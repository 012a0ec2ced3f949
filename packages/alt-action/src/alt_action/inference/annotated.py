"""A video with its action written in it and the regions of its entities coloured."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visioncore.extras import require
from visioncore.inference.batch import progress
from visioncore.video import Frame, probe_video, read_frames, write_video

from ..data.clips import Pixels, view_crops
from .colours import draw_regions, entity_colours
from .result import Result
from .seen import SeenFrame, unit_place
from .windows import WindowsResult

_ENTITIES = 6
"""That are coloured."""


def annotate_video(
    result: Result | WindowsResult, target: str | Path, size: int, crops: int = 1, *, show_progress: bool = False
) -> None:
    """Write the video of a result with its action, and the regions of the entities in the frame that is nearest.

    One frame is held at a time. What was not looked at, outside of the crop, stays as it is.

    Args:
        result: of a video.
        target: the video to be written, with the sound of the first.
        size: side of the crops that were looked at.
        crops: how many of a frame there were.
        show_progress: show on a terminal how many frames are done.

    Raises:
        InputError: if the video cannot be read or written.
    """
    assert result.source is not None
    info = probe_video(result.source)
    frames = list(result.frames)
    numbers = [frame.number for frame in frames]
    windows = result.windows if isinstance(result, WindowsResult) else (result,)
    starts = result.starts.tolist() if isinstance(result, WindowsResult) else [0.0]
    units = frames[0].units
    largest = Counter[str]()
    for window in windows:
        largest.update(window.shares)
    colours = entity_colours([unit_place(units, name) for name, _ in largest.most_common(_ENTITIES)])

    def drawn() -> Iterator[Frame]:
        assert result.source is not None
        with progress(info.frames if show_progress else 0, "frames") as advance:
            for number, frame in zip(count(), read_frames(result.source), strict=False):
                near = frames[_nearest(numbers, number)]
                time = float(number / info.rate if frame.time is None else frame.time)
                window = windows[max(0, bisect_right(starts, time) - 1)]
                height, width = frame.pixels.shape[:2]
                crop = view_crops(height, width, size, crops)[crops // 2]
                pixels = draw_regions(frame.pixels, near.patches, colours, crop)
                shades = [colours.get(unit_place(units, name)) for name in near.shares]
                _write_lines(pixels, _lines(window, near), shades)
                advance()
                yield Frame(pixels, frame.time)

    write_video(target, drawn(), info.rate, audio_from=result.source)


def _nearest(numbers: Sequence[int], number: int) -> int:
    """Return the place of the number that is nearest, of equal ones the first."""
    return int(np.argmin(np.abs(np.asarray(numbers) - number)))


def _lines(window: Result, frame: SeenFrame) -> list[str]:
    label = f"{window.verdict}  {100 * window.probabilities.max():.0f} %"
    return [label, *(f"{unit}  {100 * share:.0f} %" for unit, share in list(frame.shares.items())[:3])]


def _write_lines(pixels: Pixels, lines: Sequence[str], colours: Sequence[NDArray[np.uint8] | None]) -> None:
    """Write lines into a frame, in place: the first in white, the others in the colours of their entities."""
    require("PIL", "images")
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels)
    size = max(9, round(min(pixels.shape[:2]) / 18))
    font, draw = ImageFont.load_default(size), ImageDraw.Draw(image)
    shades = [(255, 255, 255), *((220, 220, 220) if c is None else tuple(map(int, c)) for c in colours)]
    for place, (line, shade) in enumerate(zip(lines, shades, strict=False)):
        draw.text(
            (size // 2, size // 2 + place * round(1.3 * size)),
            line,
            fill=shade,
            font=font,
            stroke_width=1,
            stroke_fill=(0, 0, 0),
        )
    pixels[:] = np.asarray(image)
