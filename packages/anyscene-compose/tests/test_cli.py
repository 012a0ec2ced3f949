"""The commands of this method, from one to the next; what all methods share is in test_commands.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cutouts_on_disk import write_cut_out

from anyscene_compose import AnyScene, Canvas, Element, relight
from anyscene_compose.data.synthetic import make_scenes
from visioncore.images import Image, read_image, write_image
from visioncore.images.png_settings import read_settings
from visioncore.testing.photos import photo
from visioncore.testing.suites.base import Run, files_in, refuses

PACKAGE = "anyscene_compose"
NAME = "anyscene-compose"


@pytest.fixture
def how(base: Path, tiny_weights: Path) -> tuple[object, ...]:
    """Options that every command needs, with one step."""
    return ("--weights", tiny_weights, "--base", base, "--device", "cpu", "--steps", 1)


@pytest.fixture
def cutouts(tmp_path: Path) -> Path:
    """A folder of two cut-outs."""
    for seed, name in enumerate(("cat.png", "red-boat.png")):
        write_cut_out(tmp_path / "cutouts" / name, seed=seed)
    return tmp_path / "cutouts"


def pixels_of(path: Path) -> Any:
    return read_image(path).pixels


def test_every_option_reaches_the_image(
    run: Run, how: tuple[object, ...], cutouts: Path, base: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    words = (
        *("--prompt", "a {name} with a dog", "--negative", "a tree", "--seeds", 3, 8, "--sampler", "euler"),
        *("--guidance", 4, "--size", 72, 64, "--box", 10, 8, 50, 60, "--rotation", 20, "--steps", 3),
        *("--spatial", 0.5, "--semantic", 0.8, "--tau", 0.5, "--band", 0, "--harmony", 0.7, "--levels", 4),
        *("--keep-low", 1, "--words", "{name}"),
    )
    code, said, complaints = run("compose", cutouts / "cat.png", *how[:-2], *words, "--out", tmp_path / "a.png")
    assert (code, complaints) == (0, "")
    assert said == f"1 done, 0 skipped as done before, 0 failed; results in {tmp_path / 'a.png'}\n"
    element = Element(cutouts / "cat.png", name="cat", words=["cat"]).trimmed()
    expected = AnyScene.from_base(base, tiny_weights, "cpu").compose(
        Canvas(72, 64).place(element, box=(10, 8, 50, 60), rotation=20),
        "a cat with a dog",
        "a tree",
        seeds=[3, 8],
        steps=3,
        guidance=4,
        sampler="euler",
        scale={"spatial": 0.5, "semantic": 0.8},
        tau=0.5,
        band=0,
        harmony=0.7,
        levels=4,
        keep_low=1,
    )
    for number, seed in enumerate((3, 8)):
        path = tmp_path / f"a-{number}.png"
        np.testing.assert_array_equal(pixels_of(path), expected.images[number])
        settings = read_settings(path, NAME)
        assert (settings["seed"], settings["spatial"], settings["keep_low"]) == (seed, 0.5, 1)


def test_a_folder_and_a_layout(run: Run, how: tuple[object, ...], cutouts: Path, tmp_path: Path) -> None:
    words = ("predict", cutouts, *how, "--prompt", "a {name}", "--size", 64, 64, "--out", tmp_path / "out")
    code, said, complaints = run(*words)
    assert (code, complaints, said.partition(",")[0]) == (0, "", "2 done")
    assert files_in(tmp_path / "out") == ["cat.png", "red-boat.png"]
    assert read_settings(tmp_path / "out" / "red-boat.png", NAME)["prompt"] == "a red boat"
    assert run(*words)[1].startswith("0 done, 2 skipped")
    elements = [
        {"image": "cat.png", "box": [0, 0, 40, 40], "name": "cat"},
        {"image": "red-boat.png", "box": [30, 30, 62, 62], "words": ["boat"], "order": 2},
    ]
    layout = {"width": 64, "height": 64, "prompt": "a cat with a boat", "elements": elements}
    (cutouts / "both.json").write_text(json.dumps(layout))
    code, _, complaints = run("compose", cutouts / "both.json", *how, "--out", tmp_path / "both.png")
    assert (code, complaints) == (0, "")
    told = read_settings(tmp_path / "both.png", NAME)
    assert (told["prompt"], [each["order"] for each in told["elements"]]) == ("a cat with a boat", [0, 2])


def test_a_photo_with_its_mask_keeps_its_pixels(run: Run, how: tuple[object, ...], tmp_path: Path) -> None:
    mask = np.zeros((64, 64, 3), np.uint8)
    mask[16:48, 16:48] = 255
    write_image(tmp_path / "photo.png", Image(photo(64, 64, seed=4)))
    write_image(tmp_path / "mask.png", Image(mask, grey=True))
    given = ("--mask", tmp_path / "mask.png", "--in-place", "--prompt", "a house", "--name", "house", "--harmony", 0)
    code, _, complaints = run("compose", tmp_path / "photo.png", *how, *given, "--out", tmp_path / "made.png")
    assert (code, complaints) == (0, "")
    made = pixels_of(tmp_path / "made.png")
    np.testing.assert_array_equal(made[16:48, 16:48], photo(64, 64, seed=4)[16:48, 16:48])
    assert (made[:16] != photo(64, 64, seed=4)[:16]).any()


def test_relighting(run: Run, cutouts: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "scene.png", Image(photo(80, 100, seed=7)))
    words = ("--scene", tmp_path / "scene.png", "--box", 20, 20, 70, 70, "--harmony", 0.9, "--out", tmp_path / "out")
    assert run("relight", cutouts, *words)[1].startswith("2 done, 0 skipped")
    cat = Element(cutouts / "cat.png").trimmed()
    expected = relight(cat, tmp_path / "scene.png", (20, 20, 70, 70), harmony=0.9)
    np.testing.assert_array_equal(pixels_of(tmp_path / "out" / "cat.png"), expected.pixels)
    assert run("relight", cutouts, *words)[1].startswith("0 done, 2 skipped")


def test_train_compose_and_measure(run: Run, base: Path, cutouts: Path, tmp_path: Path) -> None:
    recipe, scenes = Path(__file__).parent / "tiny.yaml", make_scenes(tmp_path / "scenes")
    words = ("train", "--recipe", recipe, "--base", base, "--data", scenes, "--out", tmp_path / "run")
    assert run(*words, "--set.loop.steps", 2)[0] == 0
    weights = ("--weights", tmp_path / "run" / "last", "--base", base, "--device", "cpu", "--steps", 1)
    composed = ("--prompt", "a {name}", "--size", 64, 64, "--out", tmp_path / "out")
    assert run("compose", cutouts, *weights, *composed)[0] == 0
    (tmp_path / "prompts.txt").write_text("{name} with a tree\n")
    plan = ("--data", cutouts, "--prompts", tmp_path / "prompts.txt", "--seeds", 0, "--size", 64, 64)
    assert run("benchmark", *plan, *weights, "--out", tmp_path / "tables")[0] == 0
    assert json.loads((tmp_path / "tables" / "report.json").read_text())["measured"]["psnr"]["paste"]["mean"] == 100
    assert f"{tmp_path / 'run' / 'last'}" in run("info", "--weights", tmp_path / "run" / "last")[1]


def test_bad_input_is_one_line(run: Run, how: tuple[object, ...], cutouts: Path, tmp_path: Path) -> None:
    cat, out = cutouts / "cat.png", ("--out", tmp_path / "out")
    write_image(tmp_path / "photo.png", Image(photo(20, 20, seed=0)))
    for words, told in (
        (("compose", *how, *out), "inputs: at least one is needed"),
        (("compose", cat, *how, "--out", tmp_path / "new.jpg"), "images are written as .png"),
        (("compose", cat, *how, *out, "--spatial", "-1"), "the spatial scale is -1"),
        (("compose", cat, *how, *out, "--tau", "2"), "tau is 2"),
        (("compose", cat, *how, *out, "--harmony", "2"), "harmony is 2"),
        (("compose", cat, *how, *out, "--sampler", "pndm"), "pndm"),
        (("compose", cat, *how, *out, "--mask", tmp_path / "none.png"), "none.png: no such file or folder"),
        (("compose", cat, *how, *out, "--points", "3", "4"), "points and around are for Segment Anything"),
        (("compose", cat, *how, *out, "--in-place", "--box", "1", "1", "9", "9"), "in-place keeps an element"),
        (("compose", cat, *how[:2], *how[4:], *out, "--base", tmp_path / "none"), "no such file or folder"),
        (("compose", cat, *how, *out, "--size", "0", "64"), "width of the canvas is 0"),
        (("compose", cat, *how, *out, "--rotation", "nan"), "its rotation is nan; it must be a number"),
        (("compose", cat, *how, *out, "--box", "9", "0", "3", "9"), r"its box (9, 0, 3, 9) holds nothing"),
        (("relight", cat, "--scene", tmp_path / "none.png", *out), "none.png: no such file or folder"),
        (("relight", cat, "--scene", cat, "--levels", "1", *out), "levels is 1"),
        (("relight", cat, "--scene", cat, "--box", "9", "0", "3", "9", *out), "holds nothing"),
        (("relight", cat, "--scene", cat, "--out", tmp_path / "out.jpg"), "images are written as .png, .tif, .tiff"),
    ):
        refuses(run, *words, told=told)
    code, _, complaints = run("compose", tmp_path / "photo.png", *how, *out, "--prompt", "a photo")
    assert (code, complaints.count("\n")) == (1, 1)
    assert "it has no alpha" in complaints
    assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []
