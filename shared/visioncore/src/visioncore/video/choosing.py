"""Chosen frames of a video: the same as if all of it were read, and most of it is not decoded."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage, one_line
from .reading import Frame, beginning, check_end, decoded, frame_step, open_video, rgb

_SEEKABLE = ("mov", "matroska")
"""Containers in which every packet has the time at which it is shown, and seeking finds a packet by it."""
_FRAME_A_PACKET = ("h264", "hevc", "vp9", "av1")
"""Codecs of which a packet of these containers is one frame that is shown."""

_NOTHING = Frame(np.empty((0, 0, 3), np.uint8))


@dataclass(frozen=True, eq=False)
class FrameIndex:
    """The frames of a video, in the order they are shown.

    Attributes:
        path: of the video.
        times: (N,) seconds from which each is shown, as of `Frame`; NaN where that is not known.
        ticks: (N,) the same as the file has it; None if it cannot be sought in, so that it is read from its beginning.
        keys: (K,) ticks of the frames from which decoding can begin, in ascending order.
    """

    path: Path
    times: NDArray[np.float64]
    ticks: NDArray[np.int64] | None
    keys: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times)


def index_frames(path: str | Path) -> FrameIndex:
    """Return the frames of the video at ``path``, as many as `read_frames` yields.

    MP4, MOV, Matroska and WebM with H.264, HEVC, VP9 or AV1 are read without being decoded; anything else is decoded
    once, for what its header says of the number of frames may be wrong.

    Raises:
        InputError: if the file is missing, is no video or ends too early, and, of one that is decoded, if a frame is
            damaged.
    """
    path = Path(path)
    with open_video(path) as (container, stream):
        if (index := _from_packets(path, container, stream)) is not None:
            return index
    with open_video(path) as (container, stream):
        times = [np.nan if time is None else float(time) for _, time in decoded(path, container, stream)]
    return FrameIndex(path, np.array(times), None, np.empty(0, np.int64))


def _from_packets(path: Path, container: Any, stream: Any) -> FrameIndex | None:
    """Return the index of a video whose packets tell all of its frames, else None."""
    if container.format.name.split(",")[0] not in _SEEKABLE or stream.codec_context.name not in _FRAME_A_PACKET:
        return None
    shown: list[int] = []
    keys: list[int] = []
    last = 0
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None:
                return None
            if packet.is_keyframe:
                keys.append(packet.pts)
            # what an edit list cuts away is decoded, but not shown
            if not packet.is_discard:
                shown.append(packet.pts)
                last = max(last, packet.pts + (packet.duration or 0))
    except Exception as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise InputError(f"{path}: truncated or damaged ({reason})") from error
    ticks = np.unique(np.array(shown, np.int64))
    if not len(ticks) or len(ticks) < len(shown) or not keys or min(keys) > ticks[0]:
        return None
    start = beginning(container)
    end = max(last * stream.time_base, int(ticks[-1]) * stream.time_base + frame_step(stream)) - start
    check_end(path, container, stream, end)
    times = np.maximum(ticks * float(stream.time_base) - float(start), 0)
    return FrameIndex(path, times, ticks, np.unique(np.array(keys, np.int64)))


def read_chosen_frames(index: FrameIndex, numbers: Iterable[int]) -> Iterator[Frame]:
    """Yield chosen frames of a video: pixels and times are those that `read_frames` yields at these places.

    Where that is quicker, frames in between are passed over, so that damage among them is not noticed.

    Args:
        index: of the video.
        numbers: of the frames, from 0, in ascending order; one may be there several times.

    Raises:
        InputError: as `read_frames`, if a chosen frame is damaged, or the file is another than the one of the index.
        ValueError: if a number is not one of the video's, or lower than the one before.
    """
    reader = _sequential(index) if index.ticks is None else _sought(index)
    with closing(reader) as frames:
        next(frames)
        before, frame = -1, None
        for number in numbers:
            if not max(before, 0) <= number < len(index):
                raise ValueError(f"frame {number} after {before}; numbers must ascend from 0 to {len(index) - 1}")
            if frame is None or number > before:
                frame = frames.send(number)
            yield frame
            before = number


Reader = Generator[Frame, int, None]
"""Is sent a number and yields its frame, again and again; what it yields first is nothing."""


def _sequential(index: FrameIndex) -> Reader:
    with open_video(index.path) as (container, stream):
        wanted: int = yield _NOTHING
        for number, (frame, time) in enumerate(decoded(index.path, container, stream)):
            if number == wanted:
                wanted = yield _converted(index.path, frame, time)
    raise InputError(f"{index.path}: has {number + 1} frames where {len(index)} were counted; it was changed meanwhile")


def _sought(index: FrameIndex) -> Reader:
    assert index.ticks is not None
    with open_video(index.path) as (container, stream):
        start, base = beginning(container), stream.time_base
        _introduce(container, stream)
        number: int = yield _NOTHING
        following, frames = 0, None
        while True:
            wanted = int(index.ticks[number])
            key = int(np.searchsorted(index.keys, wanted, side="right")) - 1
            if frames is None or index.keys[key] > index.ticks[following]:
                frames = _from_key(index, container, stream, key)
            time = max(wanted * base - start, Fraction(0))
            frame = _decode_until(wanted, frames, f"{index.path}: truncated or damaged at {float(time):.2f} s")
            following = number + 1
            number = yield _converted(index.path, frame, time)


def _introduce(container: Any, stream: Any) -> None:
    """Let the decoder see the first packet, which may tell what holds for all others.

    Of H.264 that is the build of x264: 4:4:4 by old ones differs from the standard, and is decoded wrongly by those who
    do not know.
    """
    # damage in it shows when a frame of it is asked for
    with contextlib.suppress(Exception):
        next(container.demux(stream)).decode()


def _from_key(index: FrameIndex, container: Any, stream: Any, key: int) -> Iterator[Any]:
    """Return the frames from a key on; from an earlier one if seeking does not hit it."""
    for ticks in index.keys[key::-1].tolist():
        container.seek(ticks, stream=stream)
        packets = container.demux(stream)
        first = next(packets)
        if first.size and first.is_keyframe and first.pts <= ticks:
            break
    return itertools.chain.from_iterable(packet.decode() for packet in itertools.chain([first], packets))


def _decode_until(wanted: int, frames: Iterator[Any], told: str) -> Any:
    """Return the frame that is shown at these ticks.

    Raises:
        InputError: beginning with ``told``, if it does not come out of the decoder whole.
    """
    try:
        for frame in frames:
            if frame.pts == wanted and not frame.is_corrupt:
                return frame
            if frame.pts is not None and frame.pts >= wanted:
                break
    except Exception as error:
        raise InputError(f"{told} ({one_line(getattr(error, 'strerror', None) or error)})") from error
    raise InputError(f"{told} (its frame cannot be decoded)")


def _converted(path: Path, frame: Any, time: Fraction | None) -> Frame:
    with damage(path, "a frame is damaged"):
        pixels = rgb(frame)
    return Frame(pixels, time)
