"""Training by recipes: published values, what a run leaves and may change, resuming, what is held out and refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clip_denoising import VARIANTS, CLIPDenoiser
from clip_denoising.data.camera import CameraNoise
from clip_denoising.data.noise import Noise
from clip_denoising.data.patches import Patches
from clip_denoising.network.config import CLIPDenoiserConfig
from clip_denoising.network.losses import training_losses
from clip_denoising.training import trainer as train
from clip_denoising.training.config import DataConfig, TrainConfig, load_train_recipe
from clip_denoising.training.trainer import schedule_of, step_losses, validate
from visioncore.backbones.clip import CLIPResNet, CLIPResNetConfig
from visioncore.errors import InputError
from visioncore.images import Image, read_image, write_image
from visioncore.recipes import recipe_names
from visioncore.testing.memory import out_of_memory
from visioncore.testing.photos import write_photos
from visioncore.training import LoopConfig
from visioncore.weights.state_dicts import write_state_dict

MakePhoto = Callable[..., Any]

RECIPE = """
schedule: cosine
model: {width: 4, blocks: [1, 1, 1, 1]}
data: {patch: 32, validation_patch: 32, held_out: 0.3}
loop:
  steps: 4
  batch_size: 4
  learning_rate: 1.0e-3
  weight_decay: 1.0e-4
  clip_norm: 0.01
  log_every: 1
  validate_every: 2
  checkpoint_every: 2
"""
FROM_SCRATCH = {"model.train_encoder": "true"}
LOOP = LoopConfig(steps=1, batch_size=1)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", 4, (40, 48))


@pytest.fixture
def pairs(tmp_path: Path, photos: Path) -> Path:
    """The photos with uniform noise up to 40 steps of 255, stored beside them."""
    for path in photos.iterdir():
        write_image(tmp_path / "pairs" / "clean" / path.name, read_image(path))
        noisy = read_image(path).pixels.astype(int) + np.random.default_rng(0).integers(-40, 41, (40, 48, 3))
        write_image(tmp_path / "pairs" / "noisy" / path.name, Image(noisy.clip(0, 255).astype(np.uint8)))
    return tmp_path / "pairs"


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    """Three slices of each of four patients, at both doses."""
    (tmp_path / "slices").mkdir()
    rng = np.random.default_rng(0)
    for patient in ("A", "B", "C", "D"):
        for index in range(3):
            clean = rng.random((40, 40)).astype(np.float32) / 2
            noisy = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
            for dose, values in (("target", clean), ("input", noisy)):
                np.save(tmp_path / "slices" / f"{patient}_{index}_{dose}.npy", values)
    return tmp_path / "slices"


@pytest.fixture(scope="session")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of CLIP with a tower of the recipe's shape."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("clip") / "tower.safetensors"
    state = CLIPResNet(CLIPResNetConfig(4, (1, 1, 1, 1))).state_dict()
    write_state_dict(path, {f"visual.{name}": value for name, value in state.items()})
    return path


@pytest.fixture
def no_training(instead_of_fit: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
    """What would be trained, and how, instead of training."""
    return instead_of_fit(train)


def silent(line: str) -> None:
    raise AssertionError(f"nothing was to be told: {line}")


def tensors(folder: Path) -> dict[str, Tensor]:
    return CLIPDenoiser.from_pretrained(folder).state_dict()


def lines_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


# recipes


def test_there_is_a_recipe_for_every_variant_the_demo_and_a_small_network() -> None:
    assert set(recipe_names("clip_denoising")) == {*VARIANTS, "demo", "small", "encoder"}


@pytest.mark.parametrize(
    ("name", "steps", "schedule", "kind", "noise", "aug_level"),
    [
        ("synthetic", 300_000, "cyclic", "photos", "gaussian:15", 0.025),
        ("srgb", 300_000, "cyclic", "pairs", None, 0.05),
        ("ldct", 40_000, "cosine", "slices", "gaussian:5", 0.025),
    ],
)
def test_published_recipes(
    name: str, steps: int, schedule: str, kind: str, noise: str | None, aug_level: float
) -> None:
    config = load_train_recipe(name)
    loop, data = config.loop, config.data
    assert config.model == VARIANTS[name]
    assert (config.model.aug_level, config.model.encoder_bn, config.model.train_encoder) == (aug_level, "batch", False)
    assert (loop.steps, config.schedule, data.kind) == (steps, schedule, kind)
    assert (loop.batch_size, data.patch, loop.accumulate, loop.seed) == (16, 128, 1, 100)
    assert (loop.learning_rate, loop.min_learning_rate, loop.warmup_steps) == (3e-4, 1e-6, 0)
    assert (loop.weight_decay, loop.betas, loop.clip_norm) == (1e-4, (0.9, 0.999), 0.01)
    assert (loop.ema_decay, loop.precision, loop.validate_every) == (None, "float32", 4000)
    assert data.mixup
    assert noise is None or data.noise == noise
    if name == "ldct":
        assert data.patients == ("L067", "L096", "L109", "L143", "L192", "L286", "L291", "L310", "L333")
        assert data.held_out == 0
    if name == "synthetic":
        assert (data.validation_noise, data.validation_patch) == ("gaussian:50", None)


def test_the_small_network_sees_one_noise_and_has_a_rival() -> None:
    config = load_train_recipe("small")
    assert (config.data.noise, config.data.validation_noise, config.data.mixup) == ("gaussian:15", None, True)
    assert (config.model.width, config.model.blocks) == (16, (1, 1, 1, 1))
    assert not config.model.train_encoder
    assert load_train_recipe("small", FROM_SCRATCH).model.train_encoder


@pytest.mark.parametrize(
    ("name", "overrides", "words"),
    [
        ("small", {"data.noise": "poisson:2"}, "poisson:2 noise on photos"),
        ("ldct", {"data.noise": "ct-gaussian:40"}, "ct-gaussian:40 noise on CT slices"),
        ("synthetic", {"data.kind": "pairs"}, "stored pairs of noisy and clean photos"),
        ("srgb", {"data.kind": "photos", "data.noise": "camera"}, "camera noise on photos"),
        ("small", {"data.noise": "poisson:2", "model.noise": "shot noise"}, "shot noise"),
        ("small", {"data.patch": "96"}, "Gaussian noise of sigma 15/255 on RGB photos"),
    ],
)
def test_weights_say_what_they_were_trained_on(name: str, overrides: dict[str, str], words: str) -> None:
    assert load_train_recipe(name, overrides).model.noise == words


@pytest.mark.parametrize(("schedule", "held"), [("cyclic", 92), ("cosine", 0)])
def test_schedules(schedule: Any, held: int) -> None:
    loop = LoopConfig(steps=300, batch_size=1, learning_rate=3e-4, min_learning_rate=1e-6)
    rate = schedule_of(TrainConfig(loop, schedule=schedule))
    for step in (0, held, held + 1, 200, 299):
        progress = max(0, step - held) / (300 - held)
        assert rate(step) == pytest.approx(1e-6 + (3e-4 - 1e-6) * (1 + math.cos(math.pi * progress)) / 2, rel=1e-9)


# a step


def batch(step: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    noisy, clean = torch.rand(2, 6, 3, 32, 32, generator=generator)
    return {"noisy": noisy, "clean": clean, "step": torch.tensor(step)}


class Kept(nn.Module):
    """Gives back half of what it gets, and keeps that."""

    def forward(self, noisy: Tensor) -> Tensor:
        self.seen = noisy
        return noisy / 2


def test_steps_are_mixed_by_their_number_and_the_seed() -> None:
    network, plain = Kept(), batch(0)
    mixed = []
    for step in range(100):
        given = batch(step)
        losses = step_losses(network, given, 7, mixed=True)
        assert list(losses) == ["l1"]
        again = step_losses(Kept(), batch(step), 7, mixed=True)
        assert torch.equal(losses["l1"], again["l1"])
        mixed.append(not torch.equal(network.seen, plain["noisy"]))
        if not mixed[-1]:
            assert torch.equal(losses["l1"], training_losses(plain["noisy"] / 2, plain["clean"])["l1"])
        assert torch.equal(given["noisy"], plain["noisy"])  # the batch itself stays as it is
    assert 30 < sum(mixed) < 70
    others = [float(step_losses(network, batch(step), 8, mixed=True)["l1"]) for step in range(100)]
    assert others != [float(step_losses(network, batch(step), 7, mixed=True)["l1"]) for step in range(100)]


def test_steps_that_are_not_mixed() -> None:
    network = Kept()
    for step in range(20):
        step_losses(network, batch(step), 7, mixed=False)
        assert torch.equal(network.seen, batch(step)["noisy"])


# a run


def test_a_run_leaves_weights_and_a_log(recipe: Path, photos: Path, tower: Path, tmp_path: Path) -> None:
    result = train.train(recipe, photos, tmp_path / "run", clip=tower, say=silent)
    assert result.steps == 4
    assert set(result.metrics) == {"psnr", "psnr_noisy"}
    assert result.metrics["psnr_noisy"] == pytest.approx(20 * math.log10(255 / 15), abs=0.5)
    assert CLIPDenoiser.from_pretrained(tmp_path / "run" / "best").config.width == 4
    lines = lines_of(tmp_path / "run")
    assert [line["step"] for line in lines if "l1" in line] == [1, 2, 3, 4]
    assert [line["step"] for line in lines if "validation" in line] == [2, 4]
    description = json.loads((tmp_path / "run" / "run.json").read_text())["run"]
    assert (description["images"], description["clip"]) == (3, "tower.safetensors")
    assert description["recipe"]["data"]["noise"] == "gaussian:15"


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("norms", ["batch", "frozen"])
def test_what_of_the_encoder_a_run_changes(
    recipe: Path, photos: Path, tower: Path, tmp_path: Path, trained: bool, norms: str
) -> None:
    overrides = {"model.train_encoder": str(trained).lower(), "model.encoder_bn": norms, "data.held_out": "0"}
    start = CLIPDenoiser.from_clip(load_train_recipe(recipe, overrides).model, tower)
    weights = {name for name, _ in start.encoder.named_parameters()}
    train.train(recipe, photos, tmp_path / "run", clip=tower, overrides=overrides)
    after = CLIPDenoiser.from_pretrained(tmp_path / "run" / "last").encoder.state_dict()
    for name, before in start.encoder.state_dict().items():
        changed = not torch.equal(before, after[name])
        assert changed == (trained if name in weights else norms == "batch"), name
    assert {name.rsplit(".", 1)[1] for name in after if name not in weights} == {
        "running_mean", "running_var", "num_batches_tracked"
    }  # fmt: skip


def test_losses_go_down(recipe: Path, photos: Path, tmp_path: Path) -> None:
    overrides = {"loop.steps": "30", "loop.learning_rate": "3e-3", "data.held_out": "0", "loop.clip_norm": "null"}
    train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH | overrides)
    losses = [line["l1"] for line in lines_of(tmp_path / "run")]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_training_goes_on_from_a_trained_network(
    recipe: Path, photos: Path, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    model = CLIPDenoiser(replace(load_train_recipe(recipe).model, keep_layer4=True))  # more than this run has
    model.save_pretrained(tmp_path / "before")
    train.train(recipe, photos, tmp_path / "run", weights=tmp_path / "before")
    start = no_training["model"].state_dict()
    assert not any("layer4" in name for name in start)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in start.items())
    assert no_training["run_description"]["weights"] == "before"


def test_slices_pairs_and_cameras_train(recipe: Path, pairs: Path, photos: Path, slices: Path, tmp_path: Path) -> None:
    common = FROM_SCRATCH | {"loop.steps": "1", "loop.validate_every": "1"}
    results = {}
    for kind, data, changes in (
        ("pairs", pairs, {}),
        ("slices", slices, {"model.channels": "1", "data.noise": "ct-gaussian:80"}),
        ("photos", photos, {"data.noise": "camera-blind"}),
    ):
        overrides = common | {"data.kind": kind} | changes
        results[kind] = train.train(recipe, data, tmp_path / kind, overrides=overrides, say=silent).metrics
    assert results["pairs"]["psnr_noisy"] == pytest.approx(20 * math.log10(255 / (81 / 12**0.5)), abs=0.7)
    assert results["slices"]["psnr_noisy"] == pytest.approx(20 * math.log10(4096 / 80), abs=0.5)
    # of CT, what validation is given apart has both doses
    overrides = common | {"data.kind": "slices", "model.channels": "1", "data.patients": "[A, B]"}
    result = train.train(recipe, slices, tmp_path / "doses", overrides=overrides, validation=slices, say=lambda _: None)
    assert result.metrics["psnr_noisy"] == pytest.approx(20 * math.log10(1 / 0.1), abs=0.7)


def test_out_of_memory_says_what_helps(
    recipe: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "step_losses", out_of_memory)
    with pytest.raises(InputError, match=r"out of memory; what helps.*loop\.accumulate.*encoder_bn frozen"):
        train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH)


# validation


@pytest.mark.parametrize("channels", [1, 3])
def test_the_validation_figure_is_the_mean_psnr(channels: int) -> None:
    class Darker(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.by = nn.Parameter(torch.tensor(0.03125))

        def forward(self, noisy: Tensor) -> Tensor:
            assert noisy.shape[-2:] == (32, 64)  # padded to what the network takes
            return noisy - self.by

    clean = torch.rand(channels, 32, 50, generator=torch.Generator().manual_seed(0))
    samples = [{"noisy": clean + error, "clean": clean} for error in (0.0625, 0.125)]
    with torch.no_grad():
        found = validate(Darker(), iter(samples))
    for name, change in (("psnr_noisy", 0.0), ("psnr", 0.03125)):
        errors = [((sample["noisy"] - change).clamp(0, 1) - clean).double().square().mean() for sample in samples]
        assert found[name] == pytest.approx(np.mean([10 * math.log10(1 / error) for error in errors]), abs=1e-3)


def test_what_is_held_out_is_not_trained_on(
    recipe: Path, photos: Path, slices: Path, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH, say=silent)
    assert len(no_training["source"]) == 3
    config = load_train_recipe(recipe, FROM_SCRATCH | {"data.validation_noise": "poisson:3"})
    source, held_out = train._sources(config, photos, None)
    assert held_out is not None
    assert sorted(source.clean_files() + held_out.clean_files()) == sorted(photos.iterdir())
    assert (source.noise, held_out.noise) == (Noise("gaussian", 15.0), Noise("poisson", 3.0))
    again = train._sources(config, photos, None)[1]
    assert again is not None
    assert again.clean_files() == held_out.clean_files()
    ct = load_train_recipe(recipe, {"data.kind": "slices", "model.channels": "1"})
    source, held_out = train._sources(ct, slices, None)
    assert held_out is not None
    sides = [{path.name[0] for path in patches.clean_files()} for patches in (source, held_out)]
    assert [len(side) for side in sides] == [3, 1]  # patients, each with all of its slices
    assert not sides[0] & sides[1]


def test_no_more_is_held_out_than_a_test_set_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "find_photos", lambda data: [Path(f"{number}.png") for number in range(10_000)])
    source, held_out = train._sources(TrainConfig(LOOP), Path("data"), None)
    assert held_out is not None
    assert (len(source), len(held_out)) == (9932, 68)


def test_nothing_is_held_out_where_nothing_should_be(
    recipe: Path, photos: Path, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH | {"data.held_out": "0"})
    assert len(no_training["source"]) == 4
    assert no_training["validate"] is None
    assert no_training["best"] is None


def test_validation_images_that_are_trained_on_are_told(
    recipe: Path, photos: Path, make_photo: MakePhoto, tmp_path: Path, no_training: dict[str, Any]
) -> None:
    said: list[str] = []
    train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH, validation=photos, say=said.append)
    assert said == [
        "4 of the validation images are trained on as well, so their figures mean little: 0.png, 1.png, 2.png, 3.png"
    ]
    write_image(tmp_path / "others" / "9.png", Image(make_photo(40, 48, seed=9)))
    train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH, validation=tmp_path / "others", say=silent)
    assert len(no_training["source"]) == 4


def test_validation_sees_the_same_noise_every_time(
    recipe: Path, photos: Path, tmp_path: Path, no_training: dict[str, Any], tiny: CLIPDenoiser
) -> None:
    train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH)
    measure = no_training["validate"]
    with torch.no_grad():
        first = measure(tiny)
        assert no_training["best"] in first
        assert measure(tiny) == first


def test_cameras_take_curves_from_a_folder(photos: Path, tmp_path: Path) -> None:
    source, _ = train._sources(TrainConfig(LOOP, data=DataConfig(noise="camera")), photos, None)
    assert isinstance(source, Patches)
    assert isinstance(source.noise, CameraNoise)
    assert not source.noise.blind
    with pytest.raises(InputError, match="come from the repository of CBDNet"):
        train._sources(TrainConfig(LOOP, data=DataConfig(noise="camera", curves=tmp_path)), photos, None)


# what is refused


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"loop.stps": "3"}, "--set.loop.stps: unknown field loop.stps; did you mean steps?"),
        ({"model.width": "5"}, "width is 5; it must be a positive even number"),
        ({"data.patch": "48"}, "data.patch is 48; it must be a positive multiple of 32"),
        ({"data.patch": "0"}, "data.patch is 0"),
        ({"data.validation_patch": "0"}, "data.validation_patch is 0; it must be at least 1, or none"),
        ({"data.held_out": "1"}, "data.held_out is 1.0; it must be at least 0 and below 1"),
        ({"data.cache_mb": "-1"}, "data.cache_mb is -1"),
        ({"data.noise": "rain:3"}, "'rain:3': no kind of noise; known are gaussian"),
        ({"data.noise": "gaussian"}, "noise is written as gaussian:15"),
        ({"data.validation_noise": "poisson:-1"}, "no level of poisson noise"),
        ({"data.kind": "slices", "model.channels": "1", "data.noise": "camera"}, "'camera': no kind of noise"),
        ({"data.kind": "slices"}, "data.kind is slices and model.channels 3; it must be slices, of one channel"),
        ({"model.channels": "1"}, "data.kind is photos and model.channels 1"),
        ({"schedule": "cyclic", "loop.warmup_steps": "2"}, "the cyclic schedule has no warm-up"),
        ({"schedule": "linear"}, "schedule should be one of cyclic, cosine"),
    ],
)
def test_fields_that_are_wrong(
    recipe: Path, photos: Path, tmp_path: Path, overrides: Mapping[str, str], told: str
) -> None:
    with pytest.raises(InputError) as caught:
        train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH | dict(overrides))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_encoders_and_data_that_will_not_do(
    recipe: Path, photos: Path, pairs: Path, tower: Path, make_photo: MakePhoto, tmp_path: Path
) -> None:
    CLIPDenoiser(CLIPDenoiserConfig(width=8, blocks=(1, 1, 1, 1))).save_pretrained(tmp_path / "other")
    write_image(tmp_path / "alone" / "1.png", Image(make_photo(40, 40)))
    for data, options, told in (
        (photos, {}, "so they must come from somewhere: clip (OpenAI's RN50.pt"),
        (photos, {"clip": tower, "weights": tmp_path / "other"}, "clip and weights are both given"),
        (photos, {"weights": tmp_path / "other"}, "these weights do not fit CLIPDenoiser"),
        (photos, {"clip": tmp_path / "none.pt"}, "no such file"),
        (photos, {"clip": tower, "overrides": {"model.width": "16"}}, "a tower of width 4 with 1, 1, 1, 1 blocks"),
        (tmp_path / "none", {"clip": tower}, "no such file or folder"),
        (tmp_path / "alone", {"clip": tower}, "clean images, 1 in all: 1 would be held out"),
        (pairs, {"clip": tower}, "has a folder noisy; clean photos are wanted"),
        (photos, {"clip": tower, "overrides": {"data.kind": "pairs"}}, "no pairs in it"),
    ):
        with pytest.raises(InputError) as caught:
            train.train(recipe, data, tmp_path / "run", **options)
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_encoder_s_recipe_is_not_taken_for_a_network_s(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recipe encoder: unknown field side"):
        train.train("encoder", photos, tmp_path / "run")


def test_a_image_that_breaks_later_is_named(recipe: Path, photos: Path, tmp_path: Path) -> None:
    for path in photos.iterdir():
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"\d\.png: the PNG file is truncated"):
        train.train(recipe, photos, tmp_path / "run", overrides=FROM_SCRATCH)
