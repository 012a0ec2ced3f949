"""Videos written, with the sound, the metadata and the shape of pixels of the source; and animated images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from ..files import atomic_path, writable_folder
from .codecs import CODECS, Codec, codec_for
from .reading import ACCURATE, Frame, beginning, open_container, probe_video

# all but these describe the file, not what is shown in it
_NOT_KEPT = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
_BT709, _LIMITED_RANGE = 1, 1
_TICKS_PER_SECOND = 90_000


def write_video(
    path: str | Path,
    frames: Iterable[Frame],
    rate: Fraction,
    audio_from: str | Path | None = None,
    codec: str = "",
) -> bool:
    """Write ``frames`` as a video or an animated image, whole or not at all; missing folders are made.

    Args:
        path: one of `WRITTEN_SUFFIXES`.
        frames: frames of one size, as ``read_frames`` gives them: their times are kept, so that variable rates stay
            what they were. One without time is shown at its number divided by ``rate``. An odd height or width is
            made even by repeating the last row or column where the codec needs it (h264, vp9).
        rate: frames per second, on average; guides the encoder.
        audio_from: the video that these frames were made of: its first sound track is copied without being encoded
            again, its title, dates and other metadata too, and the shape of its pixels.
        codec: ``h264``, ``vp9``, ``ffv1``, ``gif`` or ``webp``; default: the first that the container has, see
            `visioncore.video.codecs`. ``ffv1`` and ``webp`` keep every pixel as it is.

    Returns:
        Whether the sound was copied. It is not where the source has none, or where the container cannot hold its
        codec (``.mkv`` holds the most).

    Raises:
        InputError: if the container cannot be written or does not take the codec, there is no frame, sizes differ, a
            source cannot be read, PyAV is not installed, or the system refuses the write; what stood at ``path`` is
            then still there.
    """
    av = require("av", "video")
    path = Path(path)
    kind, chosen = codec_for(path, codec)
    remaining = iter(frames)
    if (first := next(remaining, None)) is None:
        raise InputError(f"{path}: no frames to write, so no video")
    writable_folder(path.parent)
    source = nullcontext() if audio_from is None else open_container(Path(audio_from))
    with source as sounding, atomic_path(path) as temporary:
        try:
            with av.open(str(temporary), "w", format=kind, options=dict(chosen.container_options)) as container:
                stream = video_stream(container, first, rate, chosen)
                if audio_from is not None:
                    describe(container, stream, sounding, audio_from)
                sound = Sound(container, sounding)
                for frame in encodable(path, itertools.chain([first], remaining), rate, codec=chosen):
                    container.mux(stream.encode(frame))
                    sound.mux_until(frame.pts * frame.time_base)
                container.mux(stream.encode())
                sound.mux_until(math.inf)
                return sound.copied
        except av.error.FFmpegError as error:
            raise InputError(f"{path}: could not be written ({error.strerror})") from error


def video_stream(container: Any, first: Frame, rate: Fraction, codec: Codec = CODECS["h264"]) -> Any:
    """Add a stream to a container, for frames of the size of ``first``, and return it."""
    height, width, _ = first.pixels.shape
    stream = container.add_stream(codec.encoder, rate=rate, options=dict(codec.options))
    stream.width, stream.height, stream.pix_fmt = width, height, codec.layout
    context = stream.codec_context
    context.time_base = Fraction(1, codec.ticks or ticks(rate))
    if codec.halved:
        stream.width, stream.height = width + width % 2, height + height % 2
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED_RANGE
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


def ticks(rate: Fraction) -> int:
    """Return ticks per second such that every frame of a constant ``rate`` falls on a whole tick."""
    return rate.numerator * math.ceil(_TICKS_PER_SECOND / rate.numerator)


def encodable(
    path: Path,
    frames: Iterable[Frame],
    rate: Fraction,
    begin: int = 0,
    last: int = -1,
    codec: Codec = CODECS["h264"],
) -> Iterator[Any]:
    """Yield ``frames`` as the encoder needs them, each later than the one before.

    Args:
        path: where they go, for messages.
        frames: of one size.
        rate: of the video.
        begin: number of the first of them.
        last: tick of the frame before it.
        codec: what they are encoded by.
    """
    per_second, pts = codec.ticks or ticks(rate), last
    shape: tuple[int, ...] | None = None
    for number, (pixels, time) in enumerate(frames, start=begin):
        shape = shape or pixels.shape
        if pixels.shape != shape or len(shape) != 3 or pixels.dtype != np.uint8:
            raise InputError(
                f"{path}: frame {number} is {pixels.shape} {pixels.dtype}; all must be (H, W, 3) uint8 like the first"
            )
        frame = _laid_out(pixels, codec)
        pts = max(pts + 1, round((number / rate if time is None else time) * per_second))
        frame.pts, frame.time_base = pts, Fraction(1, per_second)
        yield frame


def _laid_out(pixels: NDArray[np.uint8], codec: Codec) -> Any:
    """Return pixels (H, W, 3) as a frame of PyAV in the layout of a codec."""
    av = require("av", "video")
    if codec.layout == "pal8":
        return av.VideoFrame.from_ndarray(_with_palette(pixels), format="pal8")
    if not codec.halved:
        opaque = np.dstack((pixels[..., ::-1], np.full(pixels.shape[:2], 255, np.uint8)))
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(opaque), format="bgra").reformat(format=codec.layout)
    height, width, _ = pixels.shape
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return av.VideoFrame.from_ndarray(even, format="rgb24").reformat(
        format=codec.layout, dst_colorspace="ITU709", dst_color_range="MPEG", interpolation=ACCURATE
    )


def _with_palette(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the 256 colours that stand best for a frame: numbers (H, W), and alpha, red, green, blue (256, 4)."""
    pillow = require("PIL.Image", "images")
    few = pillow.fromarray(pixels).quantize(256, method=pillow.Quantize.MEDIANCUT, dither=pillow.Dither.NONE)
    colours = np.array(few.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0], palette[: len(colours), 1:] = 255, colours
    return np.asarray(few), palette


class Sound:
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
        offset = round(beginning(source) / track.time_base)
        for packet in source.demux(track):
            if packet.dts is None:
                continue
            packet.dts -= offset
            packet.pts = packet.dts if packet.pts is None else packet.pts - offset
            packet.stream = target
            yield packet
