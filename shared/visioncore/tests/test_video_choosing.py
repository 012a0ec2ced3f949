"""Chosen frames: the same pixels and times as of reading everything, in every kind of file, and less decoding."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from visioncore.errors import InputError
from visioncore.video import Frame, choosing, index_frames, read_chosen_frames, read_frames, write_video
from visioncore.video.reading import open_video

CHOICES = ([0], [7], [59], [3, 3, 20, 21, 40, 59], [11, 12, 13], range(60))
KINDS: dict[str, tuple[str, str, dict[str, str], bool]] = {
    # name: container, codec, options, whether it is sought in
    "a.mp4": ("mp4", "libx264", {"g": "12", "bf": "3"}, True),
    "open.mp4": ("mp4", "libx264", {"g": "12", "bf": "3", "x264-params": "open-gop=1:keyint=12:scenecut=0"}, True),
    "b.mp4": ("mp4", "libx265", {"g": "12", "x265-params": "open-gop=1:keyint=12:log-level=none"}, True),
    "one-key.mov": ("mov", "libx264", {"g": "600"}, True),
    "a.mkv": ("matroska", "libx264", {"g": "12", "bf": "3"}, True),
    "a.webm": ("webm", "libvpx-vp9", {"g": "12"}, True),
    "old.webm": ("webm", "libvpx", {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16"}, False),
    "a.avi": ("avi", "mpeg4", {"g": "12"}, False),
    "a.ts": ("mpegts", "libx264", {"g": "12"}, False),
    "a.mpg": ("mpeg", "mpeg2video", {"g": "12"}, False),
}


def scene(number: int) -> NDArray[np.uint8]:
    """A frame that differs from every other one."""
    rows, columns = np.mgrid[:48, :64]
    waves = [128 + 120 * np.sin(rows / 9 + columns / 13 + number / (3 + each) + each) for each in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def written(path: Path, times: Sequence[int] = range(60)) -> Path:
    """A video whose frames are shown at these hundredths of a second times four."""
    kind, codec, options, _ = KINDS[path.name]
    with av.open(str(path), "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(scene(number), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def same(path: Path, sought: bool) -> None:
    """Check every choice of frames of a video against all of them."""
    everything, index = list(read_frames(path)), index_frames(path)
    assert (index.ticks is not None) == sought
    assert len(index) == len(everything)
    known = [np.nan if frame.time is None else float(frame.time) for frame in everything]
    np.testing.assert_allclose(index.times, known, atol=1e-9)
    for numbers in (*CHOICES[:-1], range(len(index))):
        numbers = [number for number in numbers if number < len(index)]
        found = list(read_chosen_frames(index, numbers))
        assert [frame.time for frame in found] == [everything[number].time for number in numbers]
        for frame, number in zip(found, numbers, strict=True):
            np.testing.assert_array_equal(frame.pixels, everything[number].pixels)


@pytest.mark.parametrize("name", KINDS)
def test_chosen_frames_are_those_of_reading_everything(tmp_path: Path, name: str) -> None:
    same(written(tmp_path / name), sought=KINDS[name][-1])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "b.mp4"])
def test_a_variable_rate(tmp_path: Path, name: str) -> None:
    times = np.cumsum(np.random.default_rng(0).integers(1, 9, 60)).tolist()
    same(written(tmp_path / name, times), sought=True)


@pytest.mark.parametrize("angle", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)])
def test_a_rotated_video(tmp_path: Path, angle: tuple[int, ...]) -> None:
    path = written(tmp_path / "a.mp4")
    file = bytearray(path.read_bytes())
    a, b, c, d = (65536 * entry for entry in angle)
    matrix = file.find(b"tkhd") + 44
    file[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(file)
    same(path, sought=True)
    upright = next(read_chosen_frames(index_frames(path), [5])).pixels
    assert upright.shape == ((64, 48, 3) if angle[0] == 0 else (48, 64, 3))


def test_a_video_that_an_edit_list_trims(tmp_path: Path) -> None:
    """As phones cut clips: the first 17 frames, of which the key is one, stay in the file and are not shown."""
    path = written(tmp_path / "a.mp4")
    with av.open(str(path)) as old, av.open(str(tmp_path / "cut.mp4"), "w", options={"use_editlist": "1"}) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        time_base = old.streams.video[0].time_base
        assert time_base is not None
        early = round(Fraction(17, 25) / time_base)
        packets: Any = old.demux(video=0)
        for packet in packets:
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - early, packet.dts - early, stream
                new.mux(packet)
    shown = list(read_frames(tmp_path / "cut.mp4"))
    assert len(shown) == 43
    same(tmp_path / "cut.mp4", sought=True)


def test_a_video_that_starts_late(tmp_path: Path) -> None:
    same(written(tmp_path / "a.mkv", range(100, 160)), sought=True)


@dataclass
class Counting:
    """Stands before a container, or a packet of it, and counts the packets that are decoded."""

    inner: Any
    decoded: list[int]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def demux(self, stream: Any) -> Iterator[Any]:
        return (Counting(packet, self.decoded) for packet in self.inner.demux(stream))

    def decode(self) -> Any:
        self.decoded.append(self.inner.size)
        return self.inner.decode()


def test_few_frames_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, decoded = index_frames(written(tmp_path / "a.mp4")), list[int]()

    @contextmanager
    def counting(path: Path) -> Iterator[tuple[Any, Any]]:
        with open_video(path) as (container, stream):
            stream.thread_type = "NONE"
            yield Counting(container, decoded), stream

    monkeypatch.setattr(choosing, "open_video", counting)
    list(read_chosen_frames(index, [2, 50]))
    assert len(decoded) <= 16
    decoded.clear()
    list(read_chosen_frames(index, range(60)))
    assert 60 <= len(decoded) <= 62


def test_numbers_must_ascend(tmp_path: Path) -> None:
    index = index_frames(written(tmp_path / "a.mp4"))
    for numbers in ([5, 4], [60], [-1]):
        with pytest.raises(ValueError, match="must ascend from 0 to 59"):
            list(read_chosen_frames(index, numbers))
    assert list(read_chosen_frames(index, [])) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_video_cut_short_is_told(tmp_path: Path, name: str, part: float) -> None:
    path = written(tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(InputError, match=r"truncated|damaged|cannot be read"):
        index_frames(path)


def test_a_damaged_frame_is_told_where_it_is_chosen(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", (Frame(noise) for noise in noisy(60)), Fraction(25))
    path = tmp_path / "a.mp4"
    file = bytearray(path.read_bytes())
    middle = len(file) // 2
    file[middle : middle + 9000] = bytes(9000)
    path.write_bytes(file)
    index = index_frames(path)
    with pytest.raises(InputError, match=r"a\.mp4: truncated or damaged at \d+\.\d\d s \("):
        list(read_chosen_frames(index, range(60)))


def test_a_file_that_was_replaced_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.avi")
    index = index_frames(path)
    written(path, range(20))
    with pytest.raises(InputError, match=r"a\.avi: has 20 frames where 60 were counted"):
        list(read_chosen_frames(index, [40]))


def noisy(count: int) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (48, 64, 3)).astype(np.uint8) for _ in range(count)]


def test_old_builds_of_x264_are_known_after_seeking(tmp_path: Path) -> None:
    """4:4:4 by x264 before build 151 is decoded in another way, and which build it was only the first packet says.

    A new build is said to be an old one here, so that some frames come out otherwise, however they are reached.
    """
    path, rng = tmp_path / "a.mp4", np.random.default_rng(0)
    rows, columns = np.mgrid[:48, :64]
    with av.open(str(path), "w") as container:
        options = {"g": "6", "crf": "10", "x264-params": "8x8dct=1:scenecut=0"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for number in range(24):
            waves = [128 + 100 * np.sin(rows / 3 + columns / (4 + c) + number / (1 + c)) for c in range(3)]
            pixels = (np.stack(waves, axis=-1) + rng.normal(0, 15, (48, 64, 3))).clip(0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv444p")))
        container.mux(stream.encode())
    before = list(read_frames(path))
    path.write_bytes(re.sub(rb"core 1\d\d", b"core 142", path.read_bytes()))
    assert any(
        (frame.pixels != after.pixels).any()
        for frame, after in zip(before[6:], list(read_frames(path))[6:], strict=True)
    )
    same(path, sought=True)
