"""The commands of this method, from one to the next; what all methods share is in test_commands.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_adapter import tiny_adapter

from artadapter_style import ArtAdapterPipeline, Strengths
from artadapter_style.inference.bases import open_base
from visioncore.images import Image, read_image, write_image
from visioncore.images.png_settings import read_settings, write_png
from visioncore.testing.photos import photo
from visioncore.testing.suites.base import Run, files_in, refuses

NAME = "artadapter-style"

PACKAGE = "artadapter_style"


@pytest.fixture(scope="module")
def adapter(base: Path, saved: Callable[[Any], Path]) -> Path:
    """The folder of an adapter for the tiny base, whose style shows."""
    return saved(tiny_adapter(open_base(base)))


@pytest.fixture
def how(base: Path, adapter: Path) -> tuple[object, ...]:
    """Options that every command needs, with one step."""
    return ("--weights", adapter, "--base", base, "--device", "cpu", "--steps", 1)


@pytest.fixture
def styles(tmp_path: Path) -> Path:
    """A folder of two references and a style file."""
    for seed, name in enumerate(("ink.png", "oil.png")):
        write_image(tmp_path / "styles" / name, Image(photo(24, 32, seed=seed)))
    return tmp_path / "styles"


def test_every_option_reaches_the_image(
    run: Run, how: tuple[object, ...], styles: Path, base: Path, adapter: Path, tmp_path: Path
) -> None:
    words = (
        *("--prompt", "a cat", "--negative", "a dog", "--seed", 3, "--images", 2, "--sampler", "euler"),
        *("--guidance", 4, "--style-guidance", 6, "--size", 24, 40, "--high", styles / "oil.png"),
        *("--scale", 0.8, "--low-scale", 0.5, "--up-layers", 0.25, "--style-steps", 0, 0.9, "--steps", 3),
    )
    code, said, complaints = run("generate", styles / "ink.png", *how[:-2], *words, "--out", tmp_path / "a.png")
    assert (code, complaints) == (0, "")
    assert said == f"1 done, 0 skipped as done before, 0 failed; results in {tmp_path / 'a.png'}\n"
    pipe = ArtAdapterPipeline.from_base(base, adapter, "cpu")
    expected = pipe(
        "a cat",
        styles / "ink.png",
        negative="a dog",
        seed=3,
        images=2,
        sampler="euler",
        guidance=4,
        style_guidance=6,
        size=(24, 40),
        mix={"high": styles / "oil.png"},
        scale=Strengths(0.4, 0.8, 0.8, {"up": 0.25}, (0, 0.9)),
        steps=3,
    )
    for number in (0, 1):
        path = tmp_path / f"a-{number}.png"
        np.testing.assert_array_equal(read_image(path).pixels, expected.images[number])
        settings = read_settings(path, NAME)
        assert settings["strengths"].pop("groups") == {"down": 1, "mid": 1, "up": 0.25}
        assert settings["strengths"] == {"low": 0.4, "mid": 0.8, "high": 0.8, "steps": [0, 0.9]}
        assert settings["seed"] == 3 + number


def test_photos_are_changed(run: Run, how: tuple[object, ...], styles: Path, tmp_path: Path) -> None:
    image, mask = photo(30, 40, seed=5), np.zeros((30, 40), np.uint8)
    mask[:, 20:] = 255
    write_image(tmp_path / "photo.png", Image(image))
    write_image(tmp_path / "mask.png", Image(mask[..., None].repeat(3, axis=2), grey=True))
    given = ("--image", tmp_path / "photo.png", "--mask", tmp_path / "mask.png")
    assert run("generate", styles / "ink.png", *how, *given, "--out", tmp_path / "a.png")[0] == 0
    made = read_image(tmp_path / "a.png").pixels
    np.testing.assert_array_equal(made[:, :20], image[:, :20])
    assert (made[:, 20:] != image[:, 20:]).any()
    code, said, complaints = run("generate", styles / "ink.png", *how, *given, "--out", tmp_path / "out")
    mask[:, 10:] = 255
    write_image(tmp_path / "mask.png", Image(mask[..., None].repeat(3, axis=2), grey=True))
    code, said, complaints = run("generate", styles / "ink.png", *how, *given, "--out", tmp_path / "out")
    assert (code, said.partition(",")[0]) == (0, "1 done")
    assert complaints.startswith("a result is made anew: mask was ")


def test_styles_together_and_by_level(run: Run, how: tuple[object, ...], styles: Path, tmp_path: Path) -> None:
    together = ("generate", styles, *how, "--together", "--shares", 1, 3, "--out", tmp_path / "out")
    assert run(*together)[1].startswith("1 done")
    assert [part["weight"] for part in read_settings(tmp_path / "out" / "ink.png", NAME)["style"]] == [1, 3]
    levels = ("--low", styles / "ink.png", "--high", styles / "oil.png")
    assert run("predict", *how, *levels, "--out", tmp_path / "levels")[1].startswith("1 done")
    assert read_settings(tmp_path / "levels" / "ink.png", NAME)["style"].keys() == {"low", "high"}


def test_a_grid(run: Run, how: tuple[object, ...], styles: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a dog\n\na boat\n")
    words = ("mix", styles, *how, "--prompt", "a cat", "--prompts", tmp_path / "prompts.txt", "--out", tmp_path / "mix")
    code, said, complaints = run(*words)
    assert (code, complaints) == (0, "")
    assert said == f"6 done, 0 skipped as done before, 0 failed; results in {tmp_path / 'mix'}\n"
    names = ("01-a-cat", "02-a-dog", "03-a-boat")
    assert files_in(tmp_path / "mix") == sorted(
        [*(f"{style}/{name}.png" for style in ("ink", "oil") for name in names), "sheet.png"]
    )
    assert run(*words)[1].startswith("0 done, 6 skipped")
    assert len(json.loads((tmp_path / "mix" / "run.json").read_text())["skipped"]) == 6


def test_what_a_file_holds(run: Run, how: tuple[object, ...], styles: Path, base: Path, adapter: Path) -> None:
    read = ArtAdapterPipeline.from_base(base, adapter, "cpu").style(styles / "ink.png")
    assert read is not None
    read.style.save(styles / "ink.safetensors")
    code, said, _ = run("style", "info", styles / "ink.safetensors")
    assert code == 0
    assert "name     ink.png\n" in said
    assert f"adapter  {read.style.base}\n" in said
    assert "low      3 x 32 tokens, " in said
    assert run("generate", styles / "ink.safetensors", *how, "--out", styles / "made.png", "--prompt", "a cat")[0] == 0
    code, said, _ = run("style", "info", styles / "made.png")
    assert code == 0
    assert "prompt" in said
    assert "a cat\n" in said


def test_settings_are_told_without_torch(tmp_path: Path) -> None:
    write_png(tmp_path / "made.png", photo(8, 8, seed=0), {"prompt": "a cat"}, NAME)
    lines = (
        "import sys",
        "from artadapter_style.cli import main",
        f"main(['style', 'info', {str(tmp_path / 'made.png')!r}])",
        "print('torch' in sys.modules)",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("prompt  a cat\nFalse\n", "")


def test_bad_input_is_one_line(
    run: Run, how: tuple[object, ...], styles: Path, base: Path, adapter: Path, tmp_path: Path
) -> None:
    ink, out, brushwork = styles / "ink.png", ("--out", tmp_path / "out"), tmp_path / "brushwork.safetensors"
    read = ArtAdapterPipeline.from_base(base, adapter, "cpu").style(ink)
    assert read is not None
    read.style.only(["low"]).save(brushwork)
    write_image(tmp_path / "out.jpg", Image(photo(20, 20, seed=0)))
    for words, told in (
        (("generate", *how, *out), "inputs: at least one is needed"),
        (("generate", ink, *how, "--out", tmp_path / "new.jpg"), "images are written as .png"),
        (("generate", ink, *how, *out, "--scale", "11"), "the strength of low is 11; it must be from 0 to 10"),
        (("generate", ink, *how, *out, "--style-steps", "1", "0"), "steps are from 1 to 0"),
        (("generate", ink, *how, *out, "--shares", "1"), "weights are for references that are taken together"),
        (("generate", styles, *how, *out, "--together", "--shares", "1"), "1 weights for 2 references"),
        (("generate", ink, *how, *out, "--images", "-1"), "images must be at least 1"),
        (("generate", ink, *how, *out, "--prompt", "a \udcff"), r"the text 'a \udcff' has bytes that are no UTF-8"),
        (("generate", ink, *how, *out, "--high", brushwork), "brushwork.safetensors: has no high level"),
        (("generate", ink, *how, *out, "--sampler", "pndm"), "pndm"),
        (("generate", styles, *how, *out, "--strength", "0.5"), "strength is for an image"),
        (("generate", styles, *how, *out, "--size", "64", "9000"), "width is 9000"),
        (("generate", styles, *how, *out, "--image", tmp_path / "none.png"), "none.png"),
        (("generate", styles, *how, *out, "--low", tmp_path / "none.png"), "none.png"),
        (("mix", styles, *how, *out, "--prompt", "a", "--steps", "0"), "steps is 0"),
        (("generate", ink, *how[:2], *how[4:], *out, "--base", tmp_path / "none"), "no such file or folder"),
        (("mix", ink, *how, *out), "no prompt is given"),
        (("mix", ink, *how, *out, "--prompt", "a", "a"), "the prompt 'a' is given twice"),
        (("mix", ink, *how, *out, "--prompts", tmp_path / "none.txt"), "none.txt"),
        (("mix", ink, *how, *out, "--prompt", "a", "--images", "0"), "images must be at least 1"),
        (("style", "info", ink), "holds no settings"),
        (("style", "info", tmp_path / "none.safetensors"), "none.safetensors"),
        (("style", "make", ink), "make"),
    ):
        refuses(run, *words, told=told)
    assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []
