"""Training by recipe: what a run starts from, what it trains, and what it leaves."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import adapter_runs
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from artadapter_style import load_model
from artadapter_style.data.datasets import open_items
from artadapter_style.data.preparation import Squares
from artadapter_style.data.samples import Drawing, StyleSamples
from artadapter_style.data.style_references import GroupReferences, OwnReferences
from artadapter_style.data.synthetic import make_images
from artadapter_style.data.texts import Texts
from artadapter_style.method import PACKAGE
from artadapter_style.network.encoder import LevelEncoder
from artadapter_style.network.prompts import encode_prompt, fit_ids
from artadapter_style.training.config import Drops, TrainConfig
from artadapter_style.training.denoising import WHOLE, Denoising, DenoisingStep, share_of
from artadapter_style.training.encoding import Encoder
from artadapter_style.training.start import initial_adapter
from visioncore.data.feature_cache import FeatureCache
from visioncore.diffusion.base import load_base
from visioncore.diffusion.schedule import alpha_bars, min_snr_weights
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.recipes import load_recipe, recipe_names
from visioncore.testing.memory import LiveTensors
from visioncore.testing.photos import photo
from visioncore.testing.processes import run_scripts
from visioncore.training import LoopConfig, TrainingDiverged


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tiny recipe."""
    out = tmp_path_factory.mktemp("runs") / "run"
    adapter_runs.run(base, out)
    return out


@pytest.fixture
def pipeline(base: Path) -> Any:
    return load_base(base)


@pytest.fixture
def denoising(pipeline: Any) -> Iterator[Callable[..., Denoising]]:
    """Makes the trained module on the tiny base, which is as before afterwards."""
    made: list[Denoising] = []

    def make(recompute: bool = False, **settings: Any) -> Denoising:
        made.append(Denoising(adapter_runs.tiny_adapter(pipeline, **settings), pipeline, recompute))
        return made[-1]

    yield make
    for each in made:
        each.take_off()


def a_batch(count: int = 3, style: tuple[bool, ...] = (True, False, True)) -> dict[str, torch.Tensor]:
    """Samples as they come with kept features, for images of 32 pixels."""
    torch.manual_seed(1)
    return {
        "t": torch.tensor([10, 500, 900])[:count],
        "noise": torch.randn(count, 4, 4, 4),
        "latents": torch.randn(count, 4, 4, 4),
        "low": torch.rand(count, 16),
        "mid": torch.rand(count, 32),
        "high": torch.rand(count, 64),
        "plain": torch.randint(0, 100, (count, 77)),
        "styled": torch.randint(0, 100, (count, 68)),
        "style": torch.tensor(style[:count]),
        "content": torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8),
        "colours": torch.eye(3, 4).expand(count, 3, 4),
        "kept": torch.ones(count),
    }


def one(batch: dict[str, torch.Tensor], place: int) -> dict[str, torch.Tensor]:
    return {name: value[place : place + 1] for name, value in batch.items()}


class TestARun:
    def test_it_leaves_weights_with_and_without_the_content_adapter(self, trained: Path) -> None:
        inference, whole = load_model(trained / "last"), load_model(trained / "last" / WHOLE)
        assert inference.aca is None
        assert whole.aca is not None
        state = whole.state_dict()
        assert all(torch.equal(state[name], value) for name, value in inference.state_dict().items())
        assert not any(name.startswith("aca.") for name in load_file(trained / "last" / "model.safetensors"))
        (saved,) = (trained / "checkpoints").glob("*/model.safetensors")
        assert all(name.startswith("adapter.") for name in load_file(saved))

    def test_every_part_is_trained_but_vgg(self, base: Path, trained: Path, pipeline: Any) -> None:
        start = initial_adapter(load_recipe(TrainConfig, PACKAGE, adapter_runs.RECIPE), pipeline).state_dict()
        ended = load_model(trained / "last" / WHOLE).state_dict()
        same = [name for name, value in ended.items() if torch.equal(value, start[name])]
        assert same == []

    def test_statistics_are_seen_by_how_they_differ(self, pipeline: Any) -> None:
        """Mean 0 and deviation 1 over the images, where they were nearly all alike before."""
        adapter = adapter_runs.tiny_adapter(pipeline)
        level = adapter.style_encoder.get_submodule("low")
        assert isinstance(level, LevelEncoder)
        seen = list[torch.Tensor]()
        level.norm.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        images = torch.rand(20, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        statistics = adapter.style_statistics(images)["low"]
        level(statistics)
        assert float((seen[0] - statistics).abs().max()) == 0
        level.calibrate(statistics)
        level(statistics)
        torch.testing.assert_close(seen[1].mean(dim=0), torch.zeros(statistics.shape[1]), atol=1e-4, rtol=0)
        torch.testing.assert_close(seen[1].std(dim=0, correction=0), torch.ones(statistics.shape[1]))

    def test_a_run_calibrates_a_new_adapter(self, base: Path, trained: Path, pipeline: Any) -> None:
        level = load_model(trained / "last").style_encoder.get_submodule("high")
        assert isinstance(level, LevelEncoder)
        assert level.mean.any()
        assert (level.deviation != 1).all()

    def test_the_base_is_as_it_was(self, base: Path, pipeline: Any, denoising: Callable[..., Denoising]) -> None:
        before = {path: type(each) for path, each in pipeline.unet.attn_processors.items()}
        made = denoising(recompute=True)
        assert pipeline.unet.is_gradient_checkpointing
        made(*forward_inputs(a_batch()))
        made.take_off()
        assert {path: type(each) for path, each in pipeline.unet.attn_processors.items()} == before
        assert not pipeline.unet.is_gradient_checkpointing

    def test_it_goes_on_from_weights(self, base: Path, trained: Path, tmp_path: Path) -> None:
        steps = {"loop__steps": 1, "loop__learning_rate": 0, "loop__min_learning_rate": 0, "loop__weight_decay": 0}
        adapter_runs.run(base, tmp_path / "run", weights=trained / "last", overrides=steps)
        ours, theirs = (load_file(each / "last" / WHOLE / "model.safetensors") for each in (tmp_path / "run", trained))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
        with pytest.raises(InputError, match="style_encoder"):
            adapter_runs.run(base, tmp_path / "other", weights=trained / "last", overrides={"model__hidden": 9})

    def test_features_are_found_once(
        self, base: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forbidden(*_: Any) -> None:
            raise AssertionError

        monkeypatch.setattr(Encoder, "latents", forbidden)
        monkeypatch.setattr(Encoder, "statistics", forbidden)
        adapter_runs.run(base, tmp_path / "run", overrides={"loop__steps": 1})

    def test_two_processes_equal_one(self, base: Path, trained: Path, tmp_path: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "1"}
        each = tuple({**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"} for rank in (0, 1))
        ended = run_scripts(Path(adapter_runs.__file__), base, tmp_path / "two", folder=tmp_path, each=each)
        assert ended.returncode == 0, ended.stderr
        ours, theirs = (
            [line["loss"] for line in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if "loss" in line]
            for out in (tmp_path / "two", trained)
        )
        assert len(theirs) == 4
        assert ours == pytest.approx(theirs, rel=1e-4)
        two, alone = (load_file(out / "last" / WHOLE / "model.safetensors") for out in (tmp_path / "two", trained))
        for name, value in alone.items():
            torch.testing.assert_close(two[name], value, rtol=2e-3, atol=2e-4, msg=name)

    @pytest.mark.parametrize(
        "overrides",
        [
            {"crop": "random", "min_snr": 5, "content": "false"},
            {"reference": "other", "model__form": "decoupled", "crop": "random", "recompute": "true", "flip": 0.0},
        ],
    )
    def test_other_settings(self, base: Path, tmp_path: Path, overrides: dict[str, Any]) -> None:
        result = adapter_runs.run(base, tmp_path / "run", overrides={"loop__steps": 2, **overrides})
        assert np.isfinite(result.metrics["noise_validation"])
        load_model(tmp_path / "run" / "last")

    def test_made_up_images(self, base: Path, tmp_path: Path) -> None:
        told: list[str] = []
        adapter_runs.run(base, tmp_path / "run", data=None, cache=None, say=told.append, overrides={"loop__steps": 1})
        assert told == ["10 images to train on, 2 to validate on"]
        assert (tmp_path / "run" / "features").is_dir()


def forward_inputs(batch: dict[str, torch.Tensor]) -> tuple[Any, ...]:
    statistics = {level: batch[level] for level in ("low", "mid", "high")}
    return batch["latents"], batch["t"], statistics, batch, (batch["content"].float() / 255, batch["kept"])


class TestStep:
    def test_a_batch_is_its_samples(self, pipeline: Any, denoising: Callable[..., Denoising]) -> None:
        model, batch = denoising().eval(), a_batch()
        with torch.no_grad():
            whole = model(*forward_inputs(batch))
            parts = torch.cat([model(*forward_inputs(one(batch, place))) for place in range(3)])
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)

    def test_without_style_and_content_it_is_the_base(self, pipeline: Any, denoising: Callable[..., Denoising]) -> None:
        model, batch = denoising().eval(), {**a_batch(style=(False,) * 3), "kept": torch.zeros(3)}
        with torch.no_grad():
            prompts = encode_prompt(pipeline.text_encoder, batch["plain"])
            expected = pipeline.unet(batch["latents"], batch["t"], prompts).sample
            assert torch.equal(model(*forward_inputs(batch)), expected)
            heard = model(*forward_inputs({**batch, "kept": torch.tensor([0.0, 1.0, 0.0])}))
        assert torch.equal(heard[::2], expected[::2])
        assert not torch.allclose(heard[1], expected[1])

    def test_loss_is_that_of_the_noise(self, pipeline: Any, denoising: Callable[..., Denoising]) -> None:
        model, batch = denoising().eval(), a_batch()
        bars = alpha_bars().float()[batch["t"]].view(3, 1, 1, 1)
        x = bars.sqrt() * batch["latents"] + (1 - bars).sqrt() * batch["noise"]
        with torch.no_grad():
            wrong = (model(x, *forward_inputs(batch)[1:]) - batch["noise"]).square()
            step = DenoisingStep(Encoder(pipeline.vae, model.adapter, torch.device("cpu")))
            torch.testing.assert_close(step(model, batch)["noise"], wrong.mean())
            weights = min_snr_weights(batch["t"], alpha_bars())
            step = DenoisingStep(step.encoder, min_snr=5.0)
            expected = (wrong.mean(dim=(1, 2, 3)) * weights).mean().float()
            torch.testing.assert_close(step(model, batch)["noise"], expected)
            step = DenoisingStep(step.encoder, prediction="v_prediction")
            target = bars.sqrt() * batch["noise"] - (1 - bars).sqrt() * batch["latents"]
            wrong = (model(x, *forward_inputs(batch)[1:]) - target).square()
            torch.testing.assert_close(step(model, batch)["noise"], wrong.mean())

    def test_recomputed_blocks_take_less_memory_for_the_same_gradients(
        self, pipeline: Any, denoising: Callable[..., Denoising]
    ) -> None:
        batch, kept, most, gradients = a_batch(), list[int](), list[int](), list[torch.Tensor]()
        for recompute in (False, True):
            model = denoising(recompute)
            with LiveTensors() as live:
                loss = model(*forward_inputs(batch)).square().mean()
                kept.append(live.now)
                loss.backward()
                most.append(live.most)
            gradient = model.adapter.style_encoder.get_parameter("low.inwards.weight").grad
            assert gradient is not None
            gradients.append(gradient)
            model.take_off()
        assert kept[1] < kept[0] / 2
        assert most[1] < 0.8 * most[0]
        torch.testing.assert_close(*gradients)
        assert gradients[0].abs().max() > 0

    def test_rates_and_decay(self, pipeline: Any) -> None:
        adapter = adapter_runs.tiny_adapter(pipeline)
        shares = {name: share_of(f"adapter.{name}", each, 0.1, 0.5) for name, each in adapter.named_parameters()}
        assert {share.rate for name, share in shares.items() if "to_k_style" in name or "to_v_style" in name} == {0.1}
        assert {share.rate for name, share in shares.items() if name.startswith("aca.")} == {0.5}
        assert {share.rate for name, share in shares.items() if name.startswith("style_encoder.")} == {1.0}
        assert shares["style_encoder.low.gain"].decay == shares["style_encoder.low.norm.weight"].decay == 0
        assert shares["style_encoder.low.inwards.weight"].decay == 1


class TestEncoder:
    def test_kept_latents_are_those_of_the_base(self, pipeline: Any) -> None:
        encoder = Encoder(pipeline.vae, adapter_runs.tiny_adapter(pipeline), torch.device("cpu"))
        images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
        found = encoder(images)
        with torch.no_grad():
            latents = pipeline.vae.encode(images.float() / 127.5 - 1).latent_dist
        torch.testing.assert_close(found["mean"], latents.mean * 0.18215, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found["deviation"], latents.std * 0.18215, atol=1e-5, rtol=1e-4)
        whole = encoder.adapter.style_statistics(images.float() / 255)
        for level in ("low", "mid", "high"):
            torch.testing.assert_close(found[level], whole[level], atol=1e-5, rtol=1e-4)

    def test_kept_under_all_that_they_depend_on(self, pipeline: Any, tmp_path: Path) -> None:
        plain, other = (
            Encoder(pipeline.vae, adapter_runs.tiny_adapter(pipeline, vgg_seed=seed), torch.device("cpu"))
            for seed in (0, 1)
        )
        assert plain.made_with(32) == plain.made_with(32)
        assert plain.made_with(32) != plain.made_with(64)
        assert plain.made_with(32) != other.made_with(32)


class TestSamples:
    def texts(self, count: int, pipeline: Any) -> Texts:
        ids = [fit_ids(pipeline.tokenizer, text, 0).ids for text in [*("a cat",) * count, ""]]
        return Texts(torch.cat(ids), torch.cat(ids)[:, :68])

    def test_shares_of_what_is_dropped(self, tmp_path: Path, pipeline: Any) -> None:
        items = open_items(make_images(tmp_path))
        how = Drawing((4, 4, 4), text=0.2, style=0.3, both=0.1, content=0.4)
        squares = type("Grey", (), {"cropped": lambda *_: torch.zeros(3, 32, 32, dtype=torch.uint8)})()
        source = StyleSamples(squares, self.texts(len(items), pipeline), OwnReferences(), how, range(len(items)))
        empty = source.texts.ids(-1, styled=False)
        drawn = [source.sample(0, np.random.default_rng(seed)) for seed in range(400)]
        without_text = [torch.equal(each["plain"], empty) for each in drawn]
        without_style = [not each["style"] for each in drawn]
        both = [text and style for text, style in zip(without_text, without_style, strict=True)]
        for found, share in ((without_text, 0.3), (without_style, 0.4), (both, 0.1)):
            assert np.mean(found) == pytest.approx(share, abs=0.08)
        assert np.mean([float(each["kept"]) for each in drawn]) == pytest.approx(0.6, abs=0.08)

    def test_the_generator_decides_the_sample(self, tmp_path: Path, pipeline: Any) -> None:
        items = open_items(make_images(tmp_path))
        squares = Squares(items, 32)
        how = Drawing((4, 4, 4), flip=0.5, content=0.1, own=False)
        source = StyleSamples(
            squares, self.texts(len(items), pipeline), GroupReferences(items, range(len(items))), how, [3, 4]
        )
        first, again, other = (source.sample(1, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert first.keys() == other.keys()
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["noise"], other["noise"])

    def test_references_of_the_same_style(self, tmp_path: Path) -> None:
        items = open_items(make_images(tmp_path))
        pool = [index for index in range(len(items)) if index != 0]
        references = GroupReferences(items, pool)
        for index in (0, 3):
            found = {references(index, np.random.default_rng(seed)) for seed in range(50)}
            assert {items[other].style for other in found} == {items[index].style}
            assert index not in found
            assert 0 not in found
        with pytest.raises(InputError, match="needs two images to train on in every style group; 4 are alone"):
            GroupReferences(items, [index for index in pool if items[index].style != "dotted"])
        plain = [type(item)(item.name, item.path, item.caption) for item in items]
        with pytest.raises(InputError, match="needs the style group of every image"):
            GroupReferences(plain, pool)

    def test_long_captions_are_cut_and_told(self, tmp_path: Path, pipeline: Any) -> None:
        cache = FeatureCache(tmp_path, {"words": 1})
        captions = ["a cat", "a dog " * 60]
        texts = Texts.of(captions, pipeline.tokenizer, 9, cache)
        assert texts.cut_line().startswith("1 captions are too long and are cut: a dog")
        assert (texts.plain.shape, texts.styled.shape) == ((3, 77), (3, 68))
        again = Texts.of(captions, None, 9, cache)
        assert torch.equal(again.ids(0, styled=True), fit_ids(pipeline.tokenizer, "a cat", 9).ids[0])
        assert torch.equal(again.ids(-1, styled=False), fit_ids(pipeline.tokenizer, "").ids[0])


class TestBadInput:
    def test_copies_are_dropped_and_told(self, base: Path, tmp_path: Path) -> None:
        for number, seed in enumerate((0, 1, 2, 0)):
            write_image(tmp_path / "images" / f"{number}.png", Image(photo(32, 32, seed=seed)))
            (tmp_path / "images" / f"{number}.txt").write_text("a cat\n")
        told: list[str] = []
        overrides = {"keep_duplicates": "false", "loop__steps": 1}
        adapter_runs.run(
            base, tmp_path / "run", data=tmp_path / "images", cache=None, say=told.append, overrides=overrides
        )
        assert told == [
            "1 images are nearly equal to others and are dropped; the first: 3.png",
            "2 images to train on, 1 to validate on",
        ]

    def test_a_broken_image_in_the_middle_is_skipped(self, base: Path, tmp_path: Path) -> None:
        data = make_images(tmp_path / "images")
        (data / "images" / "square-dotted.png").write_bytes(b"broken")
        write_image(data / "images" / "ring-flat.png", Image(np.zeros((8, 8, 3), np.uint8)))
        told: list[str] = []
        adapter_runs.run(base, tmp_path / "run", data=data, cache=None, say=told.append, overrides={"loop__steps": 1})
        assert told[0].startswith("1 images cannot be read and are skipped; the first: ")
        assert "square-dotted.png" in told[0]
        assert told[1] == "1 images are below 16 pixels and are dropped; the first: ring-flat.png"
        assert told[2] == "8 images to train on, 2 to validate on"

    def test_a_base_of_another_kind(self, tmp_path: Path, base: Path) -> None:
        from diffusers import UNet2DConditionModel

        other = shutil.copytree(base, tmp_path / "base")
        config = UNet2DConditionModel.load_config(other / "unet")
        for change, told in (
            ({"use_linear_projection": True}, r"Stable Diffusion 2\.x"),
            ({"in_channels": 9}, "takes 9 channels; an adapter is trained on one that takes 4"),
        ):
            UNet2DConditionModel.from_config({**config, **change}).save_pretrained(other / "unet")
            with pytest.raises(InputError, match=told):
                adapter_runs.run(other, tmp_path / "run")
        with pytest.raises(InputError, match="no such file or folder"):
            adapter_runs.run(base, tmp_path / "run", data=tmp_path / "none")
        assert not (tmp_path / "run").exists()

    def test_a_loss_that_is_no_number(self, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = Encoder.__call__

        def spoiled(self: Encoder, images: torch.Tensor) -> dict[str, torch.Tensor]:
            return {name: value * float("nan") for name, value in made(self, images).items()}

        monkeypatch.setattr(Encoder, "__call__", spoiled)
        with pytest.raises(TrainingDiverged, match="step 1: the loss is NaN or infinite"):
            adapter_runs.run(base, tmp_path / "run", cache=None)

    @pytest.mark.parametrize(
        ("overrides", "told"),
        [
            ({"side": 30}, "side is 30; it must be a multiple of 8"),
            ({"flip": 2}, "flip is 2.0; it must be from 0 to 1"),
            ({"drops__text": 2}, "drops.text is 2.0; it must be from 0 to 1"),
            ({"drops__text": 0.9}, r"drops.text, style and both are 1.3 together; at most 1"),
            ({"min_snr": 0}, "min_snr is 0.0; it must be above 0, or none"),
            ({"model__layers": "[[relu9_1], [relu3_1], [relu4_1]]"}, "'relu9_1' is no layer of VGG-19"),
            ({"held_out": 1}, "held_out is 1.0; it must be between 0 and 1"),
            ({"model__vgg_seed": "none", "vgg": "none.pth"}, r"none\.pth"),
        ],
    )
    def test_fields_that_are_wrong(self, base: Path, tmp_path: Path, overrides: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told):
            adapter_runs.run(base, tmp_path / "run", overrides=overrides)
        assert not (tmp_path / "run").exists()

    def test_drops_that_leave_no_style(self) -> None:
        with pytest.raises(InputError, match="leave no style to train on"):
            Drops(text=0, style=0.5, both=0.5)


@pytest.mark.parametrize("name", recipe_names(PACKAGE))
def test_shipped_recipes(name: str) -> None:
    config = load_recipe(TrainConfig, PACKAGE, name)
    if name.startswith("sd15"):
        assert config.model.hidden == 768
        assert config.loop.learning_rate * config.attention_rate == pytest.approx(1e-5)
        assert (config.loop.batch_size, config.loop.ema_decay, config.loop.ema_every) == (64, 0.9999, 10)
        assert config.drops == Drops(0.05, 0.05, 0.05, 0.1)
        rate = trainer_rate(config.loop)
        assert rate(999) == rate(40000) == 1e-4


def trainer_rate(loop: LoopConfig) -> Callable[[int], float]:
    from visioncore.training import warmup_cosine

    return warmup_cosine(loop)
