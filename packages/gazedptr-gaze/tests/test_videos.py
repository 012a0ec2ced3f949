"""Videos and live cameras: ids, smoothing, stride, videos that break off, plots."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from gazedptr_gaze import GazeOutput, Predictor
from gazedptr_gaze.inference.faces import Face
from gazedptr_gaze.inference.files import predict_files
from gazedptr_gaze.inference.plots import plot_gaze, zone_seconds
from gazedptr_gaze.inference.records import FrameGaze, read_records
from gazedptr_gaze.inference.tracking import Tracker
from gazedptr_gaze.inference.videos import Watch, predict_live, predict_video
from visioncore.errors import InputError
from visioncore.video import Frame, read_frames, write_video

PACKAGE = "gazedptr_gaze"
CAMERA = Path(__file__).parent / "data" / "camera.yml"
RATE = Fraction(10)


@pytest.fixture
def predictor(person: Any, tiny: Callable[..., Any]) -> Any:
    return Predictor(tiny(), "cpu", camera=person.camera, faces=person.find, notify=lambda line: None)


@pytest.fixture
def film(person: Any, tmp_path: Path) -> Path:
    """A video of one person, of 25 frames."""
    write_video(tmp_path / "film.mp4", (Frame(person.photo(seed % 4)) for seed in range(25)), RATE)
    return tmp_path / "film.mp4"


def test_a_video(predictor: Any, film: Path, tmp_path: Path) -> None:
    """Each third frame is looked at; all are shown, those between with the gaze before."""
    asked, network = [], predictor.network

    def counted(*inputs: Any) -> Any:
        asked.append(len(inputs[0]))
        return network(*inputs)

    predictor.network = counted
    records = predict_video(film, predictor, tmp_path / "out" / "film.csv", stride=3)
    assert asked == [8, 1]
    assert [record.frame for record in records] == list(range(0, 25, 3))
    np.testing.assert_allclose([record.time for record in records], np.arange(0, 2.5, 0.3), atol=1e-6)
    assert {(record.source, record.face) for record in records} == {("film.mp4", 0)}
    assert read_records(tmp_path / "out" / "film.csv") == records
    drawn, given = (list(read_frames(path)) for path in (tmp_path / "out" / "film_gaze.mp4", film))
    assert [frame.time for frame in drawn] == [frame.time for frame in given]
    for number, frame in enumerate(drawn):
        result = replace(predictor(given[number - number % 3].pixels), image=given[number].pixels)
        far, plain = (np.abs(frame.pixels.astype(int) - image).mean() for image in (result.drawn(), result.image))
        assert far < 2
        assert plain > far + 1
    assert (tmp_path / "out" / "film_plot.png").stat().st_size > 0
    exact = predictor(given[3].pixels)
    assert records[1].vector == pytest.approx(exact.vectors[0], abs=1e-6)


def test_a_video_among_files(
    run: Any, film: Path, person: Any, tiny_weights: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("gazedptr_gaze.inference.finders.FaceMeshFinder", lambda: person.find)
    words = ("predict", film, "--weights", tiny_weights, "--out", tmp_path / "out", "--camera", CAMERA, "--stride", 5)
    for more, begin in (
        ((), "1 done, 0 skipped"),
        ((), "0 done, 1 skipped"),
        (("--smoothing", 1), "1 done, 0 skipped"),
    ):
        code, said, _ = run(*words, *more)
        assert (code, said[: len(begin)]) == (0, begin)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["film.csv", "film_gaze.mp4", "film_plot.png", "made.jsonl", "run.json"]
    assert len(read_records(tmp_path / "out" / "film.csv")) == 5


def test_frames_without_a_face_are_told(predictor: Any, film: Path, person: Any, tmp_path: Path) -> None:
    number = iter(range(100))
    predictor._faces = lambda image: [] if next(number) % 5 == 0 else [person.face]
    told: list[str] = []
    summary = predict_files([film], predictor, tmp_path / "out", annotate=False, say=told.append)
    assert (summary.exit_code, told) == (0, [f"{film}: no face found in 5 of 25 frames"])
    records = read_records(tmp_path / "out" / "film.csv")
    assert [record.frame for record in records if record.face == -1] == [0, 5, 10, 15, 20]
    assert len(records) == 25
    assert not (tmp_path / "out" / "film_gaze.mp4").exists()


@pytest.mark.parametrize("annotate", [True, False])
def test_a_video_that_breaks_off(
    predictor: Any, film: Path, tmp_path: Path, annotate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before is kept and told, the file counts as failed, and is made anew next time."""

    def frames(path: Path) -> Any:
        for number, frame in enumerate(read_frames(path)):
            if number == 11:
                raise InputError(f"{path}: truncated or damaged at 1.10 s")
            yield frame

    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("gazedptr_gaze.inference.videos.read_frames", frames)
        summary = predict_files([film], predictor, tmp_path / "out", annotate=annotate, say=told.append)
    target = tmp_path / "out" / "film.csv"
    assert summary.exit_code == 1
    assert told == [f"failed: {film}: truncated or damaged at 1.10 s; 11 records of what came before are in {target}"]
    assert [record.frame for record in read_records(target)] == list(range(11))
    if annotate:
        assert len(list(read_frames(tmp_path / "out" / "film_gaze.mp4"))) == 11
    told.clear()
    assert len(predict_files([film], predictor, tmp_path / "out", annotate=annotate, say=told.append).done) == 1
    assert told == ["a result is made anew: there is no record of how it was made"]
    assert len(read_records(target)) == 25


def test_a_video_file_that_is_cut_in_the_middle(predictor: Any, person: Any, tmp_path: Path) -> None:
    whole = tmp_path / "film.mkv"
    write_video(whole, (Frame(person.photo(seed % 4)) for seed in range(120)), RATE)
    content = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) * 2 // 3])
    told: list[str] = []
    summary = predict_files([tmp_path / "cut.mkv"], predictor, tmp_path / "out", stride=4, say=told.append)
    assert summary.exit_code == 1
    assert "cut.mkv: truncated" in told[0]
    kept = read_records(tmp_path / "out" / "cut.csv")
    assert f"{len(kept)} records of what came before are in" in told[0]
    assert 5 < len(kept) < 30
    assert (tmp_path / "out" / "cut_gaze.mp4").exists()


class Capture:
    """Stands for a camera that is connected."""

    def __init__(self, photos: list[Any]) -> None:
        self.photos, self.released = iter(photos), False

    def __call__(self, index: int) -> Capture:
        self.index = index
        return self

    def read(self) -> tuple[bool, Any]:
        photo = next(self.photos, None)
        if photo is KeyboardInterrupt:
            raise KeyboardInterrupt
        return photo is not None, None if photo is None else np.ascontiguousarray(photo[..., ::-1])

    def release(self) -> None:
        self.released = True


def test_a_live_camera(predictor: Any, person: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends after so many frames, with q, with Ctrl-C, or when the camera does; what was seen is written."""
    shown: list[Any] = []
    monkeypatch.setattr(cv2, "imshow", lambda title, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: ord("q") if len(shown) == 7 else -1)
    photo = person.photo()
    for photos, frames, count in (
        ([photo] * 9, 3, 3),
        ([photo] * 9, 0, 4),
        ([photo, photo], 0, 2),
        ([photo, KeyboardInterrupt], 0, 1),
    ):
        capture = Capture(photos)
        target = predict_live(2, predictor, tmp_path / "out", frames=frames, capture=capture)
        records = read_records(target)
        assert (capture.index, capture.released, len(records)) == (2, True, count)
        assert target == tmp_path / "out" / "camera2.csv"
        times = [record.time for record in records]
        assert times == sorted(times)
    np.testing.assert_array_equal(shown[0][..., ::-1], predictor(photo).drawn())
    capture = Capture([])
    with pytest.raises(InputError, match="camera 2: it gives no frame"):
        predict_live(2, predictor, tmp_path / "none", capture=capture)
    assert capture.released


def test_a_live_camera_without_windows(predictor: Any, person: Any, tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(title: str, image: Any) -> None:
        raise cv2.error("no windows here")

    monkeypatch.setattr(cv2, "imshow", refuse)
    target = predict_live(0, predictor, tmp_path, frames=2, capture=Capture([person.photo()] * 5))
    assert len(read_records(target)) == 2


def test_the_command_with_a_live_camera(
    run: Any, person: Any, tiny_weights: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("gazedptr_gaze.inference.finders.FaceMeshFinder", lambda: person.find)
    monkeypatch.setattr("gazedptr_gaze.inference.videos.CAPTURE", Capture([person.photo()] * 5))
    words = ("predict", "--live", 1, "--frames", 2, "--weights", tiny_weights, "--out", tmp_path, "--camera", CAMERA)
    code, said, _ = run(*words)
    assert (code, said) == (0, f"records: {tmp_path / 'camera1.csv'}\n")
    assert len(read_records(tmp_path / "camera1.csv")) == 2


def vectors_of(predictor: Any, *directions: Any) -> None:
    """Let the network of a predictor give these official angles, one after the other."""
    waiting = iter(directions)
    predictor.network = lambda *inputs: GazeOutput(torch.tensor([next(waiting) for _ in inputs[0]]))


def test_smoothing_is_that_of_unit_vectors(predictor: Any, person: Any) -> None:
    vectors_of(predictor, [0.2, 0.0], [0.6, 0.1], [0.6, 0.1])
    first, second, late = (predictor(person.photo()) for _ in range(3))
    follow: Any = Tracker(smoothing=0.5)
    np.testing.assert_allclose(follow(first, 0.0).vectors, first.vectors)
    smooth = follow(second, 0.25)
    weight = math.exp(-0.5)
    mean = weight * first.vectors + (1 - weight) * second.vectors
    np.testing.assert_allclose(smooth.vectors, mean / np.linalg.norm(mean), atol=1e-12)
    turned = smooth.faces[0].virtual.gaze(smooth.vectors)
    np.testing.assert_allclose([np.sin(smooth.gaze[0, 0]) * np.cos(smooth.gaze[0, 1])], turned[:, 0], atol=1e-6)
    # after a gap there is nothing to smooth with
    follow = Tracker(smoothing=20)
    follow(first, 0.0)
    assert np.abs(follow(second, 0.25).vectors - second.vectors).max() > 0.1
    np.testing.assert_allclose(follow(late, 3.0).vectors, late.vectors)
    vectors_of(predictor, [0.2, 0.0])
    plain: Any = Tracker()
    plain(first, 0.0)
    np.testing.assert_array_equal(plain(second, 0.25).vectors, second.vectors)
    for wrong in (-1.0, math.inf, math.nan):
        with pytest.raises(InputError, match="smoothing is"):
            Tracker(wrong)


def test_faces_keep_their_ids(people: Any, tiny: Callable[..., Any]) -> None:
    left, right, other = (
        people((0, 0, 0), (-90, 0, 600)),
        people((0, 0, 0), (80, 0, 550)),
        people((0, 0, 0), (0, 90, 700)),
    )
    moved = people((0, 0, 0), (70, 5, 560))
    seen = iter([[left.face, right.face], [moved.face], [left.face, moved.face], [other.face, left.face, moved.face]])
    predictor = Predictor(tiny(), "cpu", camera=left.camera, faces=lambda image: next(seen), all_faces=True)
    follow, ids = Tracker(all_faces=True), []
    for number in range(4):
        result = follow(predictor(left.photo()), number / 10)
        ids.append(
            {round(float(face.pose.centre[0]), -1): id for face, id in zip(result.faces, result.ids, strict=True)}
        )
    # two faces that both stand where one was
    near = people((0, 0, 0), (-84, 0, 600))
    seen = iter([[left.face, near.face]])
    assert sorted(follow(predictor(left.photo()), 0.4).ids) == [1, 3]
    assert ids[0] == {80.0: 0, -90.0: 1}
    assert ids[1] == {70.0: 0}
    assert ids[2] == {70.0: 0, -90.0: 1}
    assert ids[3] == {70.0: 0, -90.0: 1, 0.0: 2}


def test_a_stride_of_nothing(predictor: Any) -> None:
    with pytest.raises(InputError, match="stride is 0; it must be at least 1"):
        Watch(predictor, "a", stride=0)


def test_plots(tmp_path: Path) -> None:
    def record(frame: int, region: int | None, face: int = 0) -> FrameGaze:
        time = frame / 10
        if region is None:
            return FrameGaze("a.mp4", frame, time)
        return FrameGaze(
            "a.mp4", frame, time, face, yaw=0.1, pitch=0.2, vector=(0.6, 0.0, -0.8), zone=71, region=region
        )

    records = [record(0, 2), record(1, 2), record(2, None), record(3, 7), record(5, 7), record(6, 2), record(7, 2)]
    seconds = zone_seconds(records)
    assert list(seconds) == ["rear-view mirror", "dashboard", "no face"]
    np.testing.assert_allclose(list(seconds.values()), [0.4, 0.3, 0.1])
    figure = plot_gaze([*records, record(6, 3, face=1)], tmp_path / "a.png")
    upper, lower = figure.axes
    yaw, pitch = (line.get_ydata() for line in upper.lines)
    expected = math.degrees(math.atan2(0.6, 0.8))
    np.testing.assert_allclose(np.asarray(yaw, float)[[0, 3]], expected)
    assert np.isnan(np.asarray(yaw, float)[2])
    assert len(np.asarray(pitch)) == 7
    assert [label.get_text() for label in lower.get_yticklabels()] == list(seconds)
    assert (tmp_path / "a.png").stat().st_size > 0
    own = [replace(each, cabin_zone=None if each.region is None else f"own {each.region}") for each in records]
    assert list(zone_seconds(own)) == ["own 2", "own 7", "no face"]
    np.testing.assert_allclose(list(zone_seconds(own).values()), list(seconds.values()))
    # weights without zones name none, but a cabin does
    assert list(zone_seconds([replace(each, zone=None, region=None) for each in own])) == ["own 2", "own 7", "no face"]
    assert zone_seconds([FrameGaze("a", 0, 0.0)]) == {}
    assert len(plot_gaze([FrameGaze("a", 0, 0.0)]).axes) == 1


def test_other_faces_do_not_smooth_each_other(people: Any, tiny: Callable[..., Any]) -> None:
    """The largest has id 0 whoever it is, but nobody's gaze is smoothed with somebody else's."""
    left, right = people((0, 0, 0), (-90, 0, 500)), people((0, 0, 0), (90, 0, 500))
    seen: Any = iter([[left.face], [right.face]])

    def find(image: Any) -> list[Face]:
        return list(next(seen))

    predictor: Any = Predictor(tiny(), "cpu", camera=left.camera, faces=find)
    follow: Any = Tracker(smoothing=1.0)
    first, second = (predictor(left.photo()) for _ in range(2))
    assert follow(first, 0.0).ids == (0,)
    after = follow(second, 0.1)
    assert after.ids == (0,)
    np.testing.assert_allclose(after.vectors, second.vectors)
