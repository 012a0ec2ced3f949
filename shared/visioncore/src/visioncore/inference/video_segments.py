"""Videos that are made slowly, frame by frame: what is done survives a kill, and the next call goes on from there.

Frames are encoded in segments of a fixed number, each for itself, and kept as packets in a folder beside the video
until all are there. Then the packets, not encoded again, become the video with the sound of its source. As a segment
does not depend on where a call began, frames and times are those of a video that nothing interrupted.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import shutil
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..extras import require
from ..files import atomic_path, clear_partials, hidden_beside, writable_folder, write_text
from ..video import Frame
from ..video.codecs import codec_for
from ..video.reading import open_container
from ..video.writing import Sound, describe, encodable, ticks, video_stream

FRAMES = 100
"""In a segment; its first frame is a key frame, of which H.264 has one at least every 250."""
_FORMAT = 1


class Segments:
    """The segments of one video.

    Args:
        path: the video, with one of `visioncore.video.H264_SUFFIXES`.
        rate: frames per second, on average.
        identity: all that the frames depend on; segments of another are removed.

    Raises:
        InputError: if the suffix is another, or the folder cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction, identity: Mapping[str, object]) -> None:
        self._container, _ = codec_for(path, "h264")
        self.path, self.rate = path, rate
        writable_folder(path.parent)
        self.folder = hidden_beside(path, "segments")
        clear_partials(path.parent)
        about = json.dumps({"format": _FORMAT, "rate": str(rate), "frames": FRAMES, **identity}, default=str)
        record = self.folder / "about.json"
        if not record.is_file() or record.read_text(encoding="utf-8") != about:
            self.remove()
            self.folder.mkdir()
            write_text(record, about)
        clear_partials(self.folder)
        self._files = [*itertools.takewhile(Path.is_file, map(self._file, itertools.count()))]

    @property
    def done(self) -> int:
        """How many frames are in the segments."""
        return FRAMES * len(self._files)

    def encode(self, frames: Iterator[Frame]) -> None:
        """Add the frames that follow those that are done, of one size; the video ends with them.

        Raises:
            InputError: if sizes differ, or the system refuses a write; what was added before stays.
        """
        last = int(_read(self._files[-1])["pts"].max()) if self._files else -1
        while (first := next(frames, None)) is not None:
            last = self._add(itertools.chain([first], itertools.islice(frames, FRAMES - 1)), first.pixels.shape, last)

    def join(self, audio_from: Path) -> None:
        """Write the video, whole or not at all, with the sound of another; then remove the segments.

        Raises:
            InputError: if there is no frame, the source of the sound cannot be read, or the system refuses the write.
        """
        av = require("av", "video")
        if not self._files:
            raise InputError(f"{self.path}: no frames to write, so no video")
        dts = iter(_decoding_times(np.concatenate([_read(file)["pts"] for file in self._files])).tolist())
        with open_container(audio_from) as sounding, atomic_path(self.path) as temporary:
            try:
                with av.open(str(temporary), "w", format=self._container) as container:
                    stream = video_stream(container, _blank(self._shape()), self.rate)
                    describe(container, stream, sounding, audio_from)
                    sound = Sound(container, sounding)
                    container.start_encoding()
                    for file in self._files:
                        for packet in _packets(_read(file)):
                            packet.stream, packet.time_base = stream, Fraction(1, ticks(self.rate))
                            packet.dts = next(dts)
                            time = packet.pts * packet.time_base
                            container.mux(packet)
                            sound.mux_until(time)
                    sound.mux_until(math.inf)
            except av.error.FFmpegError as error:
                raise InputError(f"{self.path}: could not be written ({error.strerror})") from error
        self.remove()

    def remove(self) -> None:
        """Remove the segments."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"

    def _shape(self) -> tuple[int, ...]:
        return tuple(_read(self._files[0])["shape"].tolist())

    def _add(self, frames: Iterator[Frame], shape: tuple[int, ...], last: int) -> int:
        """Write a segment of frames, one after the other, and return the tick of its last one."""
        av = require("av", "video")
        if self._files and shape != self._shape():
            raise InputError(f"{self.path}: frame {self.done} is {shape}; all must be like the first, {self._shape()}")
        packets: list[tuple[bytes, int, bool]] = []
        with av.open(io.BytesIO(), "w", format=self._container) as container:
            stream = video_stream(container, _blank(shape), self.rate)
            for frame in itertools.chain(encodable(self.path, frames, self.rate, self.done, last), [None]):
                packets += ((bytes(packet), packet.pts, packet.is_keyframe) for packet in stream.encode(frame))
        encoded, pts, key = zip(*packets, strict=True)
        file = self._file(len(self._files))
        with atomic_path(file) as temporary:
            np.savez(
                temporary,
                bytes=np.frombuffer(b"".join(encoded), np.uint8),
                sizes=np.array([len(each) for each in encoded]),
                pts=np.array(pts),
                key=np.array(key),
                shape=np.array(shape),
            )
        self._files.append(file)
        return max(pts)


def _read(file: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(file) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{file}: damaged ({error}); remove its folder, and the video is begun anew") from error


def _decoding_times(pts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return when packets are decoded, for the times at which their frames are shown, in the order of the packets.

    Each is as late as it can be: the order of showing, put off by as many frames as one is decoded too late.
    """
    shown = np.sort(pts)
    delay = int((np.arange(len(pts)) - np.searchsorted(shown, pts)).max())
    before = shown[:delay] - (shown[delay] - shown[0] if delay else 0)
    return np.concatenate([before, shown[: len(pts) - delay]])


def _packets(segment: Mapping[str, NDArray[Any]]) -> Iterator[Any]:
    av = require("av", "video")
    content = segment["bytes"].tobytes()
    ends = np.cumsum(segment["sizes"]).tolist()
    for begin, end, pts, key in zip(
        [0, *ends[:-1]], ends, segment["pts"].tolist(), segment["key"].tolist(), strict=True
    ):
        packet = av.Packet(content[begin:end])
        packet.pts, packet.is_keyframe = pts, key
        yield packet


def _blank(shape: tuple[int, ...]) -> Frame:
    return Frame(np.broadcast_to(np.uint8(0), shape))
