"""Foregrounds in and scenes out: the Predictor, results and their files, many files, and the commands for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cutouts_on_disk import cut_out, write_cut_out
from tiny_injector import tiny_injector

from anyscene_compose import Canvas, Predictor, cli, compose
from anyscene_compose.inference.cutouts import Cutting
from anyscene_compose.inference.files import compose_files
from anyscene_compose.inference.scenes import Placing
from visioncore.diffusion.base import load_base
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.images.png_settings import read_settings
from visioncore.testing.photos import photo
from visioncore.testing.suites.base import Run, refuses

NAME = "anyscene-compose"
QUICK: dict[str, Any] = {"steps": 1}


@pytest.fixture(scope="module")
def predictor(base: Path, tiny_weights: Path) -> Predictor:
    """A predictor that tests leave as it is."""
    return Predictor(tiny_weights, "cpu", base=base, notify=lambda line: None)


@pytest.fixture
def cut_outs(tmp_path: Path) -> Path:
    """A folder of two cut-outs, one of them in a folder of its own."""
    for seed, name in enumerate(("cat.png", "more/dog.webp")):
        write_cut_out(tmp_path / "cuts" / name, seed)
    return tmp_path / "cuts"


@pytest.fixture
def run(run_program: Callable[..., tuple[int, str, str]]) -> Run:
    """Runs a command of the package in this process."""
    return partial(run_program, cli.main)


class TestPredictor:
    def test_a_tensor_is_its_scene(self, predictor: Predictor) -> None:
        element = torch.from_numpy(cut_out()).permute(2, 0, 1) / 255
        (made,) = predictor.run(element[None])
        assert made.shape == (3, 64, 64)
        expected = predictor(element, harmony=0.5).images[0]
        assert np.abs((made * 65535).permute(1, 2, 0).numpy() - expected).max() < 150
        for wrong in (torch.zeros(2, 3, 20, 20), torch.zeros(1, 4, 20, 20, dtype=torch.uint8)):
            with pytest.raises(InputError, match=r"they must be \(B, 4, H, W\) RGBA in \[0, 1\]"):
                predictor.run(wrong)

    def test_the_users_injector_stays_where_it_is(self, base: Path) -> None:
        injector = tiny_injector(load_base(base))
        predictor = Predictor(injector, "cpu", base=base)
        before = predictor(cut_out(), "a cat", **QUICK).scenes
        with torch.no_grad():
            for parameter in injector.parameters():
                parameter.zero_()
        np.testing.assert_array_equal(predictor(cut_out(), "a cat", **QUICK).scenes, before)
        assert "base=" in repr(predictor)

    def test_one_call(self, base: Path, tiny_weights: Path, predictor: Predictor) -> None:
        canvas = Canvas(72, 40).place(cut_out())
        made = compose(canvas, "a cat", base=base, weights=tiny_weights, device="cpu", seeds=[4], tau=0.5, **QUICK)
        expected = predictor(canvas, "a cat", seeds=[4], tau=0.5, **QUICK)
        np.testing.assert_array_equal(made.images, expected.images)
        assert made.settings == expected.settings

    def test_an_injector_for_another_base(self, base: Path, tmp_path: Path) -> None:
        from visioncore.testing.tiny_base import tiny_base

        other = tiny_injector(load_base(tiny_base(tmp_path / "xl", kind="sdxl")))
        with pytest.raises(InputError, match="this injector is for one with"):
            Predictor(other, "cpu", base=base)


class TestResult:
    def test_images_and_their_files(self, predictor: Predictor, cut_outs: Path, tmp_path: Path) -> None:
        result = predictor(cut_outs / "cat.png", "a cat", seeds=[3, 4], **QUICK)
        assert str(result) == "2 images of 64 x 64, 'a cat'"
        result.save(tmp_path / "out")
        for number, seed in enumerate((3, 4)):
            path = tmp_path / "out" / f"cat-{number}.png"
            np.testing.assert_array_equal(read_image(path).pixels, result.images[number])
            assert read_settings(path, NAME) == json.loads(json.dumps(result.settings[number]))
            assert read_settings(path, NAME)["seed"] == seed
        with pytest.raises(InputError, match="this is the cut-out itself"):
            predictor(cut_outs / "cat.png", **QUICK).save(cut_outs / "cat.png")

    def test_a_file_of_sixteen_bit(self, predictor: Predictor, tmp_path: Path) -> None:
        deep = Canvas(64, 64).place(cut_out().astype(np.uint16) * 257, box=(12, 12, 52, 52))
        result = predictor(deep, harmony=0, **QUICK)
        path = result.save(tmp_path / "deep.png")
        np.testing.assert_array_equal(read_image(path).pixels, result.images[0])
        assert read_settings(path, NAME)["harmony"] == 0
        assert result.plain.dtype == np.uint8

    def test_a_figure_shows_the_foreground_too(self, predictor: Predictor, tmp_path: Path) -> None:
        result = predictor(Canvas(64, 64).place(cut_out(), name="mug"), "a cat", **QUICK)
        (shown,) = result.shown
        assert shown[0] == "mug"
        assert (shown[1][0, 0] == 255).all()
        assert len(result.plot(tmp_path / "figure.png").axes) == 2


class TestManyFiles:
    def test_each_of_them(self, predictor: Predictor, cut_outs: Path, tmp_path: Path) -> None:
        options = {"seeds": [1, 2], "harmony": 0.0, **QUICK}
        summary = compose_files([cut_outs], predictor, tmp_path / "out", "a {name}", options=options)
        assert [path.relative_to(tmp_path / "out").as_posix() for path in summary.done] == [
            "cat-0.png",
            "more/dog-0.png",
        ]
        settings = read_settings(tmp_path / "out" / "more" / "dog-1.png", NAME)
        assert (settings["prompt"], settings["seed"]) == ("a dog", 2)
        assert settings["elements"][0]["words"] == ["dog"]
        about = json.loads((tmp_path / "out" / "run.json").read_text())
        assert about["settings"]["weights"] == predictor.weights
        assert about["settings"]["prompt"] == "a {name}"
        said: list[str] = []
        again = partial(compose_files, [cut_outs], predictor, tmp_path / "out", options=options, say=said.append)
        assert len(again(prompt="a {name}").skipped) == 2
        assert len(again(prompt="a boat").done) == 2
        assert "prompt was a {name} and is a boat" in said[0]

    def test_a_layout(self, predictor: Predictor, cut_outs: Path, tmp_path: Path) -> None:
        elements = [{"image": "cat.png", "box": [0, 0, 40, 40]}, {"image": "more/dog.webp", "box": [30, 24, 70, 64]}]
        (cut_outs / "two.json").write_text(json.dumps({"width": 72, "height": 64, "elements": elements}))
        summary = compose_files([cut_outs / "two.json"], predictor, tmp_path / "both.png", "a cat", options=QUICK)
        assert summary.done == [tmp_path / "both.png"]
        assert read_image(tmp_path / "both.png").pixels.shape == (64, 72, 3)
        assert len(read_settings(tmp_path / "both.png", NAME)["elements"]) == 2

    def test_a_layout_whose_image_has_changed_is_made_anew(
        self, predictor: Predictor, cut_outs: Path, tmp_path: Path
    ) -> None:
        (cut_outs / "one.json").write_text(json.dumps({"elements": [{"image": "cat.png"}]}))
        said: list[str] = []
        again = partial(compose_files, [cut_outs / "one.json"], predictor, tmp_path / "out", options=QUICK)
        assert len(again(say=said.append).done) == 1
        assert len(again(say=said.append).skipped) == 1
        write_cut_out(cut_outs / "cat.png", seed=77, side=41)
        assert len(again(say=said.append).done) == 1
        assert "its input is another or was changed" in said[0]

    def test_nothing_that_is_needed_is_written_over(self, predictor: Predictor, cut_outs: Path, tmp_path: Path) -> None:
        write_cut_out(tmp_path / "masks" / "cat-1.png")
        layout = cut_outs / "cat.json"
        layout.write_text(json.dumps({"elements": [{"image": "cat.png"}]}))
        before = {path: path.read_bytes() for path in (tmp_path / "masks" / "cat-1.png", cut_outs / "cat.png")}
        for source, out, seeds, mask in (
            (layout, cut_outs, [1], None),
            (cut_outs / "cat.png", tmp_path / "masks", [1, 2], tmp_path / "masks" / "cat-1.png"),
        ):
            placing = Placing(cutting=Cutting(mask))
            with pytest.raises(InputError, match="this file would be written over; name another folder"):
                compose_files([source], predictor, out, "", placing, options={**QUICK, "seeds": seeds})
        assert {path: path.read_bytes() for path in before} == before

    def test_what_will_not_do_at_all(self, predictor: Predictor, cut_outs: Path, tmp_path: Path) -> None:
        for out, options, told in (
            ("x.jpg", {}, r"images are written as \.png"),
            ("x.png", {}, "one file, but there are 2 cut-outs"),
            ("out", {"tau": 2}, "tau is 2"),
            ("out", {"seeds": []}, "no image is asked for"),
        ):
            with pytest.raises(InputError, match=told):
                compose_files([cut_outs], predictor, tmp_path / out, options={**QUICK, **options})
        assert not (tmp_path / "out").exists()

    def test_a_rounded_canvas_is_told(self, predictor: Predictor, cut_outs: Path, tmp_path: Path) -> None:
        said: list[str] = []
        compose_files(
            [cut_outs / "cat.png"],
            predictor,
            tmp_path / "out",
            "",
            Placing(size=(70, 50)),
            options=QUICK,
            say=said.append,
        )
        assert said == ["a canvas of 70 x 50 pixels is rounded to 72 x 48, multiples of 8"]


class TestCommands:
    @pytest.fixture
    def words(self, base: Path, tiny_weights: Path) -> tuple[Any, ...]:
        return ("--base", base, "--weights", tiny_weights, "--device", "cpu", "--steps", 1)

    def test_compose(self, run: Run, words: Any, cut_outs: Path, tmp_path: Path, predictor: Predictor) -> None:
        more = ("--size", 72, 40, "--box", 10, 5, 40, 35, "--rotation", 90, "--harmony", 0, "--seeds", 5, 6)
        prompt = ("--prompt", "a {name} with a dog", "--negative", "a boat", "--semantic", 0.5, "--no-layout")
        code, said, complaints = run("compose", cut_outs / "cat.png", *words, *more, *prompt, "--out", tmp_path / "out")
        assert (code, complaints) == (0, "")
        assert said == f"1 done, 0 skipped as done before, 0 failed; results in {tmp_path / 'out'}\n"
        element = Placing().cutting.read(cut_outs / "cat.png", words=["cat"]).trimmed()
        canvas = Canvas(72, 40).place(element, (10, 5, 40, 35), rotation=90)
        expected = predictor(
            canvas,
            "a cat with a dog",
            negative="a boat",
            harmony=0,
            seeds=[6],
            layout=False,
            scale={"semantic": 0.5},
            **QUICK,
        )
        made = read_image(tmp_path / "out" / "cat-1.png").pixels
        assert np.abs(made.astype(int) - expected.images[0]).max() <= 1

    def test_photos_with_masks_in_their_place(self, run: Run, words: Any, tmp_path: Path) -> None:
        """And predict is compose."""
        mask = np.where(cut_out(72)[..., 3] > 127, 255, 0).astype(np.uint8)
        write_image(tmp_path / "photo.jpg", Image(photo(72, 72)))
        write_image(tmp_path / "mask.png", Image(mask[..., None].repeat(3, axis=2)))
        more = ("--mask", tmp_path / "mask.png", "--in-place", "--harmony", 0, "--out", tmp_path / "new.png")
        assert run("predict", tmp_path / "photo.jpg", *words, *more)[0] == 0
        made, given = (read_image(tmp_path / name).pixels for name in ("new.png", "photo.jpg"))
        np.testing.assert_array_equal(made[mask > 0], given[mask > 0])
        assert np.abs(made[mask == 0].astype(int) - given[mask == 0]).mean() > 5

    def test_relight(self, run: Run, cut_outs: Path, tmp_path: Path) -> None:
        write_image(tmp_path / "scene.png", Image(photo(50, 60, seed=3)))
        more = ("--scene", tmp_path / "scene.png", "--box", 5, 5, 35, 35, "--harmony", 0, "--out", tmp_path / "out")
        code, said, _ = run("relight", cut_outs, *more)
        assert (code, said[:6]) == (0, "2 done")
        made = read_image(tmp_path / "out" / "cat.png").pixels
        cut = cut_out()[5:35, 5:35]
        solid = cut[..., 3] == 255
        np.testing.assert_array_equal(made[5:35, 5:35][solid], cut[..., :3][solid])
        np.testing.assert_array_equal(made[:, 36:], photo(50, 60, seed=3)[:, 36:])

    def test_bad_input_is_one_line(self, run: Run, words: Any, cut_outs: Path, tmp_path: Path) -> None:
        out = ("--out", tmp_path / "out")
        at_all: tuple[tuple[tuple[Any, ...], str], ...] = (
            (("--harmony", 2), "harmony is 2"),
            (("--in-place", "--box", 0, 0, 8, 8), "in-place keeps an element where it is"),
            (("--mask", tmp_path / "none.png"), "none.png: no such file or folder"),
            (("--points", 1, 2), "points and around are for Segment Anything"),
            (("--alpha", "none"), "alpha"),
            (("--clip", tmp_path / "none.pt"), "this injector needs no CLIP"),
        )
        for more, told in at_all:
            refuses(run, "compose", cut_outs, *words, *more, *out, told=told)
        refuses(run, "relight", cut_outs, "--scene", tmp_path / "none.png", *out, told="none.png: no such file")
        write_image(tmp_path / "photo.jpg", Image(photo(40, 40)))
        write_image(tmp_path / "black.png", Image(np.zeros((40, 40, 3), np.uint8)))
        write_image(tmp_path / "small.png", Image(np.full((20, 40, 3), 255, np.uint8)))
        write_image(tmp_path / "white.png", Image(np.full((40, 40, 3), 255, np.uint8)))
        per_file: tuple[tuple[tuple[Any, ...], str], ...] = (
            ((), "photo.jpg: it has no alpha"),
            (("--mask", tmp_path / "black.png"), "photo.jpg: the mask is empty"),
            (("--mask", tmp_path / "small.png"), "alpha has 40 x 20 pixels and the image 40 x 40"),
            (("--mask", tmp_path / "white.png", "--in-place"), "the mask covers everything"),
            (("--mask", tmp_path / "white.png", "--words", "boat"), "does not contain 'boat'"),
            (("--mask", tmp_path / "white.png", "--box", 90, 0, 99, 9), "lies outside of the canvas"),
        )
        for more, told in per_file:
            code, _, complaints = run("compose", tmp_path / "photo.jpg", *words, *more, *out)
            assert (code, complaints.count("\n")) == (1, 1), complaints
            assert complaints.startswith("failed: ")
            assert told in complaints
