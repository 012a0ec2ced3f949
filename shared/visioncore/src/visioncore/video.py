"""Videos in files: reading upright RGB frames, and writing H.264 with the sound of the source.

Both hold a few frames at a time, however long the video is.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, damage, one_line
from .extras import require
from .files import atomic_path, writable_folder
from .size_limit import check_pixels
from .video_containers import first_bytes_of, missing_bytes, recognise

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
    *(".mts", ".m2ts", ".ts", ".mpg", ".mpeg"),
)
"""Suffixes of videos inside a folder."""

_CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
WRITTEN_SUFFIXES = tuple(_CONTAINERS)
"""Suffixes of videos that can be written."""
# all but these describe the file, not what is shown in it
_NOT_KEPT = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
# swscale's bicubic | full chroma | accurate rounding: its default darkens every colour by about one level of 255
_ACCURATE = 0x4 | 0x2000 | 0x40000
_BT709, _UNSPECIFIED, _LIMITED_RANGE = 1, 2, 1
_HD_ROWS = 720
_TICKS_PER_SECOND = 90_000
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
    with _opened(path) as (container, stream):
        first, _ = next(_decoded(path, container, stream))
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
    with _opened(path) as (container, stream):
        for frame, time in _decoded(path, container, stream):
            with damage(path, "a frame is damaged"):
                pixels = _rgb(frame)
            yield Frame(pixels, time)


def write_video(
    path: str | Path, frames: Iterable[Frame], rate: Fraction, audio_from: str | Path | None = None
) -> bool:
    """Write ``frames`` as an H.264 video (4:2:0, BT.709), whole or not at all; missing folders are made.

    Args:
        path: ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv``.
        frames: frames of one size, as ``read_frames`` gives them: their times are kept, so that variable rates stay
            what they were. One without time is shown at its number divided by ``rate``. An odd height or width is
            made even by repeating the last row or column, which 4:2:0 needs.
        rate: frames per second, on average; guides the encoder.
        audio_from: the video that these frames were made of: its first sound track is copied without being encoded
            again, its title, dates and other metadata too, and the shape of its pixels.

    Returns:
        Whether the sound was copied. It is not where the source has none, or where the container cannot hold its
        codec (``.mkv`` holds the most).

    Raises:
        InputError: if the suffix is another, there is no frame, sizes differ, a source cannot be read, PyAV is not
            installed, or the system refuses the write; what stood at ``path`` is then still there.
    """
    av = require("av", "video")
    path = Path(path)
    if path.suffix.lower() not in _CONTAINERS:
        raise InputError(f"{path}: videos cannot be written as {path.suffix!r}; use {', '.join(_CONTAINERS)}")
    remaining = iter(frames)
    if (first := next(remaining, None)) is None:
        raise InputError(f"{path}: no frames to write, so no video")
    writable_folder(path.parent)
    source = nullcontext() if audio_from is None else _container(Path(audio_from))
    with source as sounding, atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", format=_CONTAINERS[path.suffix.lower()]) as container:
                stream = _h264_stream(container, first, rate)
                if audio_from is not None:
                    describe(container, stream, sounding, audio_from)
                sound = _Sound(container, sounding)
                for frame in _encodable(path, itertools.chain([first], remaining), rate):
                    container.mux(stream.encode(frame))
                    sound.mux_until(frame.pts * frame.time_base)
                container.mux(stream.encode())
                sound.mux_until(math.inf)
                return sound.copied
        except av.error.FFmpegError as error:
            raise InputError(f"{path}: could not be written ({error.strerror})") from error


@contextmanager
def _container(path: Path) -> Iterator[Any]:
    av = require("av", "video")
    told = f"{path}: cannot be read as a video"
    try:
        # only the reader of this container: among others are lists that make FFmpeg open further files
        kind = None if path.is_dir() else recognise(first_bytes_of(path))
    except OSError as error:
        raise InputError(f"{told} ({error.strerror})") from error
    if kind is None:
        raise InputError(f"{told}; {', '.join(VIDEO_SUFFIXES)} files can")
    try:
        # absolute, so that no name is taken for the address of a network stream
        container = av.open(
            str(path.absolute()),
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
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open ``path`` and yield its container and its first video stream."""
    av = require("av", "video")
    with _container(path) as container:
        cover = av.stream.Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & cover]
        if not streams:
            raise InputError(f"{path}: no video stream in this file")
        if streams[0].codec_context is None:
            raise InputError(f"{path}: what the images in it are compressed by is not known, or the file is damaged")
        check_pixels(path, max(streams[0].width, 1), max(streams[0].height, 1))
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


def _decoded(path: Path, container: Any, stream: Any) -> Iterator[tuple[Any, Fraction | None]]:
    """Yield the frames of ``stream`` as PyAV has them, and their times.

    Raises:
        InputError: where they are damaged or end too early.
    """
    start = _start(container)
    step = 1 / Fraction(stream.average_rate or 25)
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
    if missing := missing_bytes(path, recognise(first_bytes_of(path)) or ""):
        raise InputError(f"{path}: truncated: ends at {float(end):.2f} s, {missing} bytes are missing")
    announced = _announced_duration(container, stream)
    if announced is not None and end < announced - _MISSING_SECONDS:
        raise InputError(f"{path}: truncated: ends at {float(end):.2f} s of {float(announced):.2f} s")
    if announced is not None and end < announced - max(3 * step, Fraction(1, 5)):
        _note(path, f"ends at {float(end):.2f} s of {float(announced):.2f} s")
    for before, after in steps.gaps():
        _note(path, f"no frame between {float(before):.2f} s and {float(after):.2f} s")


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


def _start(container: Any) -> Fraction:
    """Return the time in seconds at which the earliest stream begins; broadcasts count from anywhere."""
    return Fraction(container.start_time or 0, 1_000_000)


def _announced_duration(container: Any, stream: Any) -> Fraction | None:
    """Return the duration of this stream in seconds from the header, if it has one."""
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    # Matroska keeps the end as text, hours:minutes:seconds
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds) - _start(container)
    except (KeyError, ValueError):
        return None


def _rgb(frame: Any) -> NDArray[np.uint8]:
    matrix = "ITU709" if frame.colorspace == _UNSPECIFIED and frame.height >= _HD_ROWS else None
    pixels = frame.to_ndarray(format="rgb24", interpolation=_ACCURATE, src_colorspace=matrix)
    return np.ascontiguousarray(np.rot90(pixels, _turns(frame)))


def _h264_stream(container: Any, first: Frame, rate: Fraction) -> Any:
    height, width, _ = first.pixels.shape
    stream = container.add_stream("libx264", rate=rate, options={"crf": "17"})
    stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
    codec = stream.codec_context
    codec.time_base = Fraction(1, _ticks(rate))
    codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
    codec.color_range = _LIMITED_RANGE
    return stream


def describe(container: Any, stream: Any, source: Any, path: str | Path) -> None:
    """Give a container that is not written yet the metadata of its source, and its video the shape of pixels.

    Args:
        container: the one that is written.
        stream: its video.
        source: the open source, which may hold sound alone.
        path: of the source.
    """
    pixel_aspect = probe_video(path).pixel_aspect if source.streams.video else Fraction(1)
    container.metadata.update({key: value for key, value in source.metadata.items() if key not in _NOT_KEPT})
    if pixel_aspect != 1:
        stream.codec_context.sample_aspect_ratio = pixel_aspect


def _ticks(rate: Fraction) -> int:
    """Return ticks per second such that every frame of a constant ``rate`` falls on a whole tick."""
    return rate.numerator * math.ceil(_TICKS_PER_SECOND / rate.numerator)


def _encodable(path: Path, frames: Iterable[Frame], rate: Fraction, begin: int = 0, last: int = -1) -> Iterator[Any]:
    """Yield ``frames`` as the encoder needs them: even sides, 4:2:0, each later than the one before.

    Args:
        path: where they go, for messages.
        frames: of one size.
        rate: of the video.
        begin: number of the first of them.
        last: tick of the frame before it.
    """
    av = require("av", "video")
    ticks, pts = _ticks(rate), last
    shape: tuple[int, ...] | None = None
    for number, (pixels, time) in enumerate(frames, start=begin):
        shape = shape or pixels.shape
        if pixels.shape != shape or len(shape) != 3 or pixels.dtype != np.uint8:
            raise InputError(
                f"{path}: frame {number} is {pixels.shape} {pixels.dtype}; all must be (H, W, 3) uint8 like the first"
            )
        height, width, _ = shape
        even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", interpolation=_ACCURATE
        )
        pts = max(pts + 1, round((number / rate if time is None else time) * ticks))
        frame.pts, frame.time_base = pts, Fraction(1, ticks)
        yield frame


class _Sound:
    """The first sound track of a source, copied packet by packet beside the frames."""

    def __init__(self, container: Any, source: Any) -> None:
        tracks = [] if source is None else list(source.streams.audio)
        self.copied = bool(tracks) and tracks[0].codec_context.codec.canonical_name in container.supported_codecs
        self._container = container
        self._waiting: Iterator[Any] = iter(())
        if self.copied:
            target = container.add_stream_from_template(tracks[0])
            target.metadata.update(
                {key: tracks[0].metadata[key] for key in ("language", "title") if key in tracks[0].metadata}
            )
            self._waiting = self._packets(source, tracks[0], target)
        self._next = next(self._waiting, None)

    def mux_until(self, seconds: float | Fraction) -> None:
        """Write the packets that begin up to ``seconds``, so that sound and frames lie near each other in the file."""
        while self._next is not None and self._next.dts * self._next.time_base <= seconds:
            self._container.mux(self._next)
            self._next = next(self._waiting, None)

    @staticmethod
    def _packets(source: Any, track: Any, target: Any) -> Iterator[Any]:
        # times count from the earliest stream of the source, as they do for its frames
        offset = round(_start(source) / track.time_base)
        for packet in source.demux(track):
            if packet.dts is None:
                continue
            packet.dts -= offset
            packet.pts = packet.dts if packet.pts is None else packet.pts - offset
            packet.stream = target
            yield packet
