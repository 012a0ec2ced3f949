"""Training by recipes: what a run leaves, resuming, what is trained on and held out, schedules, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hsam_medseg import HSAM, HSAMConfig, Output, Preprocessing, Volume
from hsam_medseg.data.few_shot import PUBLISHED
from hsam_medseg.data.label_map import LabelMap
from hsam_medseg.data.labels import write_labels
from hsam_medseg.data.prepare import Preparation, prepare
from hsam_medseg.data.slices import SliceFiles
from hsam_medseg.data.synthetic import SYNTHETIC_CLASSES
from hsam_medseg.network.config import SYNAPSE_CLASSES
from hsam_medseg.training import trainer as train
from hsam_medseg.training.config import DataConfig, TrainConfig
from hsam_medseg.training.schedule import published_learning_rate
from hsam_medseg.training.trainer import step_losses, validate
from visioncore.errors import InputError
from visioncore.medical.nifti import write_nifti
from visioncore.recipes import load_recipe, recipe_names
from visioncore.testing.memory import out_of_memory

SamFile = Callable[[str], Path]

RECIPE = """
model: {backbone: vit_micro, image_size: 32, lora_rank: 0, train_encoder: true, decoder_width: 32, decoder_mlp: 32}
loop:
  steps: 4
  batch_size: 2
  learning_rate: 1.0e-3
  warmup_steps: 2
  log_every: 1
  validate_every: 2
  checkpoint_every: 2
"""
SMALL_DEMO = {
    "model.image_size": "32",
    "model.decoder_width": "32",
    "model.decoder_mlp": "32",
    "data.volumes": "1",
    "data.held_out": "1",
    "loop.batch_size": "2",
    "loop.warmup_steps": "1",
    "loop.log_every": "1",
    "loop.ema_decay": "0.5",
}


def write_slice(folder: Path, case: str, number: int, label: int) -> None:
    """Write a slice in which class ``label`` is a bright square; 0 for none."""
    rng = np.random.default_rng([number, label])
    labels = np.zeros((24, 20), np.uint8)
    labels[6:16, 5:15] = label
    image = (0.08 * labels + 0.1 * rng.random(labels.shape)).astype(np.float32)
    np.savez(folder / f"{case}_slice{number:03d}.npz", image=image, label=labels)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder as the published Synapse one: four cases, slices of the classes 1 to 3 and one without any."""
    slices = tmp_path / "synapse" / "train_npz"
    slices.mkdir(parents=True)
    for case in range(4):
        for number, label in enumerate((1, 0, 1, 2 + case % 2)):
            write_slice(slices, f"case000{case}", number, label)
    lists = tmp_path / "synapse" / "lists" / "lists_Synapse"
    lists.mkdir(parents=True)
    (lists / "train_220.txt").write_text("case0001_slice002\ncase0003_slice003\n")
    return tmp_path / "synapse"


@pytest.fixture
def no_training(instead_of_fit: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
    """What would be trained, and how, instead of training."""
    return instead_of_fit(train)


def quiet(line: str) -> None:
    pass


def run(recipe: str | Path, data: Path | None, tmp_path: Path, **changes: Any) -> Any:
    sam, say, name = changes.pop("sam", None), changes.pop("say", quiet), changes.pop("name", "run")
    overrides = {key.replace("__", "."): str(value) for key, value in changes.items()}
    return train.train(recipe, data, tmp_path / name, sam=sam, overrides=overrides, say=say)


def weights(folder: Path) -> dict[str, Tensor]:
    return HSAM.from_pretrained(folder).state_dict()


def log(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


# a run


def test_the_demo_recipe_made_small(tmp_path: Path) -> None:
    said: list[str] = []
    overrides = {**SMALL_DEMO, "loop.steps": "2", "loop.validate_every": "2"}
    result = train.train("demo", None, tmp_path / "run", overrides=overrides, say=said.append)
    assert said == ["2 slices to train on, 1 volumes held out; classes large, medium, small, tiny"]
    assert set(result.metrics) == {"dice", "dice_coarse", "dice_fine"}
    assert all(0 <= value <= 1 for value in result.metrics.values())
    model = HSAM.from_pretrained(tmp_path / "run" / "best")
    assert model.config.classes == SYNTHETIC_CLASSES
    assert model.config.preprocessing == Preprocessing("unit", "stored")
    losses = [line for line in log(tmp_path / "run") if "loss" in line]
    assert [line["step"] for line in losses] == [1, 2]
    assert all(line["coarse"] > 0 and line["fine"] > 0 for line in losses)
    about = json.loads((tmp_path / "run" / "run.json").read_text())["run"]
    assert about["method"] == "hsam-medseg"
    assert about["slices"] == 2


def test_losses_go_down(recipe: Path, data: Path, tmp_path: Path) -> None:
    run(recipe, data, tmp_path, loop__steps=24, loop__learning_rate="4e-3", data__augmented=0)
    losses = [line["loss"] for line in log(tmp_path / "run") if "loss" in line]
    assert np.mean(losses[-4:]) < 0.85 * np.mean(losses[:4])


def test_only_additions_and_decoders_are_trained_beside_sam(data: Path, tmp_path: Path, sam_file: SamFile) -> None:
    sam = sam_file("vit_b")
    overrides = {"loop__steps": 2, "loop__batch_size": 2, "loop__workers": 0, "loop__warmup_steps": 0}
    result = run("synapse-10", data, tmp_path, sam=sam, model__image_size=32, **overrides)
    assert result.metrics == {}  # as published: no validation
    assert not (tmp_path / "run" / "best").exists()
    before = HSAM.from_sam(HSAMConfig(image_size=32), sam).state_dict()
    after = weights(tmp_path / "run" / "last")
    assert after.keys() == before.keys()
    for name, tensor in after.items():
        if name.startswith("encoder.") and ".qkv.up" not in name and ".qkv.down" not in name:
            assert torch.equal(tensor, before[name]), name
    for name in ("encoder.blocks.0.attn.qkv.up.0", "encoder.blocks.1.attn.qkv.up.1", "fine_decoder.mask_tokens"):
        assert not torch.equal(after[name], before[name]), name


@pytest.mark.parametrize("changes", [{"model__gate": "working"}, {"model__decoder": "sam"}], ids=str)
def test_other_networks_train_in_half_precision(
    recipe: Path, data: Path, tmp_path: Path, changes: dict[str, str]
) -> None:
    half = {"loop__precision": "bfloat16", "loop__accumulate": 2, "loop__ema_decay": 0.9, "loop__steps": 2}
    result = run(recipe, data, tmp_path, **half, data__held_out=1, **changes)
    assert ("fine" in log(tmp_path / "run")[0]) == ("model__gate" in changes)
    if "model__decoder" in changes:
        assert result.metrics["dice"] == result.metrics["dice_coarse"] == result.metrics["dice_fine"]


def test_out_of_memory_says_what_helps(
    recipe: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "step_losses", out_of_memory)
    with pytest.raises(InputError, match=r"out of memory; what helps.*recompute.*loop\.accumulate"):
        run(recipe, data, tmp_path)


# what is trained on


def test_slices_of_scans_that_were_prepared(recipe: Path, tmp_path: Path) -> None:
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])  # LPS
    for case in ("p1", "p2", "p3"):
        labels = np.zeros((3, 24, 20), np.uint8)
        labels[1:, 6:16, 5:15] = 1
        labels[2, 8:12, 8:12] = 2
        scan = (60 * labels + np.random.default_rng(0).integers(0, 20, labels.shape)).astype(np.int16)
        for kind, voxels in (("images", scan), ("labels", labels)):
            (tmp_path / "scans" / kind).mkdir(parents=True, exist_ok=True)
            write_nifti(tmp_path / "scans" / kind / f"{case}.nii.gz", voxels, Volume(voxels, affine, True))
    preparation = Preparation(LabelMap.of(("liver", "lesion")), window="0,150", orientation="RPS")
    prepare(tmp_path / "scans", tmp_path / "slices", preparation, say=quiet)
    said: list[str] = []
    changes = {"model__preprocessing__input_size": 40, "loop__steps": 2, "data__foreground": True}
    run(recipe, tmp_path / "slices", tmp_path, data__held_out=1, say=said.append, **changes)
    assert said == [
        "the slices were prepared with the window 0,150, not abdomen as the recipe has it; 0,150 it is",
        "4 slices to train on, 1 volumes held out; classes liver, lesion",
    ]
    config = HSAM.from_pretrained(tmp_path / "run" / "last").config
    assert config.classes == ("liver", "lesion")
    assert config.preprocessing == Preprocessing("0,150", "RPS", 40)


def test_volumes_are_held_out(recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any]) -> None:
    held_out: list[set[str]] = []
    for seed in (0, 0, 1, 2, 3):
        run(recipe, data, tmp_path, data__held_out=2, data__seed=seed)
        files = no_training["source"].slices
        assert isinstance(files, SliceFiles)
        assert (len(files), len(files.cases)) == (8, 2)
        assert no_training["best"] == "dice"
        assert set(no_training["validate"](no_training["model"].eval())) == {"dice", "dice_coarse", "dice_fine"}
        held_out.append({f"case000{n}" for n in range(4)} - set(files.cases))
    assert held_out[0] == held_out[1]
    assert any(chosen != held_out[0] for chosen in held_out)


def test_nothing_is_held_out_unless_asked_for(
    recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    run(recipe, data, tmp_path)
    assert (no_training["validate"], no_training["best"]) == (None, None)
    assert len(no_training["source"]) == 16
    assert no_training["model"].config.classes == SYNAPSE_CLASSES
    assert no_training["model"].config.preprocessing == Preprocessing("abdomen", "stored")


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"data__listed": "train_220"}, 2),
        ({"data__foreground": True}, 12),
        ({"data__slices": 0.25}, 4),
        ({"data__foreground": True, "data__slices": 0.25}, 3),
        ({"data__cases": "case0002"}, 4),
    ],
    ids=str,
)
def test_parts_of_the_data(
    recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any], changes: dict[str, Any], count: int
) -> None:
    run(recipe, data, tmp_path, **changes)
    assert len(no_training["source"]) == count


def test_balanced_slices_show_rare_classes_more_often(
    recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    for path in (data / "train_npz").glob("case000[123]_slice003.npz"):
        path.unlink()  # class 2 is left on a single slice, class 3 on none
    seen = []
    for balanced in (False, True):
        run(recipe, data, tmp_path, data__balanced=balanced, data__augmented=0)
        source = no_training["source"]
        rng = np.random.default_rng(0)
        samples = [source.sample(index % len(source), rng) for index in range(10 * len(source))]
        seen.append(sum(bool((sample["label"] == 2).any()) for sample in samples) / len(samples))
    assert seen[0] == pytest.approx(1 / 13)
    assert 0.2 < seen[1] < 0.5  # one of three groups: of class 1, of class 2, without any


def test_synthetic_volumes_that_are_held_out_are_never_trained_on(
    tmp_path: Path, no_training: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def volume(seed: int, shape: tuple[int, ...] = (2, 16, 16)) -> tuple[Any, Any]:
        asked.append(seed)
        return np.zeros((2, 16, 16), np.float32), np.ones((2, 16, 16), np.uint8)

    monkeypatch.setattr("hsam_medseg.data.synthetic.synthetic_volume", volume)
    monkeypatch.setattr(train, "synthetic_volume", volume)
    run("demo", None, tmp_path, data__volumes=1000, data__seed=9, data__held_out=3)
    assert sorted(asked) == [*range(9000, 10_003)]
    for changes in ({"data__seed": 10}, {"data__volumes": 1001}):
        with pytest.raises(InputError, match="there are 1000 for each seed from 0 to 9"):
            run("demo", None, tmp_path, **changes)


# steps and schedules


class Brightness(nn.Module):
    """A network that takes what is brighter than 0.5 for class 1, and than 0.8 for class 2; coarsely, for class 1."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(()))

    def forward(self, images: Tensor) -> Output:
        grey = images[:, :1] + self.anchor
        logits = torch.cat((torch.full_like(grey, 0.5), grey, 2 * grey - 0.8), dim=1)
        coarse = torch.cat((torch.full_like(grey, 0.5), grey, grey - 9), dim=1)
        return Output(nn.functional.avg_pool2d(coarse, 4), logits)


def test_the_validation_figure_is_the_mean_dice_of_what_is_there() -> None:
    config = HSAMConfig("vit_micro", 32, ("one", "two"), decoder_width=32)
    images, labels = np.zeros((2, 32, 32), np.float32), np.zeros((2, 32, 32), np.uint8)
    images[0, :8, :16], labels[0, :8, :8] = 0.7, 1  # half of what is found is right
    images[1, :8, :8], labels[1, 16:24, :8] = 0.9, 2  # found elsewhere
    alone = images[:1].copy(), labels[:1].copy()  # class 2 is not on it, and not counted
    measured = validate(Brightness(), [(images, labels), alone], config)
    half = 2 * 64 / (128 + 64)
    assert measured["dice_fine"] == pytest.approx((half + 0 + half) / 3)
    # the first decoder takes the place of class 2 for class 1 as well, and outvotes the second
    without = (2 * 64 / (128 + 64 + 64) + 0 + half) / 3
    assert measured["dice_coarse"] == pytest.approx(without, abs=0.02)
    assert measured["dice"] == pytest.approx(without, abs=0.02)


def test_a_class_that_is_too_small_for_the_network_is_not_counted() -> None:
    config = HSAMConfig("vit_micro", 32, ("one", "two"), decoder_width=32)
    images, labels = np.zeros((1, 64, 64), np.float32), np.zeros((1, 64, 64), np.uint8)
    images[0, :16, :16], labels[0, :16, :16] = 0.7, 1
    labels[0, 42, 42] = 2  # falls between what is left at 32 x 32
    assert validate(Brightness(), [(images, labels)], config)["dice_fine"] == pytest.approx(1)


@pytest.mark.parametrize(("step", "epoch"), [(0, 0), (138, 0), (139, 1), (278, 2), (41_699, 299)])
def test_the_weights_of_the_decoders_depend_on_the_epoch(
    monkeypatch: pytest.MonkeyPatch, step: int, epoch: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(train, "training_losses", lambda output, label, low, epoch: asked.append(epoch))
    batch = {"image": torch.zeros(1, 3, 32, 32), "label": torch.zeros(1), "low_label": torch.zeros(1)}
    step_losses(Brightness(), {**batch, "step": torch.tensor(step)}, 139)
    assert asked == [epoch]


def test_an_epoch_is_as_long_as_the_data(
    recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "step_losses", lambda network, batch, steps: steps)
    run(recipe, data, tmp_path, loop__batch_size=3)
    assert no_training["loss"](None, {}) == 6  # 16 slices, 3 at a time; the last batch is partial


def test_the_schedule_of_a_recipe(recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any]) -> None:
    run(recipe, data, tmp_path, loop__steps=40)
    rate = no_training["learning_rate"]
    assert [rate(step) for step in range(40)] == [published_learning_rate(step, 40, 1e-3, 2) for step in range(40)]
    assert (rate(0), rate(2), rate(3)) == (5e-4, 1e-3, 1e-3)
    assert rate(39) == pytest.approx(1e-3 * (1 - 36 / 40) ** 0.9)
    run(recipe, data, tmp_path, loop__steps=40, schedule="cosine")
    assert no_training["learning_rate"](39) < 1e-5


# recipes

PUBLISHED_RECIPES = {
    # backbone, size, rate, epochs, slices, cases
    "synapse": ("vit_l", 224, 0.0026, 300, 2211, None),
    "synapse-10": ("vit_b", 512, 0.0025, 300, 221, None),
    "la": ("vit_b", 512, 0.0028, 250, 224, "la-train"),
    "promise12": ("vit_b", 512, 0.0026, 250, 58, "promise12-train"),
}


@pytest.mark.parametrize("name", PUBLISHED_RECIPES)
def test_published_recipes(name: str) -> None:
    backbone, size, rate, epochs, slices, cases = PUBLISHED_RECIPES[name]
    config = load_recipe(TrainConfig, "hsam_medseg", name)
    model, loop, wanted = config.model, config.loop, config.data
    assert (model.backbone, model.image_size, model.lora_rank) == (backbone, size, 5)
    assert (model.decoder, model.gate, model.train_encoder) == ("hierarchical", "released", False)
    assert loop.steps == epochs * -(-slices // 16)
    assert (loop.batch_size, loop.learning_rate, loop.warmup_steps) == (16, rate, 250)
    assert (loop.weight_decay, loop.betas, loop.seed) == (0.1, (0.9, 0.999), 2345)
    assert (loop.clip_norm, loop.ema_decay, loop.precision, loop.accumulate) == (None, None, "float32", 1)
    assert config.schedule == "official"
    assert (wanted.kind, wanted.cases, wanted.foreground) == ("folder", cases, cases is not None)
    assert (wanted.held_out, wanted.slices, wanted.balanced, wanted.augmented) == (0, 1, False, 1)
    assert wanted.listed == ("train_220" if name == "synapse-10" else "train")
    assert model.preprocessing.window == ("abdomen" if cases is None else "mr")
    assert cases is None or cases in PUBLISHED
    assert replace(model, preprocessing=Preprocessing()).classes == (
        SYNAPSE_CLASSES if cases is None else {"la": ("left atrium",), "promise12": ("prostate",)}[name]
    )


def test_there_is_a_recipe_for_every_published_setup_the_demo_and_scans_of_ones_own() -> None:
    assert set(recipe_names("hsam_medseg")) == {*PUBLISHED_RECIPES, "demo", "small"}
    small = load_recipe(TrainConfig, "hsam_medseg", "small")
    assert (small.data.kind, small.data.held_out, small.model.train_encoder) == ("folder", 1, True)
    demo = load_recipe(TrainConfig, "hsam_medseg", "demo")
    assert (demo.data.kind, demo.data.slices, demo.model.backbone) == ("synthetic", 0.1, "vit_micro")


# what is refused


@pytest.mark.parametrize("option", ["weights", "validation"])
def test_a_start_and_a_validation_folder(
    option: str, recipe: Path, data: Path, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    said: list[str] = []
    if option == "validation":
        train.train(recipe, data, tmp_path / "run", validation=data, say=said.append)
        assert len(no_training["source"]) == 16
        assert no_training["best"] == "dice"
        assert said[0].startswith("16 of the validation images are trained on as well")
        assert said[1].startswith("16 slices to train on, 4 volumes held out")
        with pytest.raises(InputError, match="no slices to train on"):
            train.train(recipe, data, tmp_path / "run", validation=tmp_path / "none", say=quiet)
        return
    run(recipe, data, tmp_path)
    model = no_training["model"]
    model.save_pretrained(tmp_path / "trained")
    train.train(recipe, data, tmp_path / "run", weights=tmp_path / "trained", overrides={"loop.seed": "9"}, say=quiet)
    start = no_training["model"].state_dict()
    assert all(torch.equal(start[name], tensor) for name, tensor in model.state_dict().items())
    with pytest.raises(InputError, match="sam and weights are both given"):
        train.train(recipe, data, tmp_path / "run", weights=tmp_path / "trained", sam="sam.pth", say=quiet)
    with pytest.raises(InputError, match="these weights do not fit HSAM: "):
        train.train(
            recipe, data, tmp_path / "run", weights=tmp_path / "trained", overrides={"model.image_size": "64"},
            say=quiet,
        )  # fmt: skip


def test_validation_volumes_are_as_those_trained_on(recipe: Path, data: Path, tmp_path: Path) -> None:
    voxels = np.zeros((2, 24, 20), np.int16)
    for kind in ("images", "labels"):
        scan = Volume(voxels + (kind == "labels"), np.eye(4), True)
        write_labels(tmp_path / "scans" / kind / "a.nii.gz", scan)
    prepare(tmp_path / "scans", tmp_path / "other", Preparation(LabelMap.of(("liver",)), "lung"))
    prepare(tmp_path / "scans", tmp_path / "same", Preparation(LabelMap.of(("liver",)), "abdomen"))
    for folder, told in (
        (data, r"synapse: its classes are spleen.*; those trained on are liver"),
        (tmp_path / "same", "prepared with window abdomen and orientation LPS, what is trained on with lung and LPS"),
    ):
        with pytest.raises(InputError, match=told):
            train.train(recipe, tmp_path / "other", tmp_path / "run", validation=folder, say=quiet)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loop__stps": 3}, "--set.loop.stps: unknown field loop.stps; did you mean steps?"),
        ({"schedule": "linear"}, "schedule should be one of official, cosine"),
        ({"data__slices": 0}, "data.slices is 0.0; it must be above 0 and at most 1"),
        ({"data__slices": 1.5}, "data.slices is 1.5; it must be above 0 and at most 1"),
        ({"data__held_out": -1}, "data.held_out is -1; it must be at least 0"),
        ({"data__seed": -1}, "data.seed is -1; it must be at least 0"),
        ({"data__volumes": 0}, "data.volumes is 0; it must be at least 1"),
        ({"data__augmented": 1.5}, "data.augmented is 1.5; it must be from 0 to 1"),
        ({"data__held_out": 4}, "data.held_out is 4, of 4 cases; one at least must be left"),
        ({"data__listed": "train_9"}, "train_9.txt: no such list of slices"),
        ({"data__cases": "la-train"}, "0 of 4 cases are called 06SR5RBREL16DQ6M8LWS"),
        ({"model__lora_rank": 5}, "lora_rank is 5; where train_encoder is true it must be 0"),
        ({"model__train_encoder": False}, "vit_micro is no backbone of SAM's"),
    ],
    ids=str,
)
def test_recipes_that_will_not_do(recipe: Path, data: Path, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        run(recipe, data, tmp_path, **changes)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_data_that_will_not_do(recipe: Path, data: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty" / "train_npz"
    empty.mkdir(parents=True)
    for case in ("a", "b"):
        write_slice(empty, case, 0, 0)
    for name, folder, changes, told in (
        (recipe, None, {}, "this recipe trains on slices of scans; give the folder that holds them as data"),
        ("demo", data, {}, f"{data}: this recipe trains on synthetic volumes; give no data"),
        (recipe, tmp_path / "none", {}, "no slices to train on"),
        (recipe, empty.parent, {"data__held_out": 1}, "is held out, and no class is on it; choose others by another"),
        (recipe, empty.parent, {"data__foreground": True}, "none of 2 slices is left"),
        ("synapsis", data, {}, "unknown recipe 'synapsis'; did you mean synapse?"),
    ):
        with pytest.raises(InputError) as caught:
            run(name, folder, tmp_path, **changes)
        assert told in str(caught.value)


def test_sams_file_is_missing_or_of_another_backbone(data: Path, tmp_path: Path, sam_file: SamFile) -> None:
    with pytest.raises(InputError, match=r"no SAM checkpoint was given; vit_l needs sam_vit_l_0b3195\.pth"):
        run("synapse", data, tmp_path)
    with pytest.raises(InputError, match=r"holds SAM's vit_b; vit_l needs sam_vit_l_0b3195\.pth"):
        run("synapse", data, tmp_path, sam=sam_file("vit_b"))


def test_a_slice_that_breaks_later_is_named(recipe: Path, data: Path, tmp_path: Path) -> None:
    for path in (data / "train_npz").glob("*.npz"):
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"case\d+_slice\d+\.npz: damaged"):
        run(recipe, data, tmp_path)


def test_the_defaults_are_as_published() -> None:
    assert DataConfig() == DataConfig(held_out=0, balanced=False, augmented=1.0, slices=1.0)
    with pytest.raises(InputError, match=r"data.slices is 2"):
        DataConfig(slices=2)
