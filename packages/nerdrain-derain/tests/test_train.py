"""Training by recipes: what a run leaves, resuming, schedules, what is held out, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nerdrain_derain import VARIANTS, NeRDRain
from nerdrain_derain.data.pairs import Pair
from nerdrain_derain.data.patches import RainyPatches
from nerdrain_derain.training import trainer as train
from nerdrain_derain.training.config import DataConfig, TrainConfig
from nerdrain_derain.training.schedule import published_learning_rate
from nerdrain_derain.training.trainer import validate
from visioncore.errors import InputError
from visioncore.recipes import load_recipe, recipe_names
from visioncore.testing.memory import out_of_memory
from visioncore.training import LoopConfig

MakePairs = Callable[..., Path]

RECIPE = """
model: {dim: 8, num_blocks: [1, 1, 1], inr_hidden: 16}
data: {patch: 16, validation_patch: 32, held_out: 0.3}
loop:
  steps: 4
  batch_size: 2
  learning_rate: 1.0e-3
  log_every: 1
  validate_every: 2
  checkpoint_every: 2
"""


@pytest.fixture
def data(make_pairs: MakePairs) -> Path:
    return make_pairs([(f"{number}.png", f"{number}.png") for number in range(4)])


@pytest.fixture
def no_training(instead_of_fit: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
    """What would be trained, and how, instead of training."""
    return instead_of_fit(train)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return NeRDRain.from_pretrained(folder).state_dict()


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


# a run


def test_a_run_leaves_weights_and_a_log(recipe: Path, data: Path, tmp_path: Path) -> None:
    result = train.train(recipe, data, tmp_path / "run", say=silent)
    assert result.steps == 4
    assert set(result.metrics) == {"psnr_rgb_validation", "psnr_rgb_rainy"}
    assert all(math.isfinite(value) for value in result.metrics.values())
    model = NeRDRain.from_pretrained(tmp_path / "run" / "best")
    assert model.config.dim == 8
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line for line in lines if "loss" in line]
    assert [line["step"] for line in losses] == [1, 2, 3, 4]
    assert {"charbonnier", "frequency", "edge", "inr", "learning_rate"} <= set(losses[0])
    assert [line["step"] for line in lines if "validation" in line] == [2, 4]
    held_out = json.loads((tmp_path / "run" / "run.json").read_text())["run"]
    assert held_out["images"] == 3
    assert held_out["recipe"]["model"]["dim"] == 8


def test_training_starts_from_trained_weights(
    recipe: Path, data: Path, tmp_path: Path, tiny: NeRDRain, tiny_weights: Path, no_training: dict[str, Any]
) -> None:
    train.train(recipe, data, tmp_path / "run", weights=tiny_weights)
    trained, start = tiny.state_dict(), no_training["model"].state_dict()
    assert all(torch.equal(start[name], trained[name]) for name in trained)
    assert no_training["run_description"]["weights"] == tiny_weights.name
    with pytest.raises(InputError, match="these weights do not fit NeRDRain: "):
        train.train(recipe, data, tmp_path / "run", weights=tiny_weights, overrides={"model.dim": "16"})


def test_losses_go_down(recipe: Path, make_pairs: MakePairs, tmp_path: Path) -> None:
    data = make_pairs([("1.png", "1.png"), ("2.png", "2.png")], size=(16, 16))
    overrides = {"loop.steps": "16", "loop.learning_rate": "4e-3", "loop.validate_every": "16"}
    train.train(recipe, data, tmp_path / "run", overrides=overrides)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if "loss" in line]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


@pytest.mark.parametrize("changes", [{"model.block": "cab"}, {"model.inr": "none", "model.fusion": "sum"}])
def test_synthetic_rain_and_other_networks_train(
    recipe: Path, data: Path, tmp_path: Path, changes: dict[str, str]
) -> None:
    overrides = {"data.kind": "synthetic", "loop.steps": "1", "loop.ema_decay": "0.9", "recompute": "true", **changes}
    result = train.train(recipe, data / "target", tmp_path / "run", overrides=overrides)
    assert result.metrics["psnr_rgb_rainy"] > 10
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert ("inr" in json.loads(log.splitlines()[0])) == ("model.inr" not in changes)


def test_out_of_memory_says_what_helps(
    recipe: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_loss", out_of_memory)
    with pytest.raises(InputError, match=r"out of memory; what helps.*loop\.accumulate.*recompute"):
        train.train(recipe, data, tmp_path / "run")


# validation


def test_the_validation_figure_is_the_mean_psnr(tiny: NeRDRain) -> None:
    clean = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    samples = [{"rainy": clean + error, "clean": clean} for error in (0.0625, 0.125)]
    tiny.forward = lambda image: image - 0.03125  # type: ignore[method-assign]
    rainy = [10 * math.log10(1 / (sample["rainy"].clamp(0, 1) - clean).square().mean()) for sample in samples]
    restored = [10 * math.log10(1 / ((s["rainy"] - 0.03125).clamp(0, 1) - clean).square().mean()) for s in samples]
    measured = validate(tiny, iter(samples))
    assert measured["psnr_rgb_rainy"] == pytest.approx(np.mean(rainy), abs=1e-4)
    assert measured["psnr_rgb_validation"] == pytest.approx(np.mean(restored), abs=1e-4)


def test_a_photo_without_rain_does_not_make_the_rainy_figure_infinite(tiny: NeRDRain) -> None:
    clean = torch.full((3, 16, 16), 0.5)
    tiny.forward = lambda image: image + 0.1  # type: ignore[method-assign]
    measured = validate(tiny, [{"rainy": clean, "clean": clean}, {"rainy": clean - 0.1, "clean": clean}])
    assert measured["psnr_rgb_rainy"] == pytest.approx(20, abs=1e-3)
    assert measured["psnr_rgb_validation"] == pytest.approx(20, abs=1e-3)  # of the dry one; the other is exact
    assert validate(tiny, [])["psnr_rgb_rainy"] == math.inf


def test_rainy_versions_of_a_image_stay_on_one_side(
    recipe: Path, make_pairs: MakePairs, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    data = make_pairs([(f"{n}_{version}.png", f"{n}.png") for n in range(5) for version in range(3)])
    train.train(recipe, data, tmp_path / "run", say=silent)
    source = no_training["source"]
    assert isinstance(source, RainyPatches)
    assert len(source) == 9  # of five clean images, a share of 0.3 is held out: two
    assert len(set(source.clean_files())) == 3


def test_no_more_is_held_out_than_a_test_set_has(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [Pair(Path(f"input/{n}.png"), Path(f"target/{n}.png")) for n in range(10_000)]
    monkeypatch.setattr(train, "find_pairs", lambda data: pairs)
    config = TrainConfig(loop=LoopConfig(steps=1, batch_size=1))
    source, held_out = train._sources(config, Path("data"), None)
    assert (len(source), len(held_out)) == (9800, 200)
    assert not set(source.clean_files()) & set(held_out.clean_files())
    again = train._sources(config, Path("data"), None)[1]
    assert again.clean_files() == held_out.clean_files()


def test_validation_images_that_are_trained_on_are_told(
    recipe: Path, data: Path, make_pairs: MakePairs, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    said: list[str] = []
    train.train(recipe, data, tmp_path / "run", validation=data, say=said.append)
    assert said == [
        "4 of the validation images are trained on as well, so their figures mean little: 0.png, 1.png, 2.png, 3.png"
    ]
    assert len(no_training["source"]) == 4
    other = make_pairs([("7.png", "7.png")], name="other", seed=7)
    train.train(recipe, data, tmp_path / "run", validation=other, say=silent)


def test_validation_looks_at_the_same_rain_every_time(
    recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any], tiny: NeRDRain
) -> None:
    train.train(recipe, data / "target", tmp_path / "run", overrides={"data.kind": "synthetic"})
    measure = no_training["validate"]
    assert no_training["best"] in measure(tiny)
    with torch.no_grad():
        assert measure(tiny) == measure(tiny)


# schedules


def test_the_official_table_of_learning_rates() -> None:
    rates = {epoch: published_learning_rate(epoch, 3000) for epoch in (1, 2, 3, 4, 5, 6, 1500, 3000)}
    assert rates[1] == 0
    assert rates[2] == pytest.approx(1e-4 / 3)
    assert rates[3] == pytest.approx(2e-4 / 3)
    assert rates[4] == rates[5] == 1e-4
    for epoch in (6, 1500, 3000):
        cosine = 1e-6 + (1e-4 - 1e-6) * (1 + math.cos(math.pi * (epoch - 5) / 2997)) / 2
        assert rates[epoch] == pytest.approx(cosine, rel=1e-12)
    assert 1e-6 < rates[3000] < 1.01e-6


def test_the_official_schedule_counts_epochs(
    recipe: Path, data: Path, make_pairs: MakePairs, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    other = make_pairs([("7.png", "7.png")], name="other", seed=7)
    overrides = {"schedule": "official", "loop.steps": "40", "loop.learning_rate": "1e-4"}
    train.train(recipe, data, tmp_path / "run", validation=other, overrides=overrides)
    rate = no_training["learning_rate"]  # 4 images, 2 at a time: 20 epochs of 2 steps
    expected = [published_learning_rate(epoch, 20) for epoch in range(1, 21) for _ in range(2)]
    assert [rate(step) for step in range(40)] == expected
    train.train(recipe, data, tmp_path / "run", validation=other)
    assert no_training["learning_rate"] is None


# recipes


@pytest.mark.parametrize("name", recipe_names("nerdrain_derain"))
def test_shipped_recipes(name: str) -> None:
    config = load_recipe(TrainConfig, "nerdrain_derain", name)
    if name in VARIANTS:
        assert config.model == VARIANTS[name]
        assert config.loop.steps == 3000 * 1800
        assert (config.loop.learning_rate, config.loop.min_learning_rate) == (1e-4, 1e-6)
        assert (config.loop.batch_size, config.loop.seed, config.data.patch) == (1, 1234, 256)
        assert (config.loop.betas, config.loop.weight_decay, config.loop.clip_norm) == ((0.9, 0.999), 0, None)
        assert config.loop.warmup_steps == 3 * 1800
    else:
        assert config.data.kind == "synthetic"


def test_there_is_a_recipe_for_every_variant_the_demo_and_wider_rain() -> None:
    assert set(recipe_names("nerdrain_derain")) == {*VARIANTS, "demo", "wide"}


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"loop.stps": "3"}, "--set.loop.stps: unknown field loop.stps; did you mean steps?"),
        ({"model.dim": "wide"}, "model.dim should be a whole number, not 'wide'"),
        ({"model.dim": "6"}, "dim is 6; it must be a positive multiple of 4"),
        ({"data.patch": "100"}, "data.patch is 100; it must be a positive multiple of 16"),
        ({"data.held_out": "1"}, "data.held_out is 1.0; it must lie between 0 and 1"),
        ({"data.rain.layers": "0"}, "rain.layers is 0"),
        ({"data.cache_mb": "-1"}, "data.cache_mb is -1"),
        ({"schedule": "linear"}, "schedule should be one of cosine, official"),
        ({"loop.batch_size": "0"}, "batch_size is 0; it must be at least 1"),
    ],
)
def test_fields_that_are_wrong(recipe: Path, data: Path, tmp_path: Path, overrides: dict[str, str], told: str) -> None:
    with pytest.raises(InputError) as caught:
        train.train(recipe, data, tmp_path / "run", overrides=overrides)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_recipes_and_data_that_will_not_do(recipe: Path, data: Path, make_pairs: MakePairs, tmp_path: Path) -> None:
    alone = make_pairs([("1.png", "1.png")], name="alone")
    for name, folder, overrides, told in (
        ("nerd-rian", data, {}, "unknown recipe 'nerd-rian'; did you mean nerd-rain?"),
        (tmp_path / "none.yaml", data, {}, "no such recipe"),
        (recipe, tmp_path / "none", {}, "no such folder"),
        (recipe, data / "target", {}, "no folder of rainy images in it"),
        (recipe, alone, {}, "clean images, 1 in all: 1 would be held out for validation"),
        (recipe, data, {"data.kind": "synthetic"}, "holds rainy and clean images, and this recipe lets rain fall"),
    ):
        with pytest.raises(InputError) as caught:
            train.train(name, folder, tmp_path / "run", overrides=overrides)
        assert told in str(caught.value)


def test_a_image_that_breaks_later_is_named(recipe: Path, data: Path, tmp_path: Path) -> None:
    for path in (data / "input").iterdir():
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"\d\.png: the PNG file is truncated"):
        train.train(recipe, data, tmp_path / "run")


def test_the_defaults_make_a_recipe() -> None:
    assert DataConfig().patch == 256
    with pytest.raises(InputError, match="validation_patch is 8"):
        DataConfig(validation_patch=8)
