"""Videos: frames in and out with their colours, times and sound, and one clear line for what is no video."""

from __future__ import annotations

import errno
import os
import re
import sys
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from visioncore.errors import InputError
from visioncore.testing.videos import TURNS, rotated
from visioncore.video import Frame, index_frames, probe_video, read_chosen_frames, read_frames, write_video
from visioncore.video.writing import Sound

RATE = Fraction(25)


def patches(height: int = 48, width: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    """16 x 16 patches of random colours: 4:2:0 keeps their middles."""
    colours = np.random.default_rng(seed).integers(0, 256, (-(-height // 16), -(-width // 16), 3)).astype(np.uint8)
    return colours.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]


def moving(count: int, height: int = 48, width: int = 64) -> Iterator[Frame]:
    for number in range(count):
        yield Frame(patches(height, width, seed=number))


def noisy(count: int) -> Iterator[Frame]:
    generator = np.random.default_rng(0)
    for _ in range(count):
        yield Frame(generator.integers(0, 256, (48, 64, 3)).astype(np.uint8))


def with_sound(path: Path, seconds: int, codec: str = "aac") -> Path:
    """A film and a tone of equal length."""
    with av.open(str(path), "w") as container:
        images = container.add_stream("libx264", rate=25)
        images.width, images.height, images.pix_fmt = 64, 48, "yuv420p"
        sound: Any = container.add_stream(codec, rate=48000)
        sound.layout = "stereo"
        tone = (0.3 * np.sin(np.arange(1024) / 20)).astype(np.float32)
        for number in range(25 * seconds):
            image = av.VideoFrame.from_ndarray(patches(seed=number), format="rgb24")
            image.pts = number
            container.mux(images.encode(image))
        for number in range(48000 * seconds // 1024):
            piece = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
            piece.rate, piece.pts, piece.time_base = 48000, 1024 * number, Fraction(1, 48000)
            container.mux(sound.encode(piece))
        container.mux(images.encode())
        container.mux(sound.encode())
    return path


def sound_of(path: Path) -> tuple[list[bytes], list[float]]:
    """The packets of the sound, and when each is heard after the first frame is seen."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        packets: list[Any] = [packet for packet in container.demux(audio=0) if packet.dts is not None]
    return [bytes(packet) for packet in packets], [float(p.pts * p.time_base) - first for p in packets]


def middles(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    return pixels[8::16, 8::16].astype(np.int64)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(read_frames(path))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".m4v", ".webm"])
def test_what_is_written_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert write_video(path, moving(12), RATE) is False
    info = probe_video(path)
    assert (info.width, info.height, info.rate) == (64, 48, RATE)
    assert info.frames == (None if suffix in (".mkv", ".webm") else 12)
    assert info.duration == pytest.approx(Fraction(12, 25), abs=0.001)
    frames = list(read_frames(path))
    assert len(frames) == 12
    for number, (frame, source) in enumerate(zip(frames, moving(12), strict=True)):
        assert frame.time == pytest.approx(Fraction(number, 25), abs=0.001)
        assert frame.pixels.dtype == np.uint8
        difference = middles(frame.pixels) - middles(source.pixels)
        assert np.abs(difference).max() <= 8
        assert abs(difference.mean()) < 0.7


@pytest.mark.parametrize(("name", "codec"), [("a.webp", ""), ("a.mkv", "ffv1")])
def test_lossless_codecs_keep_every_pixel(tmp_path: Path, name: str, codec: str) -> None:
    rng = np.random.default_rng(0)
    given = [Frame(rng.integers(0, 256, (33, 47, 3), dtype=np.uint8)) for _ in range(4)]
    write_video(tmp_path / name, given, Fraction(20), codec=codec)
    if codec:
        read = [frame.pixels for frame in read_frames(tmp_path / name)]
    else:
        read, shown = animated(tmp_path / name)
        assert shown == [50] * 4
    for pixels, frame in zip(read, given, strict=True):
        np.testing.assert_array_equal(pixels, frame.pixels)


def test_a_gif_has_the_nearest_of_256_colours(tmp_path: Path) -> None:
    few = [Frame(np.full((33, 47, 3), value, np.uint8)) for value in (0, 90, 255)]
    write_video(tmp_path / "few.gif", few, Fraction(25))
    read, shown = animated(tmp_path / "few.gif")
    assert shown == [40] * 3
    for pixels, frame in zip(read, few, strict=True):
        np.testing.assert_array_equal(pixels, frame.pixels)
    write_video(tmp_path / "many.gif", moving(3), RATE)
    for pixels, frame in zip(animated(tmp_path / "many.gif")[0], moving(3), strict=True):
        assert np.abs(pixels.astype(int) - frame.pixels).mean() < 4


def animated(path: Path) -> tuple[list[Any], list[int]]:
    """Return the frames of an animated image, and how many milliseconds each is shown."""
    with Pillow.open(path) as image:
        assert image.info["loop"] == 0
        frames, shown = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")))
            shown.append(int(image.info["duration"]))
    return frames, shown


def test_fractional_rates_are_exact(tmp_path: Path) -> None:
    rate = Fraction(24000, 1001)
    write_video(tmp_path / "a.mp4", moving(30), rate)
    assert probe_video(tmp_path / "a.mp4").rate == rate
    assert [frame.time for frame in read_frames(tmp_path / "a.mp4")] == [i / rate for i in range(30)]


def test_variable_rates_stay_what_they_were(tmp_path: Path) -> None:
    times = [Fraction(i * i, 300) for i in range(20)]
    frames = (Frame(frame.pixels, time) for frame, time in zip(moving(20), times, strict=True))
    write_video(tmp_path / "a.mp4", frames, Fraction(16))
    assert [frame.time for frame in read_frames(tmp_path / "a.mp4")] == times
    write_video(tmp_path / "b.mkv", read_frames(tmp_path / "a.mp4"), Fraction(16))
    again = [frame.time for frame in read_frames(tmp_path / "b.mkv")]
    assert again == pytest.approx(times, abs=0.001)


def test_equal_times_do_not_stop_the_encoder(tmp_path: Path) -> None:
    frames = (Frame(frame.pixels, Fraction(0)) for frame in moving(3))
    write_video(tmp_path / "a.mp4", frames, RATE)
    assert len(list(read_frames(tmp_path / "a.mp4"))) == 3


@pytest.mark.parametrize(("height", "width"), [(47, 64), (48, 63), (47, 63)])
def test_odd_sizes_are_made_even_by_the_edge(tmp_path: Path, height: int, width: int) -> None:
    write_video(tmp_path / "a.mp4", moving(2, height, width), RATE)
    pixels = next(read_frames(tmp_path / "a.mp4")).pixels
    assert pixels.shape == (48, 64, 3)
    assert np.abs(middles(pixels) - middles(patches(height, width))).max() <= 8


@pytest.mark.parametrize("angle", list(TURNS))
def test_images_stand_upright(tmp_path: Path, angle: int) -> None:
    write_video(tmp_path / "a.mp4", moving(2), RATE)
    rotated(tmp_path / "a.mp4", angle)
    expected = np.rot90(patches(), -angle // 90)
    info, frame = probe_video(tmp_path / "a.mp4"), next(read_frames(tmp_path / "a.mp4"))
    assert (info.height, info.width) == expected.shape[:2] == frame.pixels.shape[:2]
    assert np.abs(middles(frame.pixels) - middles(expected)).max() <= 8


def encode_plainly(path: Path, pixels: NDArray[np.uint8], matrix: str) -> None:
    """A video that does not say which matrix its colours were made with."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = "yuv420p"
        image = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
        image.colorspace = 2
        container.mux(stream.encode(image))
        container.mux(stream.encode())


@pytest.mark.parametrize(("height", "matrix"), [(720, "ITU709"), (704, "ITU601")])
def test_untagged_colours_go_by_the_number_of_rows(tmp_path: Path, height: int, matrix: str) -> None:
    pixels = patches(height, 64)
    encode_plainly(tmp_path / "a.mp4", pixels, matrix)
    assert np.abs(middles(next(read_frames(tmp_path / "a.mp4")).pixels) - middles(pixels)).max() <= 8


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sound_is_copied_packet_by_packet(tmp_path: Path, suffix: str) -> None:
    source = with_sound(tmp_path / "source.mp4", seconds=2)
    path = tmp_path / f"a{suffix}"
    assert write_video(path, read_frames(source), RATE, audio_from=source) is True
    packets, times = sound_of(path)
    expected, expected_times = sound_of(source)
    assert packets == expected
    assert times == pytest.approx(expected_times, abs=0.002)
    assert len(list(read_frames(path))) == 50


def test_sound_lies_beside_its_images(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "source.mp4", seconds=4)
    write_video(tmp_path / "a.mp4", read_frames(source), RATE, audio_from=source)
    with av.open(str(tmp_path / "a.mp4")) as container:
        packets: Iterator[Any] = container.demux()
        kinds = [(p.stream.type, float(p.dts * p.time_base)) for p in packets if p.dts is not None]
    first_half = [time for kind, time in kinds[: len(kinds) // 2] if kind == "audio"]
    assert first_half
    assert max(first_half) < 3


def test_a_source_that_starts_late_stays_in_step(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "source.mp4", seconds=1)
    with av.open(str(source)) as old, av.open(str(tmp_path / "late.mkv"), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        packets: Iterator[Any] = old.demux()
        for packet in packets:
            if packet.dts is None:
                continue
            late = round(100 / packet.time_base)
            packet.pts, packet.dts = packet.pts + late, packet.dts + late
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    frames = list(read_frames(tmp_path / "late.mkv"))
    assert frames[-1].time == pytest.approx(Fraction(24, 25), abs=0.05)
    write_video(tmp_path / "a.mp4", frames, RATE, audio_from=tmp_path / "late.mkv")
    assert sound_of(tmp_path / "a.mp4")[1] == pytest.approx(sound_of(source)[1], abs=0.05)


def test_without_sound_or_with_one_that_does_not_fit(tmp_path: Path) -> None:
    write_video(tmp_path / "silent.mp4", moving(2), RATE)
    assert write_video(tmp_path / "a.mp4", moving(2), RATE, audio_from=tmp_path / "silent.mp4") is False
    source = with_sound(tmp_path / "source.mkv", seconds=1, codec="wavpack")
    assert write_video(tmp_path / "b.mp4", moving(2), RATE, audio_from=source) is False
    assert write_video(tmp_path / "b.mkv", moving(2), RATE, audio_from=source) is True


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_names_that_are_no_utf8(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"{os.fsdecode(bytes([0x63, 0xE9]))}{suffix}"
    write_video(tmp_path / f"a{suffix}", moving(5), RATE)
    expected = list(read_frames(tmp_path / f"a{suffix}"))
    (tmp_path / f"a{suffix}").rename(path)
    assert probe_video(path).width == 64
    for found in (list(read_frames(path)), list(read_chosen_frames(index_frames(path), range(5)))):
        assert [frame.time for frame in found] == [frame.time for frame in expected]
        np.testing.assert_array_equal(found[4].pixels, expected[4].pixels)
    path.write_text("no video")
    with pytest.raises(InputError, match="cannot be read as a video"):
        list(read_frames(path))


# what cannot be read


def test_missing_folder_empty_and_foreign_files(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "nowhere.mp4")
    assert "cannot be read as a video" in refused(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "the file is empty" in refused(tmp_path / "empty.mp4")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        assert "a pipe or a device" in refused(tmp_path / "pipe.mp4")
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    assert "cannot be read as a video" in refused(tmp_path / "text.mp4")
    (tmp_path / "text.txt").write_text("not a video\n" * 50)
    assert "cannot be read as a video" in refused(tmp_path / "text.txt")
    for name in ("a.png", "a.jpg"):
        Pillow.fromarray(patches()).save(tmp_path / name)
        assert "cannot be read as a video" in refused(tmp_path / name)


def test_a_list_of_other_files_is_not_followed(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.mp4", moving(3), RATE)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n"
    (tmp_path / "playlist.mp4").write_text(playlist)
    for name in ("list.mp4", "playlist.mp4"):
        assert "cannot be read as a video" in refused(tmp_path / name)


def copy_sound(old: Any, new: Any) -> None:
    """Copy the sound of one open file into another."""
    track = new.add_stream_from_template(old.streams.audio[0])
    for packet in old.demux(audio=0):
        if packet.dts is not None:
            packet.stream = track
            new.mux(packet)


def test_a_file_with_sound_only(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "source.mp4", seconds=1)
    with av.open(str(source)) as old, av.open(str(tmp_path / "a.mp4"), "w") as new:
        copy_sound(old, new)
    assert "no video stream" in refused(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="no video stream"):
        probe_video(tmp_path / "a.mp4")


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_file_whose_index_is_lost(tmp_path: Path, part: float) -> None:
    write_video(tmp_path / "a.mp4", noisy(50), RATE)
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: int(part * len(whole))])
    assert "cannot be read as a video" in refused(tmp_path / "a.mp4")


@pytest.mark.parametrize("part", [0.3, 0.6])
def test_a_truncated_file_that_can_still_be_opened(tmp_path: Path, part: float) -> None:
    write_video(tmp_path / "a.mkv", noisy(50), Fraction(5))
    whole = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: int(part * len(whole))])
    given: list[Frame] = []
    with pytest.raises(InputError, match=r"truncated.* \d+\.\d\d s") as caught:
        given.extend(read_frames(tmp_path / "a.mkv"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_hole_in_the_middle(tmp_path: Path, suffix: str) -> None:
    write_video(tmp_path / f"a{suffix}", noisy(50), RATE)
    file = bytearray((tmp_path / f"a{suffix}").read_bytes())
    file[len(file) // 2 : len(file) // 2 + 9000] = bytes(9000)
    (tmp_path / f"a{suffix}").write_bytes(file)
    assert "damaged at" in refused(tmp_path / f"a{suffix}")


def test_a_video_without_images(tmp_path: Path) -> None:
    source = with_sound(tmp_path / "source.mp4", seconds=1)
    with av.open(str(source)) as old, av.open(str(tmp_path / "a.mkv"), "w") as new:
        new.add_stream_from_template(old.streams.video[0])
        copy_sound(old, new)
    assert "no frame" in refused(tmp_path / "a.mkv")


def test_reading_holds_few_images(tmp_path: Path) -> None:
    """The first frame arrives although the rest of the file is beyond reading."""
    write_video(tmp_path / "a.mkv", noisy(200), RATE)
    whole = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(whole[: len(whole) // 2])
    assert next(read_frames(tmp_path / "a.mkv")).time == 0


def test_a_missing_library_is_told_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for use in (lambda: probe_video("a.mp4"), lambda: write_video(tmp_path / "a.mp4", moving(1), RATE)):
        with pytest.raises(InputError, match=r'^av is not installed; run: pip install "visioncore\[video\]"$'):
            use()


# what cannot be written


def test_codecs_that_a_container_does_not_hold(tmp_path: Path) -> None:
    for name, codec, told in (
        ("a.webm", "h264", r"\.webm does not hold h264, but vp9; h264 goes into \.mp4, \.m4v, \.mov, \.mkv$"),
        ("a.mp4", "ffv1", r"\.mp4 does not hold ffv1, but h264 and vp9; ffv1 goes into \.mkv$"),
        ("a.avi", "vp9", r"cannot be written as '\.avi'; use \.mp4, \.mkv, \.webm$"),
        ("a.mp4", "mpeg2", "codec is 'mpeg2'; it must be one of h264, vp9, ffv1, gif, webp$"),
    ):
        with pytest.raises(InputError, match=told):
            write_video(tmp_path / name, moving(1), RATE, codec=codec)
    assert list(tmp_path.iterdir()) == []


def test_writing_refuses_what_makes_no_video(tmp_path: Path) -> None:
    cases: list[tuple[str, Any, str]] = [
        ("a.avi", moving(1), r"use \.mp4, "),
        ("a.mp4", iter(()), "no frames"),
        ("a.mp4", iter([Frame(patches()), Frame(patches(32))]), r"frame 1 is \(32, 64, 3\)"),
        ("a.mp4", iter([Frame(patches().astype(np.float32))]), "float32"),
    ]
    for name, frames, message in cases:
        with pytest.raises(InputError, match=message) as caught:
            write_video(tmp_path / name, frames, RATE)
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_video(tmp_path / "a.mp4", moving(3), RATE)
    before = (tmp_path / "a.mp4").read_bytes()

    def breaking() -> Iterator[Frame]:
        yield from moving(40)
        raise RuntimeError("the network failed")

    with pytest.raises(RuntimeError, match="the network failed"):
        write_video(tmp_path / "a.mp4", breaking(), RATE)

    def full(*_: Any) -> None:
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sound, "mux_until", full)
    with pytest.raises(InputError, match=r"a\.mp4: could not be written \(No space left on device\)$"):
        write_video(tmp_path / "a.mp4", moving(40), RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == before


# metadata


def stretched(path: Path, **metadata: str) -> Path:
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        for number in range(3):
            image = av.VideoFrame.from_ndarray(patches(seed=number), format="rgb24")
            image.pts = number
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_title_dates_and_the_shape_of_pixels_are_kept(tmp_path: Path, suffix: str) -> None:
    metadata = {"title": "Räin", "creation_time": "2024-06-17T10:00:00.000000Z", "comment": "on the way"}
    source = stretched(tmp_path / "source.mp4", **metadata)
    write_video(tmp_path / f"a{suffix}", read_frames(source), RATE, audio_from=source)
    assert probe_video(tmp_path / f"a{suffix}").pixel_aspect == Fraction(4, 3)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        found = {key.lower(): value for key, value in container.metadata.items()}
    assert found | metadata == found
    assert "Lavf" in found["encoder"]


def test_the_shape_of_pixels_is_that_of_the_upright_image(tmp_path: Path) -> None:
    path = rotated(stretched(tmp_path / "a.mp4"))
    assert probe_video(path).pixel_aspect == Fraction(3, 4)
    write_video(tmp_path / "b.mp4", read_frames(path), RATE, audio_from=path)
    info = probe_video(tmp_path / "b.mp4")
    assert (info.height, info.width, info.pixel_aspect) == (64, 48, Fraction(3, 4))


# containers and their ends

CONTAINERS = {
    "a.ts": ("mpegts", "libx264", {}),
    "a.m2ts": ("mpegts", "libx264", {"mpegts_m2ts_mode": "1"}),
    "a.mpg": ("mpeg", "mpeg2video", {}),
    "a.webm": ("webm", "libvpx-vp9", {"cluster_time_limit": "200"}),
    "a.avi": ("avi", "mpeg4", {}),
    "a.flv": ("flv", "flv", {}),
    "a.wmv": ("asf", "mpeg4", {}),
    "a.3gp": ("3gp", "mpeg4", {}),
    "a.mp4": ("mp4", "libx264", {"movflags": "faststart"}),
    "a.h264": ("h264", "libx264", {}),
}


def contained(path: Path, frames: int = 60) -> Path:
    format_, codec, options = CONTAINERS[path.name]
    with av.open(str(path), "w", format=format_, options=options) as container:
        stream: Any = container.add_stream(codec, rate=25, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, frame in enumerate(noisy(frames)):
            image = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            image.pts = number
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_known_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    path = contained(tmp_path / name, frames=12)
    path.rename(tmp_path / "video")
    assert len(list(read_frames(tmp_path / "video"))) == 12


def test_a_recording_that_begins_within_a_packet(tmp_path: Path) -> None:
    path = contained(tmp_path / "a.ts", frames=30)
    path.write_bytes(path.read_bytes()[100:])
    assert len(list(read_frames(path))) >= 20


@pytest.mark.parametrize("name", ["a.webm", "a.mp4", "a.avi"])
@pytest.mark.parametrize("part", [0.5, 0.9, 0.98])
def test_a_video_cut_short_is_told(tmp_path: Path, name: str, part: float) -> None:
    path = contained(tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    assert "truncated" in refused(path) or "damaged" in refused(path)


@pytest.mark.parametrize("name", ["a.webm", "a.mp4"])
def test_a_hole_is_told(tmp_path: Path, name: str) -> None:
    path = contained(tmp_path / name)
    file = bytearray(path.read_bytes())
    middle = len(file) // 2
    file[middle : middle + len(file) // 5] = bytes(len(file) // 5)
    path.write_bytes(file)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            list(read_frames(path))
        except InputError as error:
            message = str(error)
        else:
            message = str(told[0].message)
    assert re.search(r"damaged at|no frame between \d+\.\d\d s and \d+\.\d\d s; frames may be missing$", message)


def test_a_variable_rate_has_no_gaps(tmp_path: Path) -> None:
    times = [Fraction(number * (1 if number % 3 else 10), 25) for number in range(30)]
    frames = (Frame(frame.pixels, time) for frame, time in zip(moving(30), sorted(times), strict=True))
    write_video(tmp_path / "a.mp4", frames, Fraction(16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_frames(tmp_path / "a.mp4"))) == 30
