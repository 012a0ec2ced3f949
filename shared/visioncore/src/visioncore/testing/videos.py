"""Video files that tests read."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..video import Frame, write_video

TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
"""As cameras store them: where the right and down axes of the stored frame go on the display."""


def level(number: int) -> int:
    """Grey of frame ``number`` of `film`, by which it is known again."""
    return 20 + 3 * number


def number_of(frame: NDArray[np.uint8]) -> int:
    """The number of a frame of `film`."""
    return round((float(frame[8:24, 8:24].mean()) - 20) / 3)


def film(path: Path, count: int = 12, width: int = 64, height: int = 48, times: Sequence[float] | None = None) -> Path:
    """Grey frames, each lighter than the one before, with a white left edge; at 25 frames a second, or at ``times``."""
    frames = []
    for number in range(count):
        pixels = np.full((height, width, 3), level(number), np.uint8)
        pixels[:, : width // 8] = 255
        frames.append(Frame(pixels, None if times is None else Fraction(times[number]).limit_denominator(1000)))
    write_video(path, frames, Fraction(25))
    return path


def rotated(path: Path, angle: int = 90) -> Path:
    """The same MP4, which now says that it is to be turned clockwise by 90, 180 or 270 degrees."""
    content = bytearray(path.read_bytes())
    a, b, c, d = (65536 * entry for entry in TURNS[angle])
    matrix = content.find(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def trimmed(path: Path, first: int) -> Path:
    """The same film, of which an edit list hides the frames before ``first``."""
    short = path.with_stem(f"{path.stem}-cut")
    with av.open(str(path)) as old, av.open(str(short), "w", options={"use_editlist": "1"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets: Any = [packet for packet in old.demux(video=0) if packet.dts is not None]
        begin = sorted(packet.pts for packet in packets)[first]
        for packet in packets:
            packet.pts, packet.dts, packet.stream = packet.pts - begin, packet.dts - begin, stream
            new.mux(packet)
    return short


def gif(path: Path, milliseconds: Sequence[int]) -> Path:
    """An animated GIF whose frames are shown for so long each."""
    from PIL import Image

    frames = [Image.new("RGB", (32, 32), (level(n),) * 3) for n in range(len(milliseconds))]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(milliseconds), loop=0)
    return path
