"""Observers by name: what weights were trained on, whoever comes first in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from isp_scanpath import ISP, ChenLSTMISP, ObserverVectors, Predictor, load_model, read_scanpaths
from isp_scanpath.data.trials import ScanpathData
from isp_scanpath.evaluation.networks import evaluate_weights
from isp_scanpath.inference.recorded import beside
from isp_scanpath.inference.result import Result
from isp_scanpath.network.config import VARIANTS, ChenLSTMConfig
from isp_scanpath.training.trainer import train
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.weights.fingerprint import fingerprint

PACKAGE = "isp_scanpath"
CONFIG = ChenLSTMConfig(observers=3, steps=3, grid=(9, 12), channels=6, width=4, blocks=(1, 1, 1, 1))
NAMED = replace(CONFIG, names=("ann", "bob", "cy"))
PHOTO = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
PATH = np.array([[8.0, 6.0, 0.2]])
RECIPE = """
chen_lstm: {observers: 5, steps: 3, grid: [9, 12], channels: 6, width: 4, blocks: [1, 1, 1, 1]}
loop: {steps: 1, batch_size: 1, learning_rate: 1.0e-3, validate_every: 1}
"""


def write(folder: Path, *observers: str) -> Path:
    """Write three images, each with a scanpath of each observer, in this order; where each looks is their own."""
    lines = ["image,observer,x,y,duration_ms,split,width,height,group"]
    for number, split in enumerate(("train", "validation", "test")):
        write_image(folder / f"{number}.png", Image(PHOTO))
        for name in observers:
            x = 5 + 15 * ["ann", "bob", "cy", "eve"].index(name)
            lines += [f"{number}.png,{name},{x},{y},200,{split},64,48,of {name}" for y in (9, 20, 40)]
    path = folder / f"{'_'.join(observers)}.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def named(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    ISP(NAMED).save_pretrained(tmp_path / "named")
    return tmp_path / "named"


def test_names_that_cannot_be() -> None:
    for names, told in (
        (("a", "b"), "names are 2; there must be one for each of the 3 observers"),
        (("a", "b", "a"), "names are a, b, a; each must be there once, none be empty or mean"),
        (("a", "b", "mean"), "none be empty or mean"),
        (("a", "b", ""), "none be empty or mean"),
    ):
        with pytest.raises(InputError, match=told):
            replace(CONFIG, names=names)
    assert all(config.names == () for config in VARIANTS.values())


def test_names_change_no_weights(named: Path) -> None:
    """Vectors that were adapted to weights before they had names still belong to them."""
    model = load_model(named)
    assert model.config.names == ("ann", "bob", "cy")
    same = ISP(CONFIG)
    same.load_state_dict(model.state_dict())
    assert fingerprint(same) == fingerprint(model)


def test_predicted_by_name(named: Path) -> None:
    predictor = Predictor(named, "cpu", deterministic=True)
    assert predictor(PHOTO).observers == ("ann", "bob", "cy")
    found = predictor(PHOTO, observers=["cy", 0, "mean"])
    assert found.observers == ("cy", "ann", "mean")
    torch.testing.assert_close(predictor.observers(["cy", 0])[1], load_model(named).observers.table[[2, 0]].detach())
    for unknown in ("eve", "0", 3, -1):
        with pytest.raises(InputError, match=f"no observer {unknown!r}; known are ann, bob, cy and mean"):
            predictor(PHOTO, observers=[unknown])
    several: list[list[int | str]] = [["bob", "cy", "bob"], ["bob", 1]]
    for twice in several:
        with pytest.raises(InputError, match="observers are there twice: bob; each only once"):
            predictor(PHOTO, observers=twice)
    vectors = ObserverVectors(("ann",), torch.zeros(1, 128))
    with pytest.raises(InputError, match="there twice: ann"):
        predictor(PHOTO, observers=["ann"], vectors=vectors)


def test_trained_weights_hold_the_names(tmp_path: Path) -> None:
    """Of five observers that the recipe allows the data has three, and no other vector is part of the mean."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    train(tmp_path / "recipe.yaml", write(tmp_path, "bob", "ann", "cy"), tmp_path / "run", images=tmp_path)
    best = tmp_path / "run" / "best"
    assert load_model(best).config.names == ("bob", "ann", "cy")
    assert load_model(best).config.observers == 3
    other = write(tmp_path, "cy", "ann")
    train(tmp_path / "recipe.yaml", other, tmp_path / "more", images=tmp_path, weights=best)
    assert load_model(tmp_path / "more" / "best").config.names == ("bob", "ann", "cy")
    (tmp_path / "named.yaml").write_text(RECIPE.replace("observers: 5", "observers: 2, names: [ann, cy]"))
    train(tmp_path / "named.yaml", other, tmp_path / "named", images=tmp_path)
    assert load_model(tmp_path / "named" / "best").config.names == ("ann", "cy")
    with pytest.raises(InputError, match="the network does not know eve; known are bob, ann, cy; adapt fits"):
        train(tmp_path / "recipe.yaml", write(tmp_path, "eve", "ann"), tmp_path / "no", images=tmp_path, weights=best)


def test_the_twin_holds_no_names(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    data = write(tmp_path, "bob", "ann", "cy")
    train(tmp_path / "recipe.yaml", data, tmp_path / "run", images=tmp_path, overrides={"individual": "false"})
    config = load_model(tmp_path / "run" / "best").config
    assert (config.observers, config.names) == (1, ())


def test_the_order_of_a_file_does_not_count(named: Path, tmp_path: Path) -> None:
    found = []
    for order in (("ann", "bob", "cy"), ("cy", "ann", "bob")):
        measured = evaluate_weights(write(tmp_path, *order), named, images=tmp_path, seeds=2, device="cpu")
        rows = measured["published"].by_observer()
        found.append(rows.rows)
    assert found[0] == found[1]
    with pytest.raises(InputError, match=r"ann_eve\.csv: the network does not know eve; known are ann, bob, cy"):
        evaluate_weights(write(tmp_path, "ann", "eve"), named, images=tmp_path, device="cpu")


def test_groups_and_trials_keep_their_observers(tmp_path: Path) -> None:
    data = read_scanpaths(write(tmp_path, "cy", "ann"))
    known = data.as_known_to(NAMED)
    assert known.groups == ("of ann", "", "of cy")
    for before, after in zip(data.trials, known.trials, strict=True):
        assert known.observers[after.observer] == data.observers[before.observer]
        assert after.fixations is before.fixations


@pytest.mark.filterwarnings("error")
def test_names_in_the_order_of_a_file(tmp_path: Path) -> None:
    """Weights without names take whoever comes first as their first, and say so, unless it cannot be otherwise."""
    data = read_scanpaths(write(tmp_path, "cy", "ann"))
    with pytest.warns(
        UserWarning, match=r"cy_ann\.csv: these weights do not name their observers, .*: cy is 0, ann is 1$"
    ):
        assert data.as_known_to(CONFIG) is data
    data.as_known_to(NAMED)
    data.as_known_to(replace(CONFIG, observers=1))
    replace(data, observers=("0", "1")).as_known_to(CONFIG)
    replace(data, by_order=False).as_known_to(CONFIG)


def test_who_is_told_of_the_order(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """Every command that matches the observers of a file with those of a network."""
    torch.manual_seed(0)
    ISP(CONFIG).save_pretrained(tmp_path / "unnamed")
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("observers: 5", "observers: 3"))
    data, out = write(tmp_path, "cy", "ann", "bob"), tmp_path / "out"
    weights, images = ("--weights", tmp_path / "unnamed"), ("--images", tmp_path)
    for words in (
        ("predict", tmp_path / "2.png", *weights, "--reference", data, "--out", out / "predicted"),
        ("evaluate", *weights, *images, "--data", data, "--seeds", 1, "--out", out / "tables"),
        ("observers", *weights, *images, "--data", data, "--out", out / "study"),
        ("train", "--recipe", tmp_path / "recipe.yaml", *weights, *images, "--data", data, "--out", out / "run"),
    ):
        code, _, told = run(*words)
        assert code == 0, told
        assert told.count("these weights do not name their observers") == 1, words
    code, _, told = run("train", "--recipe", tmp_path / "recipe.yaml", *images, "--data", data, "--out", out / "new")
    assert (code, "do not name" in told) == (0, False)


def test_study_of_named_observers(run: Callable[..., tuple[int, str, str]], named: Path, tmp_path: Path) -> None:
    """A file of two of the three is enough, in any order."""
    out = tmp_path / "study"
    code, _, told = run("observers", "--weights", named, "--data", write(tmp_path, "cy", "ann"), "--out", out)
    assert code == 0, told
    rows = [line.split(",") for line in (out / "observers.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["observer", "ann", "bob", "cy"]
    assert [row[rows[0].index("group")] for row in rows[1:]] == ["of ann", "", "of cy"]


def test_recorded_by_name_or_by_index(tmp_path: Path) -> None:
    """Where people are named by numbers, a number is a name if the network has names, and else an index."""
    lines = ["image,observer,x,y,duration_ms,width,height", "a.png,1,8,6,100,64,48", "a.png,2,40,30,100,64,48"]
    (tmp_path / "f.csv").write_text("\n".join(lines))
    data: ScanpathData = read_scanpaths(tmp_path / "f.csv")
    result = Result(Image(PHOTO), ("0", "1", "2"), ((PATH,),) * 3)
    by_index = beside(result, data, data.trials, (), by_index=True)
    assert {name: path[0, 0] for name, path in by_index.items()} == {"0": 8, "1": 40}
    by_name = beside(result, data, data.trials, ("0", "1", "2"))
    assert {name: path[0, 0] for name, path in by_name.items()} == {"1": 8, "2": 40}


@pytest.mark.parametrize(
    ("observers", "scanmatch"), [(("ann", "bob", "cy"), 1), (("0", "1", "2"), 1), (("1", "2", "0"), None)]
)
def test_results_by_name_or_by_index(tmp_path: Path, observers: tuple[str, ...], scanmatch: float | None) -> None:
    data = write(tmp_path, "ann", "bob", "cy")
    entries = [
        {"observer": name, "x": [5 + 15 * place] * 3, "y": [9, 20, 40], "duration_ms": [200] * 3}
        for place, name in enumerate(observers)
    ]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "2.json").write_text(json.dumps({"width": 64, "height": 48, "scanpaths": entries}))
    means = evaluate_weights(data, results=tmp_path / "out", seeds=1)["published"].means()
    assert (means["scanmatch"] == 1) == (scanmatch == 1)


def test_results_that_can_be_read_in_two_ways(tmp_path: Path) -> None:
    data = write(tmp_path, "ann", "bob")
    data.write_text(data.read_text().replace(",ann,", ",1,").replace(",bob,", ",2,"))
    entry = {"x": [5], "y": [9], "duration_ms": [200]}
    (tmp_path / "out").mkdir()
    content = {"width": 64, "height": 48, "scanpaths": [{"observer": name, **entry} for name in "012"]}
    (tmp_path / "out" / "2.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="1, 2 are both names and indices in the results"):
        evaluate_weights(data, results=tmp_path / "out")


def test_results_of_images_that_differ_in_their_ending(tmp_path: Path) -> None:
    data = write(tmp_path, "ann", "bob")
    data.write_text(data.read_text().replace("0.png,ann,5,9,200,train", "2.jpg,ann,5,9,200,test"))
    with pytest.raises(InputError, match=r"2\.jpg and 2\.png differ in nothing but their ending"):
        evaluate_weights(data, results=tmp_path / "out")


def test_published_checkpoints_have_no_names(tiny_chen: ChenLSTMISP) -> None:
    assert tiny_chen.config.names == ()
    assert "names" not in repr(tiny_chen.config)
