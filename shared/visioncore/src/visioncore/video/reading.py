"""Videos read: upright RGB frames with their times."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, damage, one_line
from ..extras import require
from ..files import first_bytes
from ..size_limit import check_pixels
from .containers import HEAD, missing_bytes, recognise

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
    *(".mts", ".m2ts", ".ts", ".mpg", ".mpeg"),
)
"""Suffixes of videos inside a folder."""

ACCURATE = 0x4 | 0x2000 | 0x40000
"""swscale's bicubic, full chroma and accurate rounding; its default darkens every colour by about one of 255."""
_UNSPECIFIED = 2
_HD_ROWS = 720
# a video that ends this much before its announced end has lost something
_MISSING_SECONDS = 2
# frames, from one to the next, that are no more a matter of rounding
_GAP = Fraction(5, 2)
# of all steps that may be irregular in a video of constant rate
_IRREGULAR = 0.05


class Frame(NamedTuple):
    """A frame of a video: ``pixels`` (H, W, 3) uint8 RGB, shown from ``time`` seconds on (None: not known)."""

    pixels: NDArray[np.uint8]
    time: Fraction | None = None


@dataclass(frozen=True)
class VideoInfo:
    """The metadata of a video.

    Attributes:
        width: columns of the upright image.
        height: rows of the upright image.
        frames: number of frames, or None where the file does not say.
        rate: average number of frames per second.
        duration: seconds, or None where the file does not say.
        pixel_aspect: width of a pixel of the upright image over its height.
    """

    width: int
    height: int
    frames: int | None
    rate: Fraction
    duration: Fraction | None
    pixel_aspect: Fraction = Fraction(1)


def probe_video(path: str | Path) -> VideoInfo:
    """Return the metadata of the video at ``path``; one frame of it is decoded.

    Raises:
        InputError: as ``read_frames``.
    """
    path = Path(path)
    with open_video(path) as (container, stream):
        first, _ = next(decoded(path, container, stream))
        duration = _announced_duration(container, stream)
        if duration is None and container.duration:
            duration = Fraction(container.duration, 1_000_000)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        aspect = _pixel_aspect(stream)
        width, height = first.width, first.height
        if _turns(first) % 2:
            width, height, aspect = height, width, 1 / aspect
        return VideoInfo(width, height, stream.frames or None, Fraction(rate), duration, aspect)


def read_frames(path: str | Path) -> Iterator[Frame]:
    """Yield the frames of the first video stream in the order they are shown, rotated upright.

    10-bit and HDR video is reduced to 8 bit without tone mapping. Untagged video counts as BT.709 from 720 rows on,
    as BT.601 below. The first time is 0 unless another stream of the file begins earlier.

    Raises:
        InputError: if the file is missing, is no video, has no video stream or no frame in it; and, on reaching the
            place, if a frame is damaged or the video ends more than two seconds early. Also if PyAV is not
            installed.
    """
    path = Path(path)
    with open_video(path) as (container, stream):
        for frame, time in decoded(path, container, stream):
            with damage(path, "a frame is damaged"):
                pixels = rgb(frame)
            yield Frame(pixels, time)


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """Open a video, or a file of sound alone, as PyAV's container.

    Raises:
        InputError: if it cannot be read, or PyAV is not installed.
    """
    av = require("av", "video")
    told = f"{path}: cannot be read as a video"
    # only the reader of this container: among others are lists that make FFmpeg open further files
    kind = None if path.is_dir() else recognise(first_bytes(path, HEAD))
    if kind is None:
        raise InputError(f"{told}; {', '.join(VIDEO_SUFFIXES)} files can")
    with _named(path) as name:
        try:
            container = av.open(
                name,
                format=kind,
                options={"format_whitelist": kind, "protocol_whitelist": "file"},
                metadata_errors="replace",
            )
        except Exception as error:
            reason = one_line(getattr(error, "strerror", None) or error)
            raise InputError(f"{told} ({reason}); {', '.join(VIDEO_SUFFIXES)} files can") from error
        with container:
            yield container


@contextmanager
def _named(path: Path) -> Iterator[str | BinaryIO]:
    """Yield a path as PyAV takes it: its name, or, if that is no UTF-8, the open file."""
    # absolute, so that no name is taken for the address of a network stream
    name = str(path.absolute())
    try:
        name.encode()
    except UnicodeEncodeError:
        with path.open("rb") as file:
            yield file
    else:
        yield name


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open ``path`` and yield its container and its first video stream.

    Raises:
        InputError: if it cannot be read, or has no video stream.
    """
    av = require("av", "video")
    with open_container(path) as container:
        cover = av.stream.Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & cover]
        if not streams:
            raise InputError(f"{path}: no video stream in this file")
        if streams[0].codec_context is None:
            raise InputError(f"{path}: what the images in it are compressed by is not known, or the file is damaged")
        check_pixels(path, max(streams[0].width, 1), max(streams[0].height, 1))
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


def decoded(path: Path, container: Any, stream: Any) -> Iterator[tuple[Any, Fraction | None]]:
    """Yield the frames of ``stream`` as PyAV has them, and their times.

    Raises:
        InputError: where they are damaged or end too early.
    """
    start = beginning(container)
    step = frame_step(stream)
    end = Fraction(0)
    count = 0
    steps = _Steps(step)
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise InputError(f"{path}: damaged at {float(end):.2f} s; repair it or cut it there")
            time = None if frame.pts is None else max(frame.pts * frame.time_base - start, Fraction(0))
            steps.add(time)
            yield frame, time
            count += 1
            end = count * step if time is None else time + max(step, frame.duration * frame.time_base)
    except InputError:
        raise
    except Exception as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise InputError(f"{path}: truncated or damaged at {float(end):.2f} s ({reason})") from error
    if count == 0:
        raise InputError(f"{path}: no frame can be decoded from this video")
    check_end(path, container, stream, end)
    for before, after in steps.gaps():
        _note(path, f"no frame between {float(before):.2f} s and {float(after):.2f} s")


def check_end(path: Path, container: Any, stream: Any, end: Fraction) -> None:
    """Validate that a video that was read to its end, in seconds, ends where its file says.

    Raises:
        InputError: if bytes, or more than two seconds, are missing.
    """
    if missing := missing_bytes(path, recognise(first_bytes(path, HEAD)) or ""):
        raise InputError(f"{path}: truncated: ends at {float(end):.2f} s, {missing} bytes are missing")
    announced = _announced_duration(container, stream)
    if announced is None:
        return
    if end < announced - _MISSING_SECONDS:
        raise InputError(f"{path}: truncated: ends at {float(end):.2f} s of {float(announced):.2f} s")
    if end < announced - max(3 * frame_step(stream), Fraction(1, 5)):
        _note(path, f"ends at {float(end):.2f} s of {float(announced):.2f} s")


def frame_step(stream: Any) -> Fraction:
    """Return the seconds from one frame to the next, on average; 25 frames a second where that is not known."""
    return 1 / Fraction(stream.average_rate or 25)


class _Steps:
    """The times of frames, in which those of a video of constant rate leave no gap."""

    def __init__(self, step: Fraction) -> None:
        self._step = step
        self._before: Fraction | None = None
        self._count = 0
        self._found: list[tuple[Fraction, Fraction]] = []

    def add(self, time: Fraction | None) -> None:
        """Take the time of the next frame."""
        if time is not None and self._before is not None:
            self._count += 1
            if time - self._before > _GAP * self._step:
                self._found.append((self._before, time))
        self._before = time

    def gaps(self) -> list[tuple[Fraction, Fraction]]:
        """Return the times before and after each gap; none where the rate is not constant."""
        return self._found if len(self._found) <= _IRREGULAR * self._count else []


def _note(path: Path, found: str) -> None:
    warnings.warn(f"{path}: {found}; frames may be missing", stacklevel=4)


def _pixel_aspect(stream: Any) -> Fraction:
    found = Fraction(stream.sample_aspect_ratio or 1)
    return found if found > 0 and max(found.numerator, found.denominator) < 2**16 else Fraction(1)


def _turns(frame: Any) -> int:
    """Return by how many quarters of a circle a frame is rotated to be upright."""
    return round(frame.rotation / 90)


def beginning(container: Any) -> Fraction:
    """Return the time in seconds at which the earliest stream begins; broadcasts count from anywhere."""
    return Fraction(container.start_time or 0, 1_000_000)


def _announced_duration(container: Any, stream: Any) -> Fraction | None:
    """Return the duration of this stream in seconds from the header, if it has one."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    # Matroska keeps the end as text, hours:minutes:seconds
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds) - beginning(container)
    except (KeyError, ValueError):
        return None


def rgb(frame: Any) -> NDArray[np.uint8]:
    """Return a frame as PyAV has it as upright pixels (H, W, 3) RGB."""
    matrix = "ITU709" if frame.colorspace == _UNSPECIFIED and frame.height >= _HD_ROWS else None
    pixels = frame.to_ndarray(format="rgb24", interpolation=ACCURATE, src_colorspace=matrix)
    return np.ascontiguousarray(np.rot90(pixels, _turns(frame)))
