"""Animations in files: formats, sound and times, what is held meanwhile, and what cannot be written."""

from __future__ import annotations

import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as Pillow
from tiny import tiny_pipeline

from lvmm_motion import Predictor, Result
from lvmm_motion.inference import driving
from lvmm_motion.inference.shot import Shot
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.testing.photos import photo
from visioncore.testing.videos import film, rotated
from visioncore.video import Frame, probe_video, read_frames, write_video

PHOTO = photo(45, 61, seed=0)
MASK = np.zeros((45, 61), np.uint8)
MASK[10:30, 20:50] = 255
RATE = Fraction(25)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(tiny_pipeline(), "cpu", batch=5)


@pytest.fixture(scope="module")
def result(predictor: Predictor) -> Result:
    return predictor(PHOTO, mask=MASK, fps=12.5)


def read(path: Path) -> list[Any]:
    """Return the frames of what was written."""
    if path.is_dir():
        return [read_image(file).pixels for file in sorted(path.iterdir())]
    if path.suffix not in (".gif", ".webp"):
        return [frame.pixels for frame in read_frames(path)]
    image: Any = Pillow.open(path)
    with image:
        frames = []
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB")))
            assert image.info["duration"] == 80
    return frames


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.mkv"])
def test_from_file_to_lossless_file(predictor: Predictor, result: Result, name: str, tmp_path: Path) -> None:
    """Outside of the mask all is as in the photo's file, bit by bit."""
    write_image(tmp_path / "photo.png", Image(PHOTO))
    write_image(tmp_path / "mask.png", Image(np.dstack([MASK] * 3)))
    made = predictor(tmp_path / "photo.png", mask=tmp_path / "mask.png", fps=12.5)
    path = made.save(tmp_path / "out" / name, codec="ffv1" if name == "a.mkv" else "")
    frames = np.stack(read(path))
    np.testing.assert_array_equal(frames, np.asarray(result))
    photo_again = read_image(tmp_path / "photo.png").pixels
    assert (frames[:, MASK == 0] == photo_again[MASK == 0]).all()
    assert (frames[:, MASK > 0] != photo_again[MASK > 0]).any()


@pytest.mark.parametrize("name", ["a.mp4", "a.m4v", "a.mov", "a.mkv", "a.webm", "a.gif"])
def test_other_formats_are_near(result: Result, name: str, tmp_path: Path) -> None:
    frames = read(result.save(tmp_path / name))
    assert len(frames) == len(result)
    for made, frame in zip(frames, result.frames(), strict=True):
        assert np.abs(made[:45, :61].astype(int) - frame).mean() < 8
    if name != "a.gif":
        assert probe_video(tmp_path / name).rate == 12.5


def test_names(predictor: Predictor, result: Result, tmp_path: Path) -> None:
    write_image(tmp_path / "waves.png", Image(PHOTO))
    made = predictor(tmp_path / "waves.png", frames=2)
    assert made.save(tmp_path) == tmp_path / "waves.mp4"
    assert result.save(tmp_path / "new" / "folder") == tmp_path / "new" / "folder" / "animation.mp4"
    with pytest.raises(InputError, match="this is the photo itself"):
        made.save(tmp_path / "waves.png")


def test_a_shorter_animation_leaves_none_of_a_longer_one(predictor: Predictor, tmp_path: Path) -> None:
    for frames in (4, 2):
        folder = predictor(PHOTO, frames=frames).save(tmp_path / "a.png")
        if frames == 4:
            for other in ("notes.png", "2024.png"):
                (folder / other).touch()
    assert sorted(path.name for path in folder.iterdir()) == ["000000.png", "000001.png", "2024.png", "notes.png"]


def with_sound(path: Path, times: list[Fraction]) -> Path:
    """Write a film, whose frames are shown from these seconds on, with a tone of one second."""
    silent = path.with_name("silent.mp4")
    write_video(silent, (Frame(photo(45, 61, seed=5), time) for time in times), RATE)
    with av.open(str(silent)) as old, av.open(str(path), "w") as new:
        images = new.add_stream_from_template(old.streams.video[0])
        sound: Any = new.add_stream("aac", rate=48000)
        sound.layout = "stereo"
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = images
                new.mux(packet)
        tone = (0.3 * np.sin(np.arange(1024) / 20)).astype(np.float32)
        for number in range(46):
            piece = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
            piece.rate, piece.pts, piece.time_base = 48000, 1024 * number, Fraction(1, 48000)
            new.mux(sound.encode(piece))
        new.mux(sound.encode())
    return path


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.dts is not None]


def test_sound_and_times_of_the_driving_video_are_kept(predictor: Predictor, tmp_path: Path) -> None:
    times = [Fraction(n * n, 50) for n in range(6)]
    made = predictor.transfer(with_sound(tmp_path / "driving.mp4", times), PHOTO)
    told: list[str] = []
    path = made.save(tmp_path / "out.mp4", notify=told.append)
    assert [frame.time for frame in read_frames(path)] == pytest.approx(times, abs=0.001)
    assert packets(path) == packets(tmp_path / "driving.mp4")
    assert told == []
    made.save(tmp_path / "out.webm", notify=told.append)
    assert told == [
        f"{tmp_path / 'out.webm'}: the sound of {tmp_path / 'driving.mp4'} was not kept, for it cannot be held there; "
        ".mkv holds the most"
    ]
    with pytest.raises(InputError, match="this is the driving video itself"):
        made.save(tmp_path / "driving.mp4")


def test_a_video_of_one_frame_drives_nothing(predictor: Predictor, tmp_path: Path) -> None:
    write_video(tmp_path / "one.mp4", [Frame(PHOTO)], RATE)
    with pytest.raises(InputError, match=r"one\.mp4: 1 frame; a driving video needs at least two$"):
        predictor.transfer(tmp_path / "one.mp4", PHOTO)


def test_a_rotated_video_drives_upright(tmp_path: Path) -> None:
    """It is 48 pixels wide and 64 high, as it is shown."""
    given = driving.Driving(rotated(film(tmp_path / "a.mp4", 3)), RATE)
    assert given.first.shape == (64, 48, 3)
    assert {pixels.shape for pixels in given.pixels()} == {(64, 48, 3)}


@pytest.mark.parametrize(
    ("name", "codec", "told"),
    [
        ("a.webm", "h264", r"\.webm does not hold h264, but vp9; h264 goes into \.mp4, \.m4v, \.mov, \.mkv$"),
        ("a.mov", "vp9", r"\.mov does not hold vp9, but h264; vp9 goes into \.mp4, \.mkv, \.webm$"),
        ("a.gif", "ffv1", r"\.gif does not hold ffv1, but gif; ffv1 goes into \.mkv$"),
        ("a.png", "h264", "images have no codec; h264 is for videos"),
        ("a.avi", "", r"videos cannot be written as '\.avi'; use \.mp4, "),
        ("a.mp4", "hevc", "codec is 'hevc'; it must be one of h264, vp9, ffv1"),
    ],
)
def test_what_cannot_be_written(result: Result, name: str, codec: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told):
        result.save(tmp_path / name, codec=codec)
    assert list(tmp_path.iterdir()) == []


class Counted:
    """Counts the arrays of a kind that are alive."""

    def __init__(self) -> None:
        self.alive = self.most = self.made = 0

    def add(self, value: Any) -> Any:
        self.alive += 1
        self.made += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(value, self._gone)
        return value

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("kind", ["animate", "transfer"])
@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png", "a.npz"])
def test_what_is_held_does_not_grow_with_the_frames(
    predictor: Predictor, kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = {}
    for frames in (20, 60):
        rendered, driven, moved = Counted(), Counted(), Counted()
        finished, fitted, changed = Shot._finished, driving.fitted, Shot._motion
        with monkeypatch.context() as patch:
            patch.setattr(Shot, "_finished", lambda *given, f=finished, c=rendered: c.add(f(*given)))
            patch.setattr(Shot, "_motion", lambda *given, f=changed, c=moved: _counted(f(*given), c))
            patch.setattr(driving, "fitted", lambda *given, f=fitted, c=driven: c.add(f(*given)))
            if kind == "animate":
                made = predictor(PHOTO, frames=frames)
            else:
                write_video(tmp_path / "driving.mp4", (Frame(PHOTO) for _ in range(frames)), RATE)
                made = predictor.transfer(tmp_path / "driving.mp4", PHOTO)
            if name == "a.npz":
                made.save_motion(tmp_path / name)
            else:
                made.save(tmp_path / name)
        if name != "a.npz":
            assert rendered.made == frames // 5
            assert moved.made == frames // 5
        if kind == "transfer":
            assert driven.made >= frames
        most[frames] = rendered.most, moved.most, driven.most
    assert most[60] == most[20]
    assert max(most[60]) <= 2 * predictor.running.batch + 1


def _counted(motion: Any, counted: Counted) -> Any:
    counted.add(motion.flow)
    return motion


def test_what_a_predictor_prepared_is_not_saved(predictor: Predictor, tmp_path: Path) -> None:
    """Its layers are folded, and would fit no network that is loaded."""
    assert predictor.pipeline is not None
    for save in (predictor.pipeline.save_pretrained, predictor.pipeline.save_file):
        with pytest.raises(InputError, match="prepared for inference and cannot be saved; save the one"):
            save(tmp_path / "weights")
    assert not list(tmp_path.iterdir())
