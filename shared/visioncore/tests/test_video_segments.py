"""Videos that are made in segments: the same with and without interruption, in frames and in times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from visioncore.errors import InputError
from visioncore.inference import video_segments
from visioncore.inference.video_segments import Segments
from visioncore.video import Frame, read_frames, write_video

av = pytest.importorskip("av")

RATE = Fraction(30000, 1001)
COUNT = 23


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_segments, "FRAMES", 5)


def times(kind: str) -> list[Fraction | None]:
    """Return the times of frames: not known, at a constant rate, or with gaps around the borders of segments."""
    if kind == "unknown":
        return [None] * COUNT
    gap = 2 if kind == "gaps" else 0
    return [(number + gap * sum(number >= n for n in (5, 6, 9, 10, 22))) / RATE for number in range(COUNT)]


def frames(kind: str = "constant", size: tuple[int, int] = (32, 48)) -> Iterator[Frame]:
    rows, columns = np.indices(size)
    image = np.stack([4 * rows, 3 * columns, 2 * (rows + columns)], axis=2).astype(np.uint8)
    for number, time in enumerate(times(kind)):
        yield Frame(np.roll(image + number, number, axis=0), time)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A video with sound."""
    path = tmp_path / "source.mkv"
    silent = tmp_path / "silent.mkv"
    write_video(silent, frames(), RATE)
    with av.open(str(tmp_path / "sound.mkv"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        for number in range(8):
            sound = av.AudioFrame.from_ndarray(np.full((1, 1024), 0.1, np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts, sound.time_base = 8000, 1024 * number, Fraction(1, 8000)
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    write_video(path, read_frames(silent), RATE, audio_from=tmp_path / "sound.mkv")
    return path


def packets(path: Path) -> list[tuple[str, Fraction | None, Fraction | None, bool, bytes]]:
    with av.open(str(path)) as container:
        return [
            (p.stream.type, p.pts and p.pts * p.time_base, p.dts and p.dts * p.time_base, p.is_keyframe, bytes(p))
            for p in container.demux()
            if p.size
        ]


def make(path: Path, source: Path, kind: str = "constant") -> None:
    segments = Segments(path, RATE, {})
    segments.encode(frames(kind))
    segments.join(source)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("kind", ["constant", "gaps", "unknown"])
def test_frames_and_times_are_those_of_a_video_made_at_once(
    tmp_path: Path, source: Path, kind: str, suffix: str
) -> None:
    write_video(tmp_path / f"at_once{suffix}", frames(kind), RATE, audio_from=source)
    make(tmp_path / f"made{suffix}", source, kind)
    expected, found = (list(read_frames(tmp_path / f"{name}{suffix}")) for name in ("at_once", "made"))
    assert [frame.time for frame in found] == [frame.time for frame in expected]
    assert len(found) == COUNT
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one.pixels.astype(int) - other.pixels).mean() < 3
    sounds = [[p[1:] for p in packets(tmp_path / f"{name}{suffix}") if p[0] == "audio"] for name in ("at_once", "made")]
    assert sounds[0] == sounds[1]
    assert sounds[0]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("broken_at", [5, 7, 14, COUNT])
@pytest.mark.parametrize("kind", ["constant", "gaps"])
def test_a_video_that_was_broken_off_is_the_same_packet_by_packet(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, broken_at: int, kind: str
) -> None:
    make(tmp_path / "whole.mp4", source, kind)

    def broken() -> Iterator[Frame]:
        for number, frame in enumerate(frames(kind)):
            if number == broken_at:
                raise KeyboardInterrupt
            yield frame
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Segments(tmp_path / "parts.mp4", RATE, {}).encode(broken())
    assert not (tmp_path / "parts.mp4").exists()
    again = Segments(tmp_path / "parts.mp4", RATE, {})
    assert again.done == 5 * (broken_at // 5)
    again.encode(frame for number, frame in enumerate(frames(kind)) if number >= again.done)
    again.join(source)
    assert packets(tmp_path / "parts.mp4") == packets(tmp_path / "whole.mp4")
    assert not again.folder.exists()


def test_what_was_made_otherwise_is_begun_anew(tmp_path: Path) -> None:
    for identity in ({"weights": "a"}, {"weights": "b"}):
        segments = Segments(tmp_path / "a.mp4", RATE, identity)
        assert segments.done == 0
        segments.encode(frames())
        assert Segments(tmp_path / "a.mp4", RATE, identity).done == 25
    assert Segments(tmp_path / "a.mp4", RATE + 1, {"weights": "b"}).done == 0


def test_what_is_wrong_is_told(tmp_path: Path, source: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be written as '\.avi'"):
        Segments(tmp_path / "a.avi", RATE, {})
    segments = Segments(tmp_path / "a.mp4", RATE, {})
    with pytest.raises(InputError, match="no frames to write"):
        segments.join(source)
    segments.encode(frames())
    with pytest.raises(InputError, match="frame 25 is"):
        segments.encode(frames(size=(48, 32)))
    segment = segments.folder / "000001.npz"
    segment.write_bytes(segment.read_bytes()[:100])
    with pytest.raises(InputError, match=r"000001\.npz: damaged"):
        segments.join(source)
    assert not (tmp_path / "a.mp4").exists()
