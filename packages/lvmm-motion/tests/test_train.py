"""Training by recipe: what each stage starts from, what it trains, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from lvmm_motion.data.augmentation import AugmentationConfig, augment
from lvmm_motion.data.samples import FramePairs, PreparedFrames
from lvmm_motion.inference.embedders import Zeros
from lvmm_motion.method import PACKAGE
from lvmm_motion.network.autoencoder import FlowAutoencoder
from lvmm_motion.network.config import (
    VARIANTS,
    AnimationConfig,
    FlowAutoencoderConfig,
    FrameUNetConfig,
    MotionUNetConfig,
)
from lvmm_motion.network.model import LVMM, AnimationPipeline
from lvmm_motion.network.perceptual import VGG19, Pixels
from lvmm_motion.network.thin_plate import ThinPlate
from lvmm_motion.network.weights import load_model
from lvmm_motion.training import stages, trainer
from lvmm_motion.training.config import TrainConfig
from lvmm_motion.training.reconstruction import (
    DeformedPairs,
    Reconstructing,
    ReconstructionStep,
    read_perceptual,
    validate,
)
from lvmm_motion.training.schedule import schedule
from lvmm_motion.training.start import Start
from visioncore.configs import to_plain
from visioncore.errors import InputError
from visioncore.recipes import load_recipe
from visioncore.testing.processes import load_script
from visioncore.testing.suites.train import CrashError, at_step, crash

TINY: ModuleType = load_script(Path(__file__).with_name("tiny_runs.py"))


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture
def recipe_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tiny recipe."""

    def write(stage: str, **changes: Any) -> Path:
        path = tmp_path / f"{stage}.yaml"
        path.write_text(yaml.safe_dump(to_plain(TINY.recipe(stage, **changes))))
        return path

    return write


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The runs of all three stages, each from what the one before it left."""
    folder = tmp_path_factory.mktemp("runs")
    clips, held_out = TINY.CLIPS[:7], TINY.CLIPS[7:]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ACCELERATE_USE_CPU", "1")
        stages.train_autoencoder(TINY.recipe(), clips, held_out, folder / "autoencoder")
        start = Start("best", load_model(folder / "autoencoder" / "best"))  # type: ignore[arg-type]
        stages.train_motion(TINY.recipe("motion"), clips, held_out, folder / "motion", start)
        start = Start("last", load_model(folder / "motion" / "last"))  # type: ignore[arg-type]
        stages.train_frame(TINY.recipe("frame"), clips, held_out, folder / "frame", start)
    return {stage: folder / stage for stage in ("autoencoder", "motion", "frame")}


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_each_stage_leaves_the_network_with_what_was_trained_before(trained: dict[str, Path]) -> None:
    first, second, third = (
        load_model(trained[stage] / which)
        for stage, which in (("autoencoder", "best"), ("motion", "last"), ("frame", "last"))
    )
    assert isinstance(first, FlowAutoencoder)
    assert isinstance(second, AnimationPipeline)
    assert isinstance(third, AnimationPipeline)
    assert same(second.autoencoder, first)
    assert second.refiner is None
    assert float(second.scales[0].max()) < 0.9
    assert same(third.autoencoder, first)
    assert same(third.denoiser, second.denoiser)
    assert torch.equal(third.scales, second.scales)
    assert third.refiner is not None


def test_states_of_the_later_stages_hold_what_is_trained_alone(trained: dict[str, Path]) -> None:
    from safetensors.torch import load_file

    for stage, part in (("motion", "denoiser."), ("frame", "refiner.")):
        state = load_file(next((trained[stage] / "checkpoints").glob("*/model.safetensors")))
        assert state
        assert all(name.startswith(part) for name in state)


@pytest.mark.parametrize("stage", ["motion", "frame"])
def test_a_run_that_was_cut_short_ends_with_the_same_weights(tmp_path: Path, stage: str) -> None:
    halfway = {"loop": {"checkpoint_every": 2}}
    TINY.run(stage, tmp_path / "whole", **halfway)
    with at_step(4, crash), pytest.raises(CrashError):
        TINY.run(stage, tmp_path / "parts", **halfway)
    assert not (tmp_path / "parts" / "last").exists()
    TINY.run(stage, tmp_path / "parts", **halfway)
    assert same(load_model(tmp_path / "parts" / "last"), load_model(tmp_path / "whole" / "last"))


def test_averaged_weights_are_kept_inside_the_pipeline(tmp_path: Path) -> None:
    found = {}
    for decay in (None, 0.9):
        TINY.run("motion", tmp_path / str(decay), loop={"ema_decay": decay})
        trained = load_model(tmp_path / str(decay) / "last")
        assert isinstance(trained, AnimationPipeline)
        found[decay] = trained.denoiser.time.state_dict()
    torch.manual_seed(0)
    before = AnimationPipeline(replace(TINY.MODEL, frame=None)).denoiser.time.state_dict()
    for name, value in before.items():
        moved, averaged = ((found[decay][name] - value).abs().sum() for decay in (None, 0.9))
        assert 0 < averaged < 0.5 * moved


def test_a_stage_learns(tmp_path: Path) -> None:
    loop = {"loop": {"learning_rate": 3e-3}, "cache_mb": 10}
    once, often = (
        stages.train_autoencoder(TINY.recipe(steps=steps, **loop), TINY.CLIPS, TINY.CLIPS[:2], tmp_path / str(steps))
        for steps in (1, 60)
    )
    assert often.metrics["l1_validation"] < 0.7 * once.metrics["l1_validation"]
    assert often.best_metrics["psnr_validation"] > once.metrics["psnr_validation"] + 3


def test_more_of_the_motion_denoiser_is_trained_from_a_pipeline(
    recipe_file: Callable[..., Path], trained: dict[str, Path], instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    given = instead_of_fit(stages)
    before = load_model(trained["frame"] / "last")
    assert isinstance(before, AnimationPipeline)
    before.scales.fill_(7)
    stages.train_motion(
        TINY.recipe("motion"), TINY.CLIPS[:2], TINY.CLIPS[2:3], trained["motion"], Start("pipeline", before)
    )
    assert same(given["model"].denoiser, before.denoiser)
    assert given["loss"].scales.eq(7).all()
    assert given["best"] is None


def test_where_a_run_starts_and_what_it_is_of(
    recipe_file: Callable[..., Path], tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    given = instead_of_fit(stages)
    trainer.train(recipe_file("autoencoder"), None, tmp_path / "run")
    assert (len(given["source"]), given["best"]) == (58, "psnr_validation")
    TINY.autoencoder(3).save_pretrained(tmp_path / "start")
    trainer.train(recipe_file("autoencoder"), None, tmp_path / "run", weights=tmp_path / "start")
    assert same(given["model"].autoencoder, TINY.autoencoder(3))
    assert given["run_description"]["weights"] == "start"
    with torch.no_grad():
        assert given["validate"](given["model"].eval())["psnr_validation"] > 5


def test_an_auto_encoder_of_other_settings_is_not_trained_further(
    recipe_file: Callable[..., Path], tmp_path: Path, instead_of_fit: Callable[[object], dict[str, Any]]
) -> None:
    instead_of_fit(stages)
    for changes, told in (
        ({"align_corners": False}, "has align_corners False"),
        ({"temperature": 0.2}, "temperature 0.2"),
    ):
        FlowAutoencoder(replace(TINY.AUTOENCODER, **changes)).save_pretrained(tmp_path / told)
        with pytest.raises(InputError, match=told):
            trainer.train(recipe_file("autoencoder"), None, tmp_path / "run", weights=tmp_path / told)
    FlowAutoencoder(replace(TINY.AUTOENCODER, side=32)).save_pretrained(tmp_path / "larger")
    trainer.train(recipe_file("autoencoder"), None, tmp_path / "run", weights=tmp_path / "larger")


@pytest.mark.parametrize(
    ("stage", "weights", "told"),
    [
        ("motion", None, "the stage motion starts from the weights of FlowAutoencoder or AnimationPipeline"),
        ("frame", None, "the stage frame starts from the weights of AnimationPipeline"),
        ("frame", "autoencoder", "is a FlowAutoencoder; the stage frame starts from AnimationPipeline"),
        ("autoencoder", "motion", "is a MotionUNet; the stage autoencoder starts from FlowAutoencoder"),
    ],
)
def test_what_a_stage_does_not_start_from(
    recipe_file: Callable[..., Path], tmp_path: Path, stage: str, weights: str | None, told: str
) -> None:
    if weights is not None:
        made = TINY.autoencoder() if weights == "autoencoder" else LVMM(TINY.MODEL.motion)
        made.save_pretrained(tmp_path / weights)
    with pytest.raises(InputError, match=told):
        trainer.train(
            recipe_file(stage), None, tmp_path / "run", weights=None if weights is None else tmp_path / weights
        )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"stride": "0"}, "stride is 0; it must be at least 1"),
        ({"windows": "0"}, "windows is 0"),
        ({"drop": "1"}, "drop is 1.0; it must be from 0 to below 1"),
        ({"cache_mb": "-1"}, "cache_mb is -1"),
        ({"model.autoencoder.side": "18"}, "side is 18; here it must be a multiple of 8"),
        ({"perceptual": "vgg.pth"}, "side is 16; VGG-19 needs at least 128; below it set perceptual pixels"),
        ({"perceptual": "none.pth", "model.autoencoder.side": "128"}, "none.pth"),
        ({"perceptual": "vgg19", "model.autoencoder.side": "128"}, "weights get vgg19"),
        ({"augmentation.jitter": "0.6"}, "jitter is 0.6; it must be from 0 to 0.5"),
        ({"stage": "still"}, "stage should be"),
    ],
)
def test_fields_that_are_wrong(
    recipe_file: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: dict[str, str],
    told: str,
) -> None:
    monkeypatch.setenv("VISIONCORE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match=told):
        trainer.train(recipe_file("autoencoder"), None, tmp_path / "run", overrides=overrides)
    assert not (tmp_path / "run").exists()


def test_options_of_other_stages(recipe_file: Callable[..., Path], tmp_path: Path) -> None:
    for stage, option, told in (
        ("autoencoder", {"motion": tmp_path}, "motion is for the other stages; this recipe's is autoencoder"),
        ("autoencoder", {"embedder": "imagebind"}, "embedder is for the stage motion; this recipe's is autoencoder"),
        ("frame", {"embedder_weights": tmp_path}, "embedder is for the stage motion; this recipe's is frame"),
        ("autoencoder", {"validation": tmp_path}, "validation belongs to data"),
        ("autoencoder", {"videos": tmp_path}, "videos belongs to data"),
    ):
        with pytest.raises(InputError, match=told):
            trainer.train(recipe_file(stage), None, tmp_path / "run", **option)


def test_prompts_and_an_embedder(tmp_path: Path) -> None:
    """At inference prompts stand beside tokens of regions, so that nothing else may be trained with."""
    config = TINY.recipe("motion", model=replace(TINY.MODEL, prompts=("a", "b")))
    start = Start("random", TINY.autoencoder())
    with pytest.raises(InputError, match=r"model\.prompts are a, b, which stand beside tokens of regions; an embedder"):
        stages.train_motion(config, TINY.CLIPS[:2], TINY.CLIPS[2:4], tmp_path / "run", start, embedder=Zeros(6))
    assert not (tmp_path / "run").exists()


def test_published_recipes() -> None:
    autoencoder, motion, frame, lfdm = (
        load_recipe(TrainConfig, PACKAGE, name)
        for name in ("webvid-autoencoder", "webvid-motion", "webvid-frame", "lfdm-autoencoder")
    )
    for config, batch, steps in ((autoencoder, 6, 1_000_000), (motion, 32, 20_000), (frame, 144, 20_000)):
        loop = config.loop
        assert (loop.steps, loop.batch_size, loop.seed) == (steps, batch, 47)
        assert (loop.learning_rate, loop.min_learning_rate, loop.weight_decay) == (2e-4, 1e-6, 0.01)
        assert (loop.betas, loop.clip_norm, loop.ema_decay) == ((0.9, 0.999), 1.0, None)
        assert schedule(config)(0) == 2e-4
        assert schedule(config)(steps) == pytest.approx(1e-6)
    assert (autoencoder.perceptual, autoencoder.model.autoencoder) == ("vgg19", FlowAutoencoderConfig())
    assert (motion.model, motion.drop) == (AnimationConfig(motion=MotionUNetConfig()), 0.1)
    assert frame.model.frame == FrameUNetConfig()
    known = VARIANTS["autoencoder-lfdm"]
    assert isinstance(known, FlowAutoencoderConfig)
    assert lfdm.model.autoencoder.__dict__ | {"side": known.side} == known.__dict__
    assert [round(schedule(lfdm)(step) / 2e-4, 9) for step in (0, 59_999, 60_000, 90_000)] == [1, 1, 0.1, 0.01]
    assert lfdm.augmentation == AugmentationConfig(mirror=True, reverse=True, jitter=0.1)


def test_pairs_and_their_deformation_follow_from_the_generator() -> None:
    source = DeformedPairs(FramePairs(TINY.CLIPS, 16), AugmentationConfig())
    one, again, other = (source.sample(4, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert all(not torch.equal(one[name], other[name]) for name in ("affine", "bend"))
    assert {name: tuple(value.shape) for name, value in one.items()} == {
        "source": (3, 16, 16),
        "driving": (3, 16, 16),
        "affine": (2, 3),
        "bend": (25,),
    }
    frames = PreparedFrames(16)(TINY.CLIPS[4], range(8)).float() / 255
    places = [[torch.equal(frame, one[name]) for frame in frames].index(True) for name in ("source", "driving")]
    assert places[0] < places[1]


def test_the_loss_is_of_the_frame_that_drives() -> None:
    source = DeformedPairs(FramePairs(TINY.CLIPS, 16), AugmentationConfig())
    samples = [source.sample(index, np.random.default_rng(index)) for index in range(2)]
    batch = {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}
    network = TINY.autoencoder()
    step = ReconstructionStep(read_perceptual("pixels"))
    plate = ThinPlate(batch["affine"], batch["bend"])
    with torch.no_grad():
        terms = step(Reconstructing(network), batch)
        made = network(batch["source"], batch["driving"])
        deformed = network.region_predictor(plate.frames(batch["driving"]))
    torch.testing.assert_close(terms["perceptual"], step.perceptual(made.rendered.prediction, batch["driving"]))
    off = (made.driving.shift - plate.points(deformed.shift)).abs().mean()
    torch.testing.assert_close(terms["shift"], 10 * off)
    assert terms.keys() == {"perceptual", "shift", "affine"}
    assert float(terms["affine"]) > 0


def test_what_compares_images(tmp_path: Path) -> None:
    assert isinstance(read_perceptual("pixels").features, Pixels)
    torch.save(VGG19().state_dict(), tmp_path / "vgg.pth")
    assert isinstance(read_perceptual(str(tmp_path / "vgg.pth")).features, VGG19)


def test_validation_measures_reconstruction() -> None:
    network = TINY.autoencoder()
    with torch.no_grad():
        found = validate(network, TINY.CLIPS[:2], PreparedFrames(16))
        differences = []
        for clip in TINY.CLIPS[:2]:
            frames = PreparedFrames(16)(clip, [0, 2, 4, 5, 7]).float() / 255
            made = torch.cat([network(frames[:1], frame[None]).rendered.prediction for frame in frames[1:]])
            differences.append((made.clamp(0, 1) - frames[1:]).abs().mean())
    assert found["l1_validation"] == pytest.approx(float(torch.stack(differences).mean()))
    assert found["psnr_validation"] > 0


class TestAugmentation:
    pair = torch.rand(2, 3, 4, 6)

    def drawn(self, **settings: Any) -> list[torch.Tensor]:
        return [augment(self.pair, AugmentationConfig(**settings), np.random.default_rng(seed)) for seed in range(40)]

    def test_nothing_varies_by_default(self) -> None:
        assert all(torch.equal(found, self.pair) for found in self.drawn())

    @pytest.mark.parametrize(("name", "axis"), [("mirror", -1), ("reverse", 0)])
    def test_half_are_turned(self, name: str, axis: int) -> None:
        turned = [torch.equal(found, self.pair.flip(axis)) for found in self.drawn(**{name: True})]
        assert all(torch.equal(f, self.pair) for f, t in zip(self.drawn(**{name: True}), turned, strict=True) if not t)
        assert 10 < sum(turned) < 30

    def test_colours_vary_alike_in_both_frames(self) -> None:
        one = torch.rand(3, 4, 6) * 0.4 + 0.3
        found = augment(torch.stack((one, one)), AugmentationConfig(jitter=0.2), np.random.default_rng(0))
        assert torch.equal(found[0], found[1])
        assert float((found[0] - one).abs().max()) > 0.01
        assert 0 <= float(found.min()) <= float(found.max()) <= 1

    def test_grey_stays_grey(self) -> None:
        grey = (torch.rand(2, 1, 4, 6) * 0.4 + 0.3).expand(-1, 3, -1, -1)
        found = augment(grey, AugmentationConfig(jitter=0.3), np.random.default_rng(0))
        torch.testing.assert_close(found[:, 0], found[:, 1], rtol=0, atol=1e-5)
        torch.testing.assert_close(found[:, 1], found[:, 2], rtol=0, atol=1e-5)
