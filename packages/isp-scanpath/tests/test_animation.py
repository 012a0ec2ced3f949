"""Scanpaths that run over an image, beside those that were recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from isp_scanpath import Predictor, Result, load_model, read_scanpaths
from isp_scanpath.data.synthetic import OBSERVERS, synthetic_image, write_synthetic
from isp_scanpath.inference.animation import RATE, draw_frames
from isp_scanpath.inference.drawing import COLOURS, colours_of, radius_of
from isp_scanpath.inference.recorded import beside, trials_on
from visioncore.errors import InputError
from visioncore.images import Image
from visioncore.video import read_frames

PACKAGE = "isp_scanpath"
Run = Callable[..., tuple[int, str, str]]

GREY = np.full((120, 160, 3), 90, np.uint8)
PATH = np.array([[40.0, 30.0, 0.4], [120.0, 90.0, 0.8]])
TITLE = 20


def at(frame: PillowImage.Image, x: float, y: float) -> list[int]:
    """Return the colour of a place of the first panel, which is twice as large as the image, beside the number."""
    return [int(value) for value in np.asarray(frame)[round(2 * y) + TITLE, round(2 * x) + 7]]


def test_fixations_come_in_their_time_and_stay() -> None:
    frames = list(draw_frames(GREY, {"predicted": {"0": PATH}}))
    assert len(frames) == int((1.2 + 1) * RATE) + 1
    assert frames[0].size == (320, 240 + TITLE)
    assert at(frames[1], 120, 90) == [90, 90, 90]
    during, before, after = frames[int(0.39 * RATE)], frames[0], frames[-1]
    red = [int(COLOURS[0][place : place + 2], 16) for place in (1, 3, 5)]
    assert at(before, 40, 30) == [90, 90, 90]  # it grows from nothing
    assert np.abs(np.subtract(at(during, 40, 30), red)).max() < 30
    assert at(during, 120, 90) == [90, 90, 90]
    for place in (PATH[0], PATH[1]):
        assert at(after, place[0], place[1])[0] > 120
    edge = 120 + radius_of(0.8, 160) + 2
    assert at(after, edge, 90) == [90, 90, 90]


def test_observers_have_the_same_colour_in_both_panels() -> None:
    panels = {"predicted": {"0": PATH, "1": PATH}, "recorded": {"1": PATH, "x": PATH}}
    assert colours_of(panels) == dict(zip(("0", "1", "x"), COLOURS, strict=False))
    assert next(draw_frames(GREY, panels)).size == (2 * 320 + 8, 240 + TITLE)


def test_files(tmp_path: Path) -> None:
    result = Result(Image(GREY), ("0",), ((PATH,),))
    result.animate(tmp_path / "new" / "a.gif", reference={"0": PATH[:1]})
    with PillowImage.open(tmp_path / "new" / "a.gif") as made:
        number_of_frames: int = made.n_frames  # type: ignore[attr-defined]
        assert number_of_frames > 10  # equal ones are one
        assert made.info["duration"] % int(1000 / RATE) == 0
        assert made.size == (648, 260)
        total = 0
        for number in range(number_of_frames):
            made.seek(number)
            total += made.info["duration"]
    assert total == 80 * len(list(draw_frames(GREY, {"predicted": {"0": PATH}})))
    result.animate(tmp_path / "a.mp4")
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert len(frames) == 28
    assert frames[0].pixels.shape == (260, 320, 3)
    with pytest.raises(InputError, match=r"animation is '\.avi'; it must be one of \.gif, \.mp4"):
        result.animate(tmp_path / "a.avi")
    assert {path.name for path in tmp_path.iterdir()} == {"new", "a.mp4"}


def test_recorded_scanpaths_are_found_by_name(tmp_path: Path) -> None:
    lines = ["image,observer,x,y,duration_ms,width,height,task"]
    lines += ["b.png,ann,8,6,200,16,12,cup", "b.png,bob,4,3,100,16,12,cup", "c.png,ann,1,1,100,16,12,tv"]
    (tmp_path / "f.csv").write_text("\n".join(lines))
    data = read_scanpaths(tmp_path / "f.csv")
    found = trials_on(data, [Path("x/b.png"), Path("d.png")])
    assert list(found) == [Path("x/b.png")]
    known = Result(Image(GREY), ("1", "mean"), ((PATH,), (PATH,)))
    shown = beside(known, data, found[Path("x/b.png")], (), by_index=True)
    assert list(shown) == ["1"]
    np.testing.assert_allclose(shown["1"], [[40, 30, 0.1]])
    by_name = Result(Image(GREY), ("ann",), ((PATH,),))
    assert list(beside(by_name, data, found[Path("x/b.png")], ("ann",), by_index=True)) == ["ann"]
    unknown = Result(Image(GREY), ("mean",), ((PATH,),))
    assert list(beside(unknown, data, found[Path("x/b.png")], (), by_index=True)) == ["0", "1"]
    assert list(beside(unknown, data, found[Path("x/b.png")], ("cy", "dan", "eve"))) == ["ann", "bob"]
    for sources, task in (([Path("d.png")], ""), ([Path("b.png")], "tv")):
        with pytest.raises(InputError, match=r"f\.csv: no scanpath on these images; it has those on "):
            trials_on(data, sources, task)


def test_recorded_in_folders_of_the_same_names(tmp_path: Path) -> None:
    """The end of an image's path tells it, not its name alone; and where that may be two images, neither is taken."""
    lines = ["image,observer,x,y,duration_ms,width,height"]
    lines += [f"{image},ann,{x},1,100,64,48" for x, image in enumerate(("a/1.png", "./b/1.png", "b/2.png", "3.png"))]
    (tmp_path / "f.csv").write_text("\n".join(lines))
    data = read_scanpaths(tmp_path / "f.csv")
    a, b, c = (tmp_path / folder / "1.png" for folder in "abc")
    found = trials_on(data, [b, a, c, tmp_path / "2.png", tmp_path / "c" / "3.png"])
    assert {path: trials[0].fixations[0, 0] for path, trials in found.items()} == {b: 1, a: 0, tmp_path / "c/3.png": 3}
    with pytest.raises(
        InputError, match=r"its scanpaths on 3\.png may be those on .*a.3\.png or on .*b.3\.png; predict"
    ):
        trials_on(data, [a, a.with_name("3.png"), b.with_name("3.png")])


def test_command(run: Run, tmp_path: Path) -> None:
    data = write_synthetic(tmp_path, 1, held_out=1)
    photo, out = tmp_path / "images" / "00002.png", tmp_path / "out"
    words = ("predict", photo, "--weights", "demo", "--out", out, "--reference", data)
    code, _, complained = run(*words, "--animation", "gif", "--probabilities")
    assert code == 0, complained
    made = {path.name for path in out.iterdir()}
    assert made == {
        "made.jsonl",
        "run.json",
        *(f"00002{end}" for end in (".json", ".png", ".gif", "_probabilities.npz")),
    }
    with np.load(out / "00002_probabilities.npz") as arrays:
        assert {name: values.shape for name, values in arrays.items()} == dict.fromkeys(OBSERVERS, (7, 12, 16))
        assert all((values.sum(axis=(1, 2)) <= 1.0001).all() for values in arrays.values())
    (out / "00002_probabilities.npz").unlink()
    assert "1 done" in run(*words, "--animation", "gif", "--probabilities")[1]
    assert "1 skipped" in run(*words, "--animation", "gif", "--probabilities")[1]
    assert json.loads((out / "00002.json").read_text())["width"] == 128
    (tmp_path / "other.csv").write_text("image,observer,x,y,duration_ms,width,height\nz.png,a,1,1,9,9,9\n")
    code, _, complained = run(*words[:-1], tmp_path / "other.csv")
    assert code == 2
    assert "other.csv: no scanpath on these images; it has those on z.png" in complained


def test_animated_prediction_is_the_saved_one() -> None:
    result = Predictor(load_model("demo"), "cpu", notify=lambda _: None)(synthetic_image(7)[0], observers=[1])
    path = result.scanpaths[0][0]
    assert len(list(draw_frames(synthetic_image(7)[0], {"": {"1": path}}))) == int((path[:, 2].sum() + 1) * RATE) + 1
