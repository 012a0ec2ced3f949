"""Training: what a batch holds, both phases, the schedule, and a run of either network on made-up scanpaths."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from isp_scanpath.data.datasets import read_scanpaths
from isp_scanpath.data.inputs import FeatureInputs, PhotoInputs, read_texts, write_features
from isp_scanpath.data.samples import ScanpathSamples, references_of, targets_of
from isp_scanpath.data.trials import ScanpathData
from isp_scanpath.inference.running import predict_trials, run_network
from isp_scanpath.inference.sampling import draw
from isp_scanpath.network.config import ChenLSTMConfig, GazeformerConfig
from isp_scanpath.network.losses import Sampled, supervised_losses
from isp_scanpath.network.model import ISP, ChenLSTMISP, GazeformerISP
from isp_scanpath.network.scanpaths import Frame
from isp_scanpath.training.adaptation import adapt
from isp_scanpath.training.config import PolicyConfig, TrainConfig
from isp_scanpath.training.schedule import published_schedule
from isp_scanpath.training.steps import TrainingStep, reward
from isp_scanpath.training.trainer import train
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.training import LoopConfig
from visioncore.training.model_modes import evaluating

FREE_CHEN = ChenLSTMConfig(
    observers=4, steps=3, action_maps=2, grid=(9, 12), channels=6, observer_channels=5, hidden=4, width=4,
    blocks=(1, 1, 1, 1),
)  # fmt: skip
SMALL_GAZEFORMER = GazeformerConfig(grid=(3, 4), feature_channels=10, text_channels=7, channels=8, heads=2)
FRAME = Frame(320, 240)


@pytest.fixture
def data(tmp_path: Path) -> ScanpathData:
    """Six images of which observer k looks at corner k first, and the last observer of each third image is missing."""
    rng, lines = np.random.default_rng(0), ["image,observer,x,y,duration_ms,width,height,split"]
    for image in range(6):
        write_image(tmp_path / f"{image}.png", Image(rng.integers(0, 255, (48, 64, 3)).astype(np.uint8)))
        part = ("train", "train", "train", "train", "validation", "test")[image]
        for observer in range(4 - (image % 3 == 2)):
            for place in ((8 + 48 * (observer % 2), 6 + 36 * (observer // 2)), (32, 24)):
                lines.append(f"{image}.png,{'abcd'[observer]},{place[0]},{place[1]},200,64,48,{part}")
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    return read_scanpaths(tmp_path / "mine.csv", tmp_path)


@pytest.fixture
def features(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    names = [f"{image}.png" for image in range(6)]
    write_features(tmp_path / "features", names, lambda _: torch.rand(12, 10, generator=generator), (12, 10))
    return tmp_path / "features"


def batch_of(samples: ScanpathSamples, *indices: int) -> Any:
    rng = np.random.default_rng(0)
    return {**default_collate([samples.sample(index, rng) for index in indices]), "step": torch.tensor(0)}


def chen_samples(data: ScanpathData, **options: Any) -> ScanpathSamples:
    assert data.images is not None
    return ScanpathSamples(data, data.part("train"), PhotoInputs(data.images, FREE_CHEN), FREE_CHEN, FRAME, **options)


def test_ragged_batches(data: ScanpathData) -> None:
    samples = chen_samples(data)
    batch = batch_of(samples, 0, 2)
    assert batch["images"].shape == (2, 3, 72, 96)
    assert batch["observers"].tolist() == [[0, 1, 2, 3], [0, 1, 2, 0]]
    assert batch["action_mask"].sum(dim=-1).tolist() == [[3] * 4, [3, 3, 3, 0]]
    reference, there = references_of(batch)
    assert there.tolist() == [True] * 7 + [False]
    np.testing.assert_allclose(reference.to_list()[1][0], [280, 30, 0.2])
    assert batch_of(chen_samples(data, individual=False), 0)["observers"].tolist() == [[0]]


def test_one_observer_stands_for_everyone(data: ScanpathData) -> None:
    """The twin that is not told who looks is computed once for each image."""
    torch.manual_seed(0)
    one = replace(FREE_CHEN, observers=1)
    model = ISP(one).eval()
    once = batch_of(chen_samples(data, individual=False), 0, 2)
    each = {**once, "observers": torch.zeros(2, 4, dtype=torch.long)}
    for first in (None, 0):
        config = TrainConfig(LoopConfig(2, 2), chen_lstm=one, policy=PolicyConfig(first_step=first))
        step = TrainingStep(config, FRAME)
        torch.manual_seed(0)
        expected = step(model, each)
        torch.manual_seed(0)
        for name, value in step(model, once).items():
            torch.testing.assert_close(value, expected[name])


@pytest.mark.parametrize("individual", [True, False])
def test_samples_of_a_seed_are_the_same_in_any_company(data: ScanpathData, individual: bool) -> None:
    torch.manual_seed(0)
    model = ISP(FREE_CHEN).eval()
    assert data.images is not None
    trials, inputs = data.part("train"), PhotoInputs(data.images, FREE_CHEN)

    def predict(*seeds: int) -> list[np.ndarray]:
        found = predict_trials(model, FREE_CHEN, trials, inputs, FRAME, seeds, individual=individual)
        assert all(len(paths) == len(trials) for paths in found)
        return [paths.fixations for paths in found]

    together, alone = predict(0, 1), [*predict(0), *predict(1)]
    for first, second in zip(together, alone, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(together[0], together[1])


def test_missing_observers_do_not_count(data: ScanpathData) -> None:
    torch.manual_seed(0)
    model = ISP(FREE_CHEN).eval()
    config = TrainConfig(LoopConfig(2, 2), chen_lstm=FREE_CHEN)
    samples = chen_samples(data)
    whole = batch_of(samples, 2)
    less = {name: value[:, :3] if value.ndim > 1 and value.shape[1] == 4 else value for name, value in whole.items()}
    first, second = (TrainingStep(config, FRAME)(model, batch) for batch in (whole, less))
    for name in ("action", "duration"):
        torch.testing.assert_close(first[name], second[name])
    sampled = Sampled(whole["cells"].expand(2, -1, -1, -1), torch.full((2, 1, 4, 3), 0.2))
    rewards = reward(sampled, whole, FREE_CHEN.grid, FRAME)
    assert rewards.shape == (2, 1, 4)
    assert (rewards[..., :3] > 0).all()
    assert (rewards[..., 3] == 0).all()


def test_reward_of_what_was_observed(data: ScanpathData) -> None:
    batch = batch_of(chen_samples(data), 0)
    cells, durations = batch["cells"][None], batch["durations"][None]
    right = reward(Sampled(cells, durations), batch, FREE_CHEN.grid, FRAME)
    wrong = reward(Sampled(cells.roll(1, dims=2), durations), batch, FREE_CHEN.grid, FRAME)
    assert (right > 0.8).all()
    assert (wrong < right).all()


def test_policy_gradient_raises_the_reward(data: ScanpathData) -> None:
    torch.manual_seed(0)
    model = ISP(FREE_CHEN).train()
    config = TrainConfig(LoopConfig(2, 1), chen_lstm=FREE_CHEN, policy=PolicyConfig(first_step=0, samples=16))
    step, batch = TrainingStep(config, FRAME), batch_of(chen_samples(data), 0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    statistics = {name: value.clone() for name, value in model.named_buffers()}

    def mean_reward() -> float:
        with torch.no_grad(), evaluating(model):
            sampled = draw(run_network(model, batch), 200, torch.Generator().manual_seed(0))
        return float(reward(sampled, batch, FREE_CHEN.grid, FRAME).mean())

    before = mean_reward()
    for _ in range(20):
        terms = step(model, batch)
        assert terms["action"] == terms["duration"] == 0
        optimizer.zero_grad()
        terms["policy"].backward()
        optimizer.step()
    assert model.training
    assert all(torch.equal(value, statistics[name]) for name, value in model.named_buffers())
    assert mean_reward() > 2 * before


def test_schedule() -> None:
    loop = LoopConfig(100, 1, learning_rate=1e-3, warmup_steps=10)
    rate = published_schedule(TrainConfig(loop, chen_lstm=FREE_CHEN, policy=PolicyConfig(first_step=60)))
    assert [rate(step) for step in (0, 9, 10, 35, 59, 60, 80, 99)] == pytest.approx(
        [1e-4, 1e-3, 1e-3, 5e-4, 2e-5, 1e-4, 5e-5, 2.5e-6]
    )
    alone = published_schedule(TrainConfig(loop, chen_lstm=FREE_CHEN))
    assert alone(99) == pytest.approx(1e-3 / 90)


RECIPE = """
loop: {{steps: 12, batch_size: 2, learning_rate: 0.01, min_learning_rate: 0, validate_every: 12}}
policy: {{first_step: 8, samples: 3}}
{family}:
  observers: 4
  steps: 3
  action_maps: 2
  channels: 8
  hidden: 4
  observer_channels: 5
"""
CHEN = "  grid: [9, 12]\n  width: 4\n  blocks: [1, 1, 1, 1]\n"
GAZEFORMER = (
    "  grid: [3, 4]\n  feature_channels: 10\n  text_channels: 7\n  heads: 2\n  feed_forward: 9\n"
    "  encoder_layers: 1\n  decoder_layers: 1\n"
)


@pytest.mark.parametrize("family", ["chen_lstm", "gazeformer"])
def test_a_run(data: ScanpathData, features: Path, tmp_path: Path, family: str) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(family=family) + (CHEN if family == "chen_lstm" else GAZEFORMER))
    inputs: dict[str, Any] = {"images": data.images} if family == "chen_lstm" else {"features": features}
    result = train(recipe, data.source, tmp_path / "run", **inputs)
    assert result.steps == 12
    assert 0 < result.metrics["scanmatch_validation"] < 1
    model = ISP.from_pretrained(tmp_path / "run" / "best")
    assert type(model).__name__ == {"chen_lstm": "ChenLSTMISP", "gazeformer": "GazeformerISP"}[family]
    shared = train(recipe, data.source, tmp_path / "shared", overrides={"individual": "false"}, **inputs)
    assert ISP.from_pretrained(shared.folder / "last").config.observers == 1


def test_runs_that_cannot_be(data: ScanpathData, features: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(family="gazeformer") + GAZEFORMER)
    with pytest.raises(InputError, match=r"give their folder as features"):
        train(recipe, data.source, tmp_path / "run")
    with pytest.raises(InputError, match=r"has 4 observers; the recipe's network knows 3"):
        train(recipe, data.source, tmp_path / "run", features=features, overrides={"gazeformer.observers": "3"})
    with pytest.raises(InputError, match=r"features of an image are .*; the network takes"):
        train(recipe, data.source, tmp_path / "run", features=features, overrides={"gazeformer.feature_channels": "9"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chen_lstm": None}, "either chen_lstm or gazeformer"),
        ({"gazeformer": SMALL_GAZEFORMER}, "either chen_lstm or gazeformer"),
        ({"policy": {"first_step": 5}}, "policy.first_step is 5; loop.steps ends at 2"),
        ({"policy": {"samples": 1}}, "policy.samples is 1; it takes 2"),
        ({"frame": (8, 240)}, "frame is"),
        ({"duration_weight": -1.0}, "duration_weight is -1.0"),
    ],
)
def test_recipes_that_are_wrong(changes: dict[str, Any], message: str) -> None:
    def build() -> TrainConfig:
        policy = PolicyConfig(**changes.get("policy", {}))
        return TrainConfig(**{"loop": LoopConfig(2, 1), "chen_lstm": FREE_CHEN, **changes, "policy": policy})

    with pytest.raises(InputError, match=message):
        build()


def test_texts_and_features(features: Path, tmp_path: Path, tiny_gazeformer: GazeformerISP) -> None:
    texts: dict[str, Any] = {"free-viewing": np.ones(7), "cup": np.zeros(7)}
    np.savez(tmp_path / "texts.npz", **texts)
    inputs = FeatureInputs(features, SMALL_GAZEFORMER, read_texts(tmp_path / "texts.npz"))
    assert inputs("3.png", "")["task"].tolist() == [1] * 7
    assert inputs("3.png", "cup")["features"].shape == (12, 10)
    with pytest.raises(InputError, match=r"no features of 9.png; it has those of 6 images"):
        inputs("9.png", "")
    with pytest.raises(InputError, match=r"no embedding of the task 'tv'; known are free-viewing, cup"):
        inputs("3.png", "tv")
    np.savez(tmp_path / "wrong.npz", cup=np.zeros((2, 7)))
    with pytest.raises(InputError, match=r"an embedding is one vector; these are none: cup"):
        read_texts(tmp_path / "wrong.npz")
    with pytest.raises(InputError, match=r"no such file"):
        read_texts(tmp_path / "none.npz")
    with pytest.raises(InputError, match=r"no features.npy in this folder"):
        FeatureInputs(tmp_path, SMALL_GAZEFORMER, {})
    with pytest.raises(InputError, match=r"a.png: features are \(2, 3\); they must be \(3, 2\)"):
        write_features(tmp_path / "f", ["a.png"], lambda _: torch.zeros(2, 3), (3, 2))
    with pytest.raises(
        InputError, match=r"f: names of images are there twice: a\.png; features are found by their name"
    ):
        write_features(tmp_path / "f", ["a.png", "b.png", "a.png"], lambda _: torch.zeros(3, 2), (3, 2))
    assert not (tmp_path / "f").exists()
    names = json.loads((features / "names.json").read_text())
    (features / "names.json").write_text(json.dumps([*names[1:], names[-1]]))
    with pytest.raises(InputError, match=r"features, names\.json: names of images are there twice: "):
        FeatureInputs(features, SMALL_GAZEFORMER, {})
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("family", ["tiny_chen", "tiny_gazeformer"])
def test_adapt(request: pytest.FixtureRequest, data: ScanpathData, features: Path, family: str) -> None:
    """The vector makes the scanpaths it was fitted to likelier than the mean does; the network is as it was."""
    torch.manual_seed(0)
    config: Any = FREE_CHEN if family == "tiny_chen" else request.getfixturevalue(family).config
    model = ISP(config).train()
    torch.nn.init.normal_(model.observers.table, std=3)
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d) and not name.startswith("backbone"):
            torch.nn.init.normal_(layer.weight, std=layer.weight[0].numel() ** -0.5)
    assert data.images is not None
    inputs: Any = PhotoInputs(data.images, FREE_CHEN)
    if isinstance(model, ChenLSTMISP):  # features of an untrained backbone are so small that nothing shows
        with torch.no_grad(), evaluating(model):
            model.visual.weight.div_(model.encode(inputs("0.png", "")["images"][None]).std())
    if family == "tiny_gazeformer":
        inputs = FeatureInputs(features, config, {"free-viewing": torch.zeros(7)})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trials = [trial for trial in data.trials if trial.observer == 3]
    vector = adapt(model, data, trials, inputs, steps=15, learning_rate=0.2)
    assert torch.equal(vector, adapt(model, data, trials, inputs, steps=15, learning_rate=0.2))
    assert vector.shape == (5,)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    def loss(observer: torch.Tensor) -> float:
        model.eval()
        batch = batch_of(ScanpathSamples(data, trials, inputs, config, FRAME), 0, 1, 2)
        with torch.no_grad():
            actions = run_network(model, {**batch, "observers": observer.expand(3, 1, -1)})
        return float(sum(supervised_losses(actions, targets_of(batch)).values()))

    assert loss(vector) < loss(model.observers.table.mean(dim=0)) - 2e-4
    # vectors so close together that scanpaths hardly tell them apart: it stays near their mean, for how far they lie
    mean = model.observers.table.mean(dim=0).detach()
    width = model.observers.table.detach().var(dim=0).mean().sqrt()
    with torch.no_grad():
        model.observers.table.copy_(mean + 1e-3 * (model.observers.table - mean))
    narrow = adapt(model, data, trials, inputs, steps=15, learning_rate=0.2)
    assert 0 < (narrow - mean).norm() / (1e-3 * width) < 1
    with pytest.raises(InputError, match=r"scanpaths of 4 observers \(a, b, c, d\); adapt to one at a time"):
        adapt(model, data, data.trials, inputs)
    with pytest.raises(InputError, match="no scanpath to adapt to"):
        adapt(model, data, [], inputs)
    with pytest.raises(InputError, match="steps is 0"):
        adapt(model, data, trials, inputs, steps=0)
