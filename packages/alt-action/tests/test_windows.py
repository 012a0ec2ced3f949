"""Long videos: windows with their times, shared frames, memory that does not grow; and what is written of videos."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alt_action import Predictor
from alt_action.data.people import PEOPLE_ACTIONS
from alt_action.inference.annotated import annotate_video
from alt_action.inference.files import Wanted, predict_files, write_features
from alt_action.inference.windows import look_through
from visioncore.errors import InputError
from visioncore.video import Frame, probe_video, read_frames, write_video

ACTIONS = PEOPLE_ACTIONS[:4]


@pytest.fixture
def predictor(tiny_weights: Path) -> Predictor:
    """A predictor of the tiny network."""
    return Predictor(tiny_weights, "cpu", batch=4)


@pytest.fixture(scope="session")
def long(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 96 frames, 3.84 s: every action once."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    frames = (Frame(frame.pixels) for action in ACTIONS for frame in read_frames(videos / action / "000.mp4"))
    write_video(path, frames, Fraction(25))
    return path


def test_windows_have_times_and_share_frames(
    predictor: Predictor, long: Path, counted: list[int], tmp_path: Path
) -> None:
    predictor.tower.cache.most = 0
    result = look_through(predictor, long, 1.0, 0.5)
    assert result.starts.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 2.75]
    assert result.ends.tolist() == [1, 1.5, 2, 2.5, 3, 3.5, 3.75]
    # four of each second, 15 in all, each once
    assert sum(counted) == len(result.frames) == 15
    assert max(counted) <= 4
    assert [frame.number for frame in result.frames[:4]] == [3, 9, 15, 21]
    assert np.asarray(result).shape == (7, 4)
    report = json.loads(result.save(tmp_path).read_text())
    assert [window["start"] for window in report["windows"]] == result.starts.tolist()
    assert report["windows"][2]["verdict"] == result.windows[2].verdict
    assert "7 windows of 1 s" in repr(result)
    result.plot(tmp_path / "windows.png")
    assert (tmp_path / "windows.png").stat().st_size > 0


def test_a_window_is_its_own_clip(predictor: Predictor, long: Path) -> None:
    """Against the frames of the window alone, taken as a clip."""
    whole = [frame.pixels for frame in read_frames(long)]
    result = look_through(predictor, long, 1.0, 1.0)
    for window in result.windows[:3]:
        alone = predictor(np.stack([whole[frame.number] for frame in window.frames]))
        np.testing.assert_allclose(window.probabilities, alone.probabilities, atol=1e-6)


def test_a_video_shorter_than_a_window_is_one(predictor: Predictor, clip: Path) -> None:
    result = look_through(predictor, clip, 10.0, 5.0)
    assert (len(result.windows), result.starts.tolist()) == (1, [0])
    np.testing.assert_allclose(result.ends, 24 / 25, atol=1e-6)
    np.testing.assert_allclose(result.windows[0].probabilities, predictor(clip).probabilities)


def test_videos_that_cannot_be_sought_in_are_read_once(predictor: Predictor, long: Path, tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number, frame in enumerate(read_frames(long)):
            image = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            image.pts = number
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    assert look_through(predictor, tmp_path / "a.avi", 1.0, 0.5).starts.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 2.75]


def test_memory_does_not_grow_with_the_video(predictor: Predictor, long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that are held while windows slide are those of a window and a batch, however many windows there are."""
    predictor.tower.cache.most = 0
    most, decide = 0, type(predictor).decide

    def watching(self: Predictor, clip: Any, views: Any, found: Any) -> Any:
        nonlocal most
        most = max(most, len(found))
        return decide(self, clip, views, found)

    monkeypatch.setattr(Predictor, "decide", watching)
    look_through(predictor, long, 1.0, 0.25)
    assert 4 <= most <= 8


@pytest.mark.parametrize(("seconds", "stride"), [(0, 1), (1, 0), (-1, 1), (float("nan"), 1)])
def test_windows_that_will_not_do(predictor: Predictor, long: Path, seconds: float, stride: float) -> None:
    with pytest.raises(InputError, match="both must be seconds, above 0"):
        look_through(predictor, long, seconds, stride)
    with pytest.raises(InputError, match=r"long\.mp4: window is 0\.01 s, but each frame is shown for 0\.04 s"):
        look_through(predictor, long, 0.01, 0.01)
    assert len(look_through(predictor, long, 0.04, 1.0).windows) == 5
    with pytest.raises(InputError, match="its frames have no times"):
        look_through(predictor, np.zeros((4, 8, 8, 3), np.uint8), 1.0, 1.0)


def test_an_annotated_video(predictor: Predictor, long: Path, clip: Path, tmp_path: Path) -> None:
    annotate_video(look_through(predictor, long, 1.0, 0.5), tmp_path / "long.mp4", 32)
    annotate_video(predictor(clip), tmp_path / "clip.mp4", 32)
    for path, source in ((tmp_path / "long.mp4", long), (tmp_path / "clip.mp4", clip)):
        assert probe_video(path).frames == probe_video(source).frames
        before, after = (next(islice(read_frames(each), 10, None)).pixels for each in (source, path))
        changed = np.abs(before.astype(int) - after).max(axis=2) > 30
        # the crop is the middle 84 of 96 rows; outside of it are only letters
        assert changed[10:86, 26:102].mean() > 0.5
        assert changed[92:, 110:].mean() < 0.1


def test_files_beside_each_other(predictor: Predictor, videos: Path, tmp_path: Path) -> None:
    wanted = Wanted(figure=True, annotate=True, regions=True)
    summary = predict_files([videos / ACTIONS[0]], predictor, tmp_path / "out", wanted=wanted, say=lambda _: None)
    assert (len(summary.done), summary.exit_code) == (2, 0)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        *(f"00{n}{ending}" for n in (0, 1) for ending in (".json", ".png", "_action.mp4", "_regions.npz")),
        "made.jsonl",
    }
    predictor.views = 2
    with pytest.raises(InputError, match="views is 2, which is for whole clips; windows have one each"):
        predict_files([videos / ACTIONS[0]], predictor, tmp_path / "views", wanted=Wanted(window=0.5))
    predictor.views = 1
    assert not (tmp_path / "views").exists()
    told: list[str] = []
    again = predict_files(
        [videos / ACTIONS[0]], predictor, tmp_path / "out", wanted=Wanted(window=0.5), say=told.append
    )
    assert len(again.done) == 2
    assert "window was 0.0 and is 0.5" in told[0]
    assert "windows" in json.loads((tmp_path / "out" / "000.json").read_text())
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"window": -1.0}, "both must be seconds, at least 0"),
        ({"stride": 1.0}, "give window too"),
        ({"window": 1.0, "regions": True}, "regions are written of whole clips"),
    )
    for fields, message in refused:
        with pytest.raises(InputError, match=message):
            Wanted(**fields)


def test_vectors_for_retrieval(predictor: Predictor, videos: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_text("no video")
    told: list[str] = []
    summary = write_features([videos, tmp_path / "bad.mp4"], predictor, tmp_path / "new" / "a.npz", say=told.append)
    assert (len(summary.done), summary.exit_code) == (8, 1)
    assert told[0].startswith(f"failed: {tmp_path / 'bad.mp4'}")
    with np.load(tmp_path / "new" / "a.npz") as saved:
        assert saved["vectors"].shape == (8, 32)
        assert saved["label_vectors"].shape == (4, 32)
        assert saved["labels"].tolist() == list(ACTIONS)
        first = predictor(Path(str(saved["videos"][0])))
        np.testing.assert_allclose(saved["vectors"][0], first.video, rtol=1e-5)
        scores = saved["vectors"][0] @ saved["label_vectors"].T
        assert ACTIONS[int(scores.argmax())] == first.verdict
    with pytest.raises(InputError, match=r"written as \.npz"):
        write_features([videos], predictor, tmp_path / "a.csv")
    with pytest.raises(InputError, match="none of 1 videos could be read"):
        write_features([tmp_path / "bad.mp4"], predictor, tmp_path / "b.npz", say=told.append)
    assert not (tmp_path / "b.npz").exists()
