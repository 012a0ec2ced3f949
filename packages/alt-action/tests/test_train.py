"""Training: what is trained and how fast, parts of a batch, where a run starts, and what it validates on."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alt_action import ALT, ALTConfig, load_model
from alt_action.data.augmentation import Augmentation
from alt_action.data.clips import to_frames
from alt_action.data.labels import as_labels
from alt_action.data.mixing import MixedSamples, Mixing
from alt_action.data.people import PEOPLE_ACTIONS
from alt_action.data.samples import ClipSamples
from alt_action.data.synthetic import write_synthetic
from alt_action.data.video_lists import read_videos
from alt_action.method import PACKAGE
from alt_action.network.losses import training_losses
from alt_action.training import trainer
from alt_action.training.config import TrainConfig
from alt_action.training.start import initial_network
from visioncore.errors import InputError
from visioncore.recipes import load_recipe, recipe_names
from visioncore.training import LoopConfig, fit, warmup_cosine

ACTIONS = PEOPLE_ACTIONS[:4]

LABELS = as_labels(ACTIONS)


@pytest.fixture
def model(tiny_weights: Path) -> ALT:
    """A tiny network."""
    return load_model(tiny_weights)


def samples(videos: Path, mixing: Mixing) -> MixedSamples:
    return MixedSamples(ClipSamples(read_videos(videos).videos, 4, 32, Augmentation()), 4, mixing)


def batch_of(source: MixedSamples, count: int) -> dict[str, torch.Tensor]:
    each = [source.sample(index, np.random.default_rng(index)) for index in range(count)]
    return {name: torch.stack([sample[name] for sample in each]) for name in each[0]}


def test_parts_of_a_batch_have_the_gradient_of_the_whole(model: ALT, videos: Path) -> None:
    """With mixing and with the noise of the assignment: both are drawn sample by sample."""
    batch = batch_of(samples(videos, Mixing(0.8, 1.0)), 8)
    model.double().train()
    gradients = []
    for parts in (1, 4):
        torch.manual_seed(0)
        model.zero_grad()
        total = 0.0
        for part in range(parts):
            piece = {name: values.chunk(parts)[part] for name, values in batch.items()}
            frames = to_frames(piece["frames"], "clip").double()
            loss = training_losses(model.scores(model(frames)), piece["target"].double(), 0.1)["cross_entropy"]
            (loss / parts).backward()
            total += float(loss.detach()) / parts
        gradients.append([total, *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    assert gradients[0][0] == pytest.approx(gradients[1][0], rel=1e-9)
    for whole, parted in zip(gradients[0][1:], gradients[1][1:], strict=True):
        torch.testing.assert_close(whole, parted, rtol=1e-6, atol=1e-9)


def test_accumulated_steps_are_those_of_the_big_batch(tiny_weights: Path, videos: Path, tmp_path: Path) -> None:
    """Whole runs in float32: their losses, step by step."""
    losses = {}
    for accumulate in (1, 2):
        model, out = load_model(tiny_weights), tmp_path / str(accumulate)
        fit(
            model,
            partial(losses_of, model=model),
            samples(videos, Mixing(0.8, 1.0)),
            config=LoopConfig(steps=3, batch_size=4, accumulate=accumulate, learning_rate=1e-4, log_every=1),
            out=out,
        )
        losses[accumulate] = [json.loads(line)["loss"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert losses[2] == pytest.approx(losses[1], rel=1e-3)
    assert len(set(losses[1])) == 3


def losses_of(network: torch.nn.Module, batch: dict[str, torch.Tensor], model: ALT) -> dict[str, torch.Tensor]:
    return trainer.step_losses(network, batch, model, 0.1)


def test_the_loss_is_smoothed_cross_entropy(model: ALT, videos: Path) -> None:
    batch = batch_of(samples(videos, Mixing()), 4)
    with torch.no_grad():
        loss = trainer.step_losses(model, batch, model, 0.1)["cross_entropy"]
        logits = model.scores(model(to_frames(batch["frames"], "clip")))
    targets = 0.9 * batch["target"] + 0.1 / 4
    torch.testing.assert_close(loss, -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean())


def test_the_scale_is_limited_and_still_trained(model: ALT, videos: Path) -> None:
    batch = batch_of(samples(videos, Mixing()), 2)
    for start in (4.6052, 9.0, 2.0):
        with torch.no_grad():
            model.logit_scale.fill_(start)
        model.zero_grad()
        trainer.step_losses(model, batch, model, 0.1)["cross_entropy"].backward()
        assert float(model.logit_scale.detach()) == pytest.approx(min(start, np.log(100)), abs=1e-4)
        assert model.logit_scale.grad is not None
        assert model.logit_scale.grad != 0


def test_rates_and_decay(model: ALT) -> None:
    shares = {name: trainer.share_of(name, parameter, 0.1) for name, parameter in model.named_parameters()}
    assert shares["visual.conv1.weight"] == (0.1, 1)
    assert shares["visual.ln_post.weight"] == (0.1, 0)
    assert shares["adapter.out.weight"] == (1, 1)
    assert shares["adapter.gamma"] == shares["logit_scale"] == (1, 0)


def test_a_frozen_tower_stays_as_it_was(tiny_weights: Path, videos: Path, tmp_path: Path) -> None:
    overrides = {"freeze_backbone": "true", "loop.steps": "2", "loop.batch_size": "2"}
    trainer.train("demo", videos, tmp_path / "run", weights=tiny_weights, overrides=overrides, say=lambda _: None)
    before, after = (load_model(path).state_dict() for path in (tiny_weights, tmp_path / "run" / "last"))
    changed = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    # the labels are those of the folders, in their order
    assert changed == {"adapter", "logit_scale", "label_features"}


def test_steps_follow_from_epochs() -> None:
    loop = LoopConfig(steps=1000, batch_size=8, learning_rate=8e-5, min_learning_rate=8e-7)
    config = TrainConfig(loop, epochs=10, warmup_epochs=2)
    made = config.loop_for(100)
    assert (made.steps, made.warmup_steps) == (125, 25)
    rate = warmup_cosine(made)
    assert rate(24) == 8e-5
    assert rate(124) == pytest.approx(8e-7, rel=0.1)
    assert config.loop_for(8000).steps == 1000
    assert TrainConfig(LoopConfig(steps=2, batch_size=8)).loop_for(1).steps == 2


def test_every_recipe_holds_the_published_kind_of_settings() -> None:
    recipes = {name: load_recipe(TrainConfig, PACKAGE, name) for name in recipe_names(PACKAGE)}
    assert set(recipes) == {"demo", "few-shot", "full", "zero-shot"}
    for name, rate, batch, epochs in (
        ("full", 8e-5, 256, 30),
        ("few-shot", 2e-5, 64, 50),
        ("zero-shot", 8e-5, 256, 10),
    ):
        recipe = recipes[name]
        assert (recipe.loop.learning_rate, recipe.loop.batch_size, recipe.epochs) == (rate, batch, epochs)
        assert recipe.loop.min_learning_rate == pytest.approx(rate / 100)
        assert (recipe.tower_rate, recipe.smoothing) == (0.1, 0.1)
    assert recipes["full"].mixing == Mixing(0.8, 1.0)
    assert recipes["few-shot"].mixing == Mixing()


def test_where_a_network_comes_from(tiny_weights: Path, tiny_clip: Path, tmp_path: Path) -> None:
    config = TrainConfig(LoopConfig(1, 1)).model
    (tmp_path / "corpus.jsonl").write_text('{"unit": "rope"}\n{"unit": "ball"}\n')
    again = initial_network(config, LABELS, weights=tiny_weights)
    stored = load_model(tiny_weights)
    assert torch.equal(again.label_features, stored.label_features)
    turned = initial_network(config, as_labels(reversed(ACTIONS)), weights=tiny_weights)
    assert torch.equal(turned.label_features, stored.label_features.flip(0))
    assert turned.config.labels == tuple(reversed(ACTIONS))
    corpus = tmp_path / "corpus.jsonl"
    for weights in (tiny_weights, None):
        with pytest.raises(InputError, match="CLIP's text tower; give clip too"):
            initial_network(config, LABELS, weights=weights, corpus=corpus)
    with pytest.raises(InputError, match="other labels or entities need CLIP's text tower"):
        initial_network(config, as_labels(["jumping"]), weights=tiny_weights)
    with pytest.raises(InputError, match="this recipe starts from CLIP, or goes on from trained weights; give clip or"):
        initial_network(config, LABELS)
    with pytest.raises(InputError, match=r"tiny\.pt: CLIP's own weights, which have no adapter yet; give them as clip"):
        initial_network(config, LABELS, weights=tiny_clip)
    pytest.importorskip("open_clip")
    load_model(tiny_clip).save_pretrained(tmp_path / "plain")
    with pytest.raises(InputError, match="plain: has no entities, without which no adapter can be trained; give corp"):
        initial_network(config, LABELS, weights=tmp_path / "plain", clip=tiny_clip)
    fresh = initial_network(config, LABELS, clip=tiny_clip)
    assert fresh.config.labels == ACTIONS
    assert {"hand", "kitchen"} <= set(fresh.config.units)
    small = initial_network(config, LABELS, clip=tiny_clip, corpus=tmp_path / "corpus.jsonl")
    assert small.config.units == ("rope", "ball")
    other = initial_network(config, as_labels(["jumping", "running"]), clip=tiny_clip, weights=tiny_weights)
    assert other.config.labels == ("jumping", "running")
    assert torch.equal(other.entities, stored.entities)


def test_a_new_adapter_on_the_tower_of_another_network(tiny_weights: Path, tmp_path: Path) -> None:
    stored, config, told = load_model(tiny_weights), ALTConfig(heads=4, layers=2, frames=3, merged=2), list[str]()
    labels = as_labels(["juggling", ACTIONS[1]])
    model = initial_network(config, labels, start=str(tiny_weights), say=told.append)
    assert [line.partition(":")[0] for line in told] == ["no text tower here for juggling"]
    assert all(
        torch.equal(tensor, stored.visual.state_dict()[name]) for name, tensor in model.visual.state_dict().items()
    )
    assert torch.equal(model.entities, stored.entities)
    assert (model.config.units, model.config.labels) == (stored.config.units, ("juggling", ACTIONS[1]))
    assert (model.config.layers, model.config.frames) == (2, 3)
    assert torch.equal(model.label_features[1], stored.label_features[1])
    # a label whose text nothing embeds here is learned as a class
    torch.testing.assert_close(model.label_features[0].norm(), torch.tensor(1.0))
    assert not torch.equal(model.adapter.out.weight, stored.adapter.out.weight)
    model.save_pretrained(tmp_path / "new")
    frames = torch.rand(1, 3, 3, 32, 32)
    torch.testing.assert_close(load_model(tmp_path / "new")(frames), model.eval()(frames))
    recipe = load_recipe(TrainConfig, PACKAGE, "demo")
    assert recipe.start == "demo"
    assert recipe.freeze_backbone


def test_what_is_trained_and_validated_on(
    videos: Path, tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    given, told = instead_of_fit(trainer), list[str]()
    trainer.train("demo", videos, tmp_path / "run", say=told.append)
    assert len(given["source"]) == 7
    assert told[0].endswith("8 of 8 listed videos found")
    assert told[1].startswith("7 videos to train on, ")
    others = write_synthetic(tmp_path / "others", 1, actions=ACTIONS, seed=5)
    trainer.train("demo", videos, tmp_path / "run", validation=others, overrides={"shots": "1"}, say=told.append)
    assert len(given["source"]) == 4
    with torch.no_grad():
        measured = given["validate"](given["model"].eval())
        assert measured == given["validate"](given["model"])
    assert measured["top5"] == 1
    assert given["run_description"]["validation"] == "others"
    assert given["run_description"]["labels"] == tuple(sorted(ACTIONS))
    assert len(told) == 4
    trainer.train("demo", others, tmp_path / "run", say=told.append)
    lacking = set(range(4)) - {video.label for video in given["source"].samples.videos}
    assert told[-1] == f"no video to train on of {sorted(ACTIONS)[lacking.pop()]}"


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"epochs": "0"}, "epochs is 0; it must be at least 1"),
        ({"tower_rate": "2"}, "tower_rate is 2.0; it must be from 0 to 1"),
        ({"held_out": "1"}, "held_out is 1.0; it must be between 0 and 1"),
        ({"shots": "9"}, r"9 videos of each class are asked for; fewer are there of bending forward \([12]\), "),
        ({"mixing.mixup": "-1"}, "mixing.mixup is -1.0"),
        ({"augmentation.flip": "3"}, "augmentation.flip is 3.0; it must be from 0 to 1"),
    ],
)
def test_fields_that_are_wrong(videos: Path, tmp_path: Path, overrides: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        trainer.train("demo", videos, tmp_path / "run", overrides=overrides, say=lambda _: None)
    assert not (tmp_path / "run").exists()


def test_data_that_will_not_do(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labels and videos belong to data"):
        trainer.train("demo", None, tmp_path / "run", labels="labels.txt")
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    with pytest.raises(InputError, match="'bending forward' is not one of the 2 labels"):
        trainer.train("demo", videos, tmp_path / "run", labels=tmp_path / "labels.txt")


def test_a_broken_video_ends_a_run_in_one_line(videos: Path, tmp_path: Path) -> None:
    folder = write_synthetic(tmp_path / "videos", 2, actions=ACTIONS, frames=6)
    (folder / ACTIONS[0] / "000.mp4").write_text("no video")
    (folder / ACTIONS[0] / "001.mp4").write_text("no video")
    with pytest.raises(InputError, match=r"00\d\.mp4: cannot be read as a video"):
        trainer.train("demo", folder, tmp_path / "run", overrides={"loop.steps": "3"}, say=lambda _: None)
