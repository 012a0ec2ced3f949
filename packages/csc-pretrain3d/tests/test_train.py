"""Training by recipe: every stage, where it starts, and what it refuses."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from tiny_trees import SEGMENTS

from csc_pretrain3d import CSC, Cylinder3DConfig, MinkUNet, VoxelNetConfig, load_model
from csc_pretrain3d.data.batch import collate
from csc_pretrain3d.data.frame import Frame
from csc_pretrain3d.network.image_branch import ImageBranch
from csc_pretrain3d.network.panoptic import PanopticNet
from csc_pretrain3d.training import stages, trainer
from csc_pretrain3d.training.config import PrototypeConfig, SGDConfig, TrainConfig
from csc_pretrain3d.training.pretraining import Pretraining
from csc_pretrain3d.training.pretraining_step import PretrainingStep
from csc_pretrain3d.training.prototype_pass import compute_prototypes, due
from csc_pretrain3d.training.samples import LabelledSamples, PretrainSamples
from csc_pretrain3d.training.schedule import published_schedule
from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.testing.processes import load_script
from visioncore.training import LoopConfig

PACKAGE = "csc_pretrain3d"
SMALL_RUN: ModuleType = load_script(Path(__file__).with_name("two_processes.py"))
recipe, frames = SMALL_RUN.recipe, SMALL_RUN.frames
VOXELNET = VoxelNetConfig(out_channels=8, voxel_size=(1.6, 1.6, 0.25))
CYLINDER = Cylinder3DConfig(
    out_channels=8, grid=(48, 36, 16), point_widths=(4, 8, 8), point_channels=8, compressed_channels=4, width=4
)


def models(config: TrainConfig) -> Pretraining:
    torch.manual_seed(0)
    return Pretraining(CSC(config.model), ImageBranch(config.image), config)


def source(config: TrainConfig, count: int = 3) -> PretrainSamples:
    return PretrainSamples(frames(count=count), config.model, config.augmentation, semantic=True)


# Pre-training


@pytest.mark.parametrize(
    "model",
    [
        SMALL_RUN.MODEL,
        VOXELNET,
        replace(VOXELNET, upsample=16, compressed=False),
        CYLINDER,
    ],
    ids=["minkunet", "voxelnet", "voxelnet-upsample16", "cylinder3d"],
)
def test_every_network_is_pre_trained(tmp_path: Path, model: Any) -> None:
    config = recipe(model=model, steps=3)
    result = stages.pretrain(config, frames(), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["prototype"] > 0 for line in lines] == [False, False, True]
    assert all(math.isfinite(line["loss"]) for line in lines)
    trained = load_model(result.folder / "last")
    torch.manual_seed(config.loop.seed)
    began = CSC(model).state_dict()
    moved = [name for name, value in trained.named_parameters() if not torch.equal(value, began[name])]
    assert moved == [name for name, _ in trained.named_parameters()]


def test_pre_training_finds_pixels_for_points() -> None:
    """On one batch, again and again, superpoints come to be nearer to their own superpixels than to others."""
    config = replace(recipe(), prototypes=None)
    model, samples = models(config), source(config)
    batch = collate([samples.sample(index, np.random.default_rng(index)) for index in range(2)])
    optimizer, step = torch.optim.Adam(model.trained(), lr=1e-2), PretrainingStep(config, 3, samples.plain)
    history = []
    for number in range(40):
        terms = step(model, {**batch, "step": torch.tensor(number)})
        assert terms["prototype"] == 0
        optimizer.zero_grad()
        terms["contrastive"].backward()
        optimizer.step()
        history.append(terms["contrastive"].item())
    assert history[-1] < 0.6 * history[0]


def test_the_loss_is_the_mean_of_its_terms_once_there_are_prototypes() -> None:
    config = recipe()
    model, samples = models(config), source(config)
    batch = collate([samples.sample(0, np.random.default_rng(0))])
    step = PretrainingStep(config, 3, samples.plain)
    alone = step(model, {**batch, "step": torch.tensor(1)})
    assert model.computed_at == -1
    both = step(model, {**batch, "step": torch.tensor(2)})
    assert model.computed_at == 2
    torch.testing.assert_close(both["contrastive"], alone["contrastive"] / 2)
    before = model.points_prototypes.clone()
    assert both["prototype"] > 0
    assert before.any()
    # until they are due again they stay, also where a step has several micro-batches
    with torch.no_grad():
        model.network.get_parameter("final.kernel").mul_(-1)
    step(model, {**batch, "step": torch.tensor(2)})
    step(model, {**batch, "step": torch.tensor(3)})
    assert torch.equal(model.points_prototypes, before)
    step(model, {**batch, "step": torch.tensor(4)})
    assert not torch.equal(model.points_prototypes, before)


def test_when_prototypes_are_due() -> None:
    published = PrototypeConfig()
    assert [step for step in range(160) if due(published, step, 10)] == [50, 100, 150]
    assert not any(due(None, step, 10) for step in range(160))


@pytest.mark.parametrize("official", [False, True])
def test_prototypes_are_the_means_over_all_frames(official: bool) -> None:
    config = recipe()
    model, samples = models(config), source(config)
    prototypes = PrototypeConfig(official=official)
    statistics = {name: value.clone() for name, value in model.network.named_buffers()}
    compute_prototypes(model, range(3), samples.plain, prototypes)
    assert model.training
    assert all(torch.equal(value, statistics[name]) for name, value in model.network.named_buffers())
    model.eval()
    with torch.no_grad():
        found = [model.segmented(samples.plain(index)) for index in range(3)]
    category = torch.cat([each.category for each in found])
    for which, buffer in (("points", model.points_prototypes), ("pixels", model.pixels_prototypes)):
        features = torch.cat([getattr(each, which) for each in found])
        for each in category.unique():
            row = int(each) - (2 if official else 1)
            if row >= 0:
                torch.testing.assert_close(buffer[row], features[category == each].mean(dim=0))
    assert model.points_prototypes.any(dim=1).sum() == len(category.unique())


def test_features_of_images_are_kept() -> None:
    still = replace(recipe().augmentation, flip=False, cuboid=0, crop=1)
    config = recipe(augmentation=still)
    kept, plain, samples = models(replace(config, cached=True)), models(config), source(config)
    calls = list[int]()

    def counted(images: torch.Tensor) -> torch.Tensor:
        calls.append(len(images))
        return plain.images.encode(images)

    kept.images.encode = counted  # type: ignore[assignment, method-assign]
    batches = [
        collate([samples.sample(index, np.random.default_rng(5)) for index in which]) for which in ((0, 1), (1, 2))
    ]
    for batch in batches:
        torch.testing.assert_close(kept.segmented(batch).pixels, plain.segmented(batch).pixels)
    assert len(calls) == 3
    with pytest.raises(InputError, match="cached is for images that do not vary"):
        recipe(cached=True)


def test_segments_without_meaning_have_no_prototypes() -> None:
    config = recipe()
    frame = frames()[0]
    samples = PretrainSamples([replace(frame, semantic=False)], config.model, config.augmentation, semantic=True)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"ids of segments mean nothing across images.*set prototypes to none"):
        samples.sample(0, np.random.default_rng(0))
    samples.semantic = False
    assert len(samples.sample(0, np.random.default_rng(0))["pair_point"]) > 10


def test_a_batch_whose_points_fall_on_nothing() -> None:
    config = recipe()
    frame = frames()[0]
    empty = Frame(frame.scan, (), semantic=True)
    samples = PretrainSamples([empty], config.model, config.augmentation, semantic=True)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no point of this batch falls on a segment"):
        models(config).segmented(samples.plain(0))


def test_decoder_and_head_may_stay() -> None:
    everything, backbone = (models(recipe(trained_images=which)).trained() for which in (True, False))
    model = models(recipe())
    assert len(backbone) == len(list(model.network.parameters()))
    assert model.head is not None
    assert len(everything) == len(backbone) + 2 + len(list(model.head.parameters()))


# Fine-tuning


def pre_trained(folder: Path, **changes: Any) -> Path:
    torch.manual_seed(3)
    MinkUNet(replace(SMALL_RUN.MODEL, **changes)).save_pretrained(folder)
    return folder


def test_fine_tuning_starts_from_every_tensor_that_fits(tmp_path: Path, instead_of_fit: Callable[..., Any]) -> None:
    given = instead_of_fit(stages)
    weights = pre_trained(tmp_path / "weights")
    stages.finetune(recipe("finetune"), frames(), frames(), tmp_path / "run", {"weights": weights})
    began, network = load_model(weights).state_dict(), given["model"].network
    fitting = [name for name, value in network.state_dict().items() if torch.equal(value, began[name])]
    assert set(began) - set(fitting) == {"final.kernel", "final.bias"}
    assert network.config.out_channels == 17
    assert network.config.classes[4] == "car"
    assert not network.config.normalised
    for name, value, told in (
        ("voxel_size", 0.5, r"was trained with voxel_size 0\.5; the recipe's model has 1\.0"),
        ("cylindrical", True, "was trained with cylindrical True; the recipe's model has False"),
    ):
        start = {"weights": pre_trained(tmp_path / name, **{name: value})}
        with pytest.raises(InputError, match=told):
            stages.finetune(recipe("finetune"), frames(), frames(), tmp_path / "run", start)


def test_fine_tuning_learns(tmp_path: Path) -> None:
    loop = LoopConfig(40, 2, learning_rate=0.01, log_every=40, checkpoint_every=40)
    config = recipe("finetune", loop=loop, sgd=None, epoch_steps=1)
    seen = frames(count=2, cameras=False)
    result = stages.finetune(config, seen, seen, tmp_path)
    assert result.metrics["accuracy_validation"] > 60
    assert 10 < result.metrics["miou_validation"] < 100


def test_probing_trains_the_last_layer_alone(tmp_path: Path) -> None:
    config = recipe("probe", steps=2)
    weights = pre_trained(tmp_path / "weights")
    result = stages.finetune(config, frames(), frames(count=1), tmp_path / "run", {"weights": weights})
    began, ended = load_model(weights).state_dict(), load_model(result.folder / "last").state_dict()
    changed = {name for name, value in ended.items() if value.shape != began[name].shape}
    assert changed == {"final.kernel", "final.bias"}
    # statistics of the norms as well
    assert all(torch.equal(value, began[name]) for name, value in ended.items() if name not in changed)
    trained = load_model(result.folder / "last")
    torch.manual_seed(config.loop.seed)
    bias, first = (model.get_parameter("final.bias") for model in (trained, CSC(trained.config)))
    assert not torch.equal(bias, first)


def test_rates_of_trunk_and_head(tmp_path: Path, instead_of_fit: Callable[..., Any]) -> None:
    given = instead_of_fit(stages)
    stages.finetune(recipe("finetune", trunk_rate=0.01), frames(), frames(), tmp_path)
    rates = {name: given["shares"](name, value).rate for name, value in given["model"].named_parameters()}
    assert {name for name, rate in rates.items() if rate == 1} == {"network.final.kernel", "network.final.bias"}
    assert set(rates.values()) == {1, 0.01}


def test_fine_tuning_of_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs outputs of all voxels; set model\.upsample 16"):
        stages.finetune(recipe("finetune", model=VOXELNET), frames(), frames(), tmp_path)
    unlabelled = [replace(frames()[0], scan=replace(frames()[0].scan, labels=None))]
    samples = LabelledSamples(unlabelled, SMALL_RUN.MODEL, recipe().augmentation)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="has no labels; fine-tuning needs them"):
        samples.sample(0, np.random.default_rng(0))


def test_panoptic_fine_tuning(tmp_path: Path) -> None:
    torch.manual_seed(3)
    CSC(CYLINDER).save_pretrained(tmp_path / "weights")
    config = recipe("panoptic", steps=2, model=CYLINDER, milestones=(1,))
    start = {"weights": tmp_path / "weights"}
    result = stages.finetune_panoptic(config, frames(cameras=False), frames(count=1), tmp_path / "run", start)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    terms = [line for line in lines if "loss" in line]
    assert all(term[name] > 0 for term in terms for name in ("cross_entropy", "lovasz", "centre", "offset"))
    network = PanopticNet.from_pretrained(result.folder / "last")
    assert network.config.things == 10
    assert 0 <= result.metrics["miou_validation"] <= 100
    with pytest.raises(InputError, match="stage panoptic is for a Cylinder3D"):
        recipe("panoptic")


# Recipes and runs


def test_the_learning_rate_stays_within_an_epoch() -> None:
    loop = LoopConfig(20, 1, learning_rate=2.0, min_learning_rate=0)
    rate = published_schedule(recipe(loop=loop, epoch_steps=5))
    assert [rate(step) for step in range(5)] == [2.0] * 5
    assert rate(5) == pytest.approx(1 + math.sqrt(0.5))
    assert rate(19) == pytest.approx(1 - math.sqrt(0.5))
    halved = published_schedule(recipe(loop=loop, epoch_steps=5, milestones=(1, 3)))
    assert [halved(step) for step in (0, 4, 5, 14, 15)] == [2, 2, 1, 1, 0.5]


def test_published_recipes() -> None:
    names = sorted(path.name.removesuffix(".yaml") for path in (files("csc_pretrain3d") / "recipes").iterdir())
    found = {name: load_recipe(TrainConfig, "csc_pretrain3d", name, {}) for name in names}
    epochs = {name: config.loop.steps / config.epoch_steps for name, config in found.items()}
    pre = found["pretrain-minkunet-nuscenes"]
    assert (pre.loop.learning_rate, pre.loop.batch_size, epochs["pretrain-minkunet-nuscenes"]) == (2.0, 16, 50)
    assert pre.sgd == SGDConfig(0.9, 0.1)
    assert pre.model.norm_momentum == 0.05  # type: ignore[union-attr]
    assert found["pretrain-voxelnet-nuscenes"].loop.learning_rate == 0.01
    cylinder = found["pretrain-cylinder3d-nuscenes"]
    assert (cylinder.sgd, cylinder.loop.learning_rate, cylinder.loop.weight_decay) == (None, 1e-3, 0)
    tuned = found["finetune-nuscenes-1"]
    assert tuned.loop.learning_rate * tuned.trunk_rate == pytest.approx(0.02)
    assert (tuned.loop.batch_size, tuned.label_every, epochs["finetune-nuscenes-1"]) == (32, 100, 100)
    assert [found[f"finetune-nuscenes-{share}"].label_every for share in (1, 5, 10, 25, 100)] == [100, 20, 10, 4, 1]
    kitti = found["finetune-semantickitti-1"]
    assert (kitti.loop.batch_size, kitti.loop.learning_rate, kitti.label_every) == (20, 4.0, 100)
    assert kitti.model.intensity_shift == 1  # type: ignore[union-attr]
    assert found["probe-nuscenes"].stage == "probe"
    panoptic = found["panoptic-nuscenes-1"]
    assert (panoptic.milestones, panoptic.loop.learning_rate) == ((10, 20, 30), 0.004)


def test_where_a_run_starts(tmp_path: Path, instead_of_fit: Callable[..., Any]) -> None:
    given = instead_of_fit(stages)
    trainer.train("demo-pretrain", out=tmp_path / "run")
    assert len(given["source"]) == trainer.MADE
    trainer.train("demo", out=tmp_path / "run", overrides={"label_every": "20"})
    assert [frame.scan.name for frame in given["source"].frames] == [
        given["source"].frames[index].scan.name for index in range(2)
    ]
    with pytest.raises(InputError, match="validation and labels are for stages with labels"):
        trainer.train("demo-pretrain", out=tmp_path / "run", validation=tmp_path)
    with pytest.raises(InputError, match="images and segments are for the stage pretrain"):
        trainer.train("demo", out=tmp_path / "run", images=tmp_path)
    with pytest.raises(InputError, match="label_every is 90 and there are 58 scenes to train on"):
        trainer.train("demo", out=tmp_path / "run", overrides={"label_every": "90"})


def test_data_sets_are_trained_on(
    nuscenes_tree: Path, semantickitti_tree: Path, tmp_path: Path, instead_of_fit: Callable[..., Any]
) -> None:
    given, out = instead_of_fit(stages), tmp_path / "run"
    trainer.train("demo-pretrain", nuscenes_tree, out, segments=nuscenes_tree / SEGMENTS)
    assert len(given["source"]) == 4  # of two training scenes
    assert len(given["source"].sample(0, np.random.default_rng(0))["pair_point"]) > 10
    trainer.train(
        "demo-pretrain", nuscenes_tree, out, segments=nuscenes_tree / SEGMENTS, overrides={"semantic": "false"}
    )
    with pytest.raises(InputError, match="ids of segments mean nothing across images"):
        given["source"].sample(0, np.random.default_rng(0))
    every = {"label_every": "1"}
    trainer.train("demo", nuscenes_tree, out, validation=nuscenes_tree, overrides=every)
    assert (len(given["source"]), given["model"].network.config.out_channels) == (4, 17)
    with torch.no_grad():
        assert 0 <= given["validate"](given["model"].eval())["miou_validation"] <= 100
    one_of_two = {"label_every": "2", "label_unit": "scan"}
    trainer.train("demo", semantickitti_tree, out, validation=semantickitti_tree, overrides=one_of_two)
    assert (len(given["source"]), given["model"].network.config.out_channels) == (1, 20)
    assert given["model"].network.config.classes[1] == "car"
    with pytest.raises(InputError, match="has other classes than"):
        trainer.train("demo", semantickitti_tree, out, validation=nuscenes_tree, overrides=every)
    trainer.train("panoptic-nuscenes-100", nuscenes_tree, out, validation=nuscenes_tree, overrides={"model.width": "2"})
    assert {"heat", "offset", "seen"} <= given["source"].sample(0, np.random.default_rng(0)).keys()
    with pytest.raises(InputError, match="segments and labels belong to data, which is missing"):
        trainer.train("demo", None, out, labels="scribbles")


def test_an_encoder_of_other_settings(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    encoder = ImageBranch(replace(SMALL_RUN.IMAGE, encoder=replace(SMALL_RUN.IMAGE.encoder, width=1))).encoder
    save_file(encoder.state_dict(), tmp_path / "encoder.safetensors")
    start = {"images": tmp_path / "encoder.safetensors"}
    with pytest.raises(InputError, match=r"is an encoder of .*width=1.*; the recipe's image is .*width=2"):
        stages.pretrain(recipe(), frames(), tmp_path / "run", start)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epoch_steps": 0}, "epoch_steps is 0"),
        ({"label_every": 0}, "label_every is 0"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"trunk_rate": -1.0}, "trunk_rate is -1.0"),
        ({"model": replace(SMALL_RUN.MODEL, out_channels=4)}, "points and pixels must have equally many"),
    ],
)
def test_recipes_that_are_wrong(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        recipe(**changes)
    with pytest.raises(InputError, match=r"sgd\.momentum"):
        SGDConfig(momentum=1.0)
    with pytest.raises(InputError, match=r"prototypes\.first_epoch"):
        PrototypeConfig(every=0)
