"""Scanpaths that run over an image in their own time, as an animated GIF or a video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.extras import require
from visioncore.files import atomic_path

from ..network.scanpaths import Floats
from .drawing import Panels, colours_of, radius_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

ANIMATIONS = (".gif", ".mp4")
"""Suffixes of animations."""
RATE = Fraction(25, 2)
"""Frames per second: of a GIF every 80 ms."""

_SMALLEST, _LARGEST = 320, 640
"""Pixels of a panel's longer side."""
_TITLE, _GAP = 20, 8
_HOLD = 1.0
"""Seconds for which the whole scanpaths stand at the end."""


def check_animation(suffix: str) -> None:
    """Validate that animations of a suffix can be written here.

    Raises:
        InputError: if it is none of `ANIMATIONS`, or PyAV is missing for a video.
    """
    if suffix not in ANIMATIONS:
        raise InputError(f"animation is {suffix!r}; it must be one of {', '.join(ANIMATIONS)}")
    if suffix == ".mp4":
        require("av", "video")


def write_animation(path: str | Path, pixels: NDArray[np.uint8], panels: Panels) -> Path:
    """Write scanpaths that run over an image, panels side by side, whole or not at all, and return where.

    Each fixation grows for as long as it lasts; scanpaths begin together, and what was looked at stays.

    Args:
        path: ``.gif`` or ``.mp4``; a video needs PyAV.
        pixels: the image (H, W, 3) of 8 bit.
        panels: what runs.

    Raises:
        InputError: if the suffix is another, PyAV is missing or the file cannot be written.
    """
    path = Path(path)
    check_animation(path.suffix)
    frames = draw_frames(pixels, panels)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mp4":
        from visioncore.video import Frame, write_video

        write_video(path, (Frame(np.asarray(frame)) for frame in frames), RATE)
        return path
    first, *others = frames
    with atomic_path(path) as temporary:
        first.save(temporary, "GIF", save_all=True, append_images=others, duration=int(1000 / RATE), loop=0)
    return path


def draw_frames(pixels: NDArray[np.uint8], panels: Panels) -> Iterator[Image]:
    """Yield the frames at `RATE`, RGB images of Pillow; arguments as for `write_animation`."""
    from PIL import Image, ImageDraw

    height, width = pixels.shape[:2]
    scale = np.clip(max(height, width), _SMALLEST, _LARGEST) / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    still = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    stage = Image.new("RGB", (len(panels) * (size[0] + _GAP) - _GAP, size[1] + _TITLE), "white")
    colours = colours_of(panels)
    for place, title in enumerate(panels):
        stage.paste(still, (place * (size[0] + _GAP), _TITLE))
        ImageDraw.Draw(stage).text((place * (size[0] + _GAP) + 4, 3), title, fill="black")
    lasts = max((path[:, 2].sum() for scanpaths in panels.values() for path in scanpaths.values()), default=0.0)
    for number in range(int((lasts + _HOLD) * RATE) + 1):
        frame = stage.copy()
        for place, scanpaths in enumerate(panels.values()):
            part = Image.new("RGB", size)
            part.paste(still)
            canvas = ImageDraw.Draw(part, "RGBA")
            for name, path in scanpaths.items():
                _draw_until(canvas, path * [scale, scale, 1.0], float(number / RATE), colours[name], max(size))
            frame.paste(part, (place * (size[0] + _GAP), _TITLE))
        yield frame


def _draw_until(canvas: ImageDraw, path: Floats, time: float, colour: str, side: int) -> None:
    """Draw what of a scanpath (n, 3) in pixels and seconds was looked at up to a time in seconds."""
    ends = np.cumsum(path[:, 2])
    begun = path[ends - path[:, 2] <= time]
    points: list[Any] = [(float(x), float(y)) for x, y, _ in begun]
    if len(points) > 1:
        canvas.line(points, fill=colour, width=2)
    for number, ((x, y), seconds, end) in enumerate(zip(points, begun[:, 2], ends, strict=False), start=1):
        running = time < end
        radius = radius_of(seconds - (end - time) if running else seconds, side)
        box = (x - radius, y - radius, x + radius, y + radius)
        canvas.ellipse(box, fill=f"{colour}{'e0' if running else '70'}", outline="white")
        canvas.text((x, y), str(number), fill="white", anchor="mm")
