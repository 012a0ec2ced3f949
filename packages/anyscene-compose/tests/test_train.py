"""Training by recipe: what a run starts from, what it trains, and what it leaves."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scene_runs
import torch
from safetensors.torch import load_file
from tiny_injector import tiny_injector, write_clip

from anyscene_compose import load_model
from anyscene_compose.data.datasets import open_items
from anyscene_compose.data.kept_looks import KeptLooks
from anyscene_compose.data.looks import LookAugmentation
from anyscene_compose.data.preparation import Squares
from anyscene_compose.data.samples import Drawing, SceneSamples, SeenLooks
from anyscene_compose.data.synthetic import make_scenes
from anyscene_compose.data.texts import Texts
from anyscene_compose.method import PACKAGE
from anyscene_compose.training.config import Drops, TrainConfig
from anyscene_compose.training.denoising import Denoising, DenoisingStep, share_of
from anyscene_compose.training.encoding import SceneEncoder, TextEncoder, TokenNames, element_features, keep_texts
from anyscene_compose.training.start import initial_injector
from visioncore.data.feature_cache import FeatureCache
from visioncore.data.kept_features import KeptFeatures, keep_features
from visioncore.diffusion.base import load_base
from visioncore.diffusion.schedule import alpha_bars, bars_of, min_snr_weights
from visioncore.errors import InputError
from visioncore.images import Image, write_image
from visioncore.recipes import load_recipe, recipe_names
from visioncore.testing.memory import LiveTensors
from visioncore.testing.processes import run_scripts
from visioncore.testing.suites.train import CrashError, at_step, crash
from visioncore.testing.tiny_base import tiny_base
from visioncore.training import TrainingDiverged

Batch = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.state import AcceleratorState

    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tiny recipe."""
    out = tmp_path_factory.mktemp("runs") / "run"
    scene_runs.run(base, out)
    return out


@pytest.fixture
def pipeline(base: Path) -> Any:
    return load_base(base)


@pytest.fixture
def denoising(pipeline: Any) -> Iterator[Callable[..., Denoising]]:
    """Makes the trained module on the tiny base, which is as before afterwards."""
    made: list[Denoising] = []

    def make(recompute: bool = False, **settings: Any) -> Denoising:
        made.append(Denoising(tiny_injector(pipeline, **settings), pipeline, recompute))
        return made[-1].eval()

    yield make
    for each in made:
        each.take_off()


def a_batch(**changes: torch.Tensor) -> Batch:
    """Three samples as they come with kept latents, for images of 32 pixels and two elements, the second one's last."""
    draw = torch.Generator().manual_seed(1)
    masks = torch.zeros(3, 2, 4, 4, dtype=torch.bool)
    masks[:, 0, 1:3, 1:3] = True
    masks[2, 1, 0] = True
    named = torch.zeros(3, 2, 77, dtype=torch.bool)
    named[0, 0, 2] = True
    return {
        "t": torch.tensor([10, 500, 900]),
        "noise": torch.randn(3, 4, 4, 4, generator=draw),
        "mean": torch.randn(3, 4, 4, 4, generator=draw),
        "deviation": torch.rand(3, 4, 4, 4, generator=draw),
        "drawn": torch.randn(3, 4, 4, 4, generator=draw),
        "text": torch.randn(3, 77, 32, generator=draw),
        "semantic": torch.ones(3, dtype=torch.bool),
        "sizes": torch.tensor([[40, 40, 0, 4, 32, 32]] * 3),
        "condition": torch.randint(0, 256, (3, 5, 32, 32), generator=draw, dtype=torch.uint8),
        "weights": torch.ones(3, 1, 4, 4),
        "crops": torch.randint(0, 256, (3, 2, 4, 32, 32), generator=draw, dtype=torch.uint8),
        "masks": masks,
        "named": named,
        **changes,
    }


def one(batch: Batch, place: int) -> Batch:
    return {name: value[place : place + 1] for name, value in batch.items()}


class TestARun:
    def test_it_leaves_weights_and_a_state_of_the_injector_alone(self, trained: Path, pipeline: Any) -> None:
        injector = load_model(trained / "last")
        assert injector.config.encoder == "patches"
        injector.install(pipeline.unet).uninstall()
        (saved,) = (trained / "checkpoints").glob("*/model.safetensors")
        assert all(name.startswith("injector.") for name in load_file(saved))
        lines = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4]
        assert "noise_validation" in lines[-1]["validation"]

    def test_every_part_is_trained(self, base: Path, trained: Path, pipeline: Any) -> None:
        start = initial_injector(load_recipe(TrainConfig, PACKAGE, scene_runs.RECIPE), pipeline).state_dict()
        ended = load_model(trained / "last").state_dict()
        same = [name for name, value in ended.items() if torch.equal(value, start[name])]
        # behind two layers that are zero at first, its beginning takes more steps to be reached
        assert set(same) <= {"control.controlnet_cond_embedding.conv_in.bias"}

    def test_the_base_is_as_it_was(self, pipeline: Any, denoising: Callable[..., Denoising]) -> None:
        before = {path: type(each) for path, each in pipeline.unet.attn_processors.items()}
        weights = {name: value.clone() for name, value in pipeline.unet.state_dict().items()}
        made = denoising(recompute=True)
        assert pipeline.unet.is_gradient_checkpointing
        made(a_batch()["noise"], a_batch())
        made.take_off()
        assert {path: type(each) for path, each in pipeline.unet.attn_processors.items()} == before
        assert not pipeline.unet.is_gradient_checkpointing
        assert all(torch.equal(value, weights[name]) for name, value in pipeline.unet.state_dict().items())

    def test_an_interrupted_run_ends_with_the_same_weights(self, base: Path, trained: Path, tmp_path: Path) -> None:
        every = {"loop__checkpoint_every": 2}
        with at_step(4, crash), pytest.raises(CrashError):
            scene_runs.run(base, tmp_path / "run", overrides=every)
        assert not (tmp_path / "run" / "last").exists()
        scene_runs.run(base, tmp_path / "run", overrides=every)
        parts, whole = (load_file(out / "last" / "model.safetensors") for out in (tmp_path / "run", trained))
        assert parts.keys() == whole.keys()
        assert all(torch.equal(parts[name], whole[name]) for name in whole)

    def test_it_goes_on_from_weights(self, base: Path, trained: Path, tmp_path: Path) -> None:
        still = {"loop__steps": 1, "loop__learning_rate": 0, "loop__min_learning_rate": 0, "loop__weight_decay": 0}
        scene_runs.run(base, tmp_path / "run", weights=trained / "last", overrides=still)
        ours, theirs = (load_file(each / "last" / "model.safetensors") for each in (tmp_path / "run", trained))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
        with pytest.raises(InputError, match="resampler"):
            scene_runs.run(base, tmp_path / "other", weights=trained / "last", overrides={"model__width": 16})

    def test_what_is_kept_is_made_once(
        self, base: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forbidden(*_: Any) -> None:
            raise AssertionError

        monkeypatch.setattr(SceneEncoder, "__call__", forbidden)
        monkeypatch.setattr(TextEncoder, "__call__", forbidden)
        scene_runs.run(base, tmp_path / "run", overrides={"loop__steps": 1})

    def test_two_processes_equal_one(self, base: Path, trained: Path, tmp_path: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "1"}
        each = tuple({**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"} for rank in (0, 1))
        ended = run_scripts(Path(scene_runs.__file__), base, tmp_path / "two", folder=tmp_path, each=each)
        assert ended.returncode == 0, ended.stderr
        ours, theirs = (
            [line["loss"] for line in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if "loss" in line]
            for out in (tmp_path / "two", trained)
        )
        assert len(theirs) == 4
        assert ours == pytest.approx(theirs, rel=1e-4)
        two, alone = (load_file(out / "last" / "model.safetensors") for out in (tmp_path / "two", trained))
        for name, value in alone.items():
            torch.testing.assert_close(two[name], value, rtol=2e-3, atol=2e-4, msg=name)

    @pytest.mark.parametrize(
        "overrides",
        [
            {"crop": "random", "min_snr": 5, "flip": 0.0},
            {"model__form": "canny", "recompute": "true", "elements": 1},
            {"kept_looks": 2, "looks__brightness": 0.1},
        ],
    )
    def test_other_settings(self, base: Path, tmp_path: Path, overrides: dict[str, Any]) -> None:
        result = scene_runs.run(base, tmp_path / "run", overrides={"loop__steps": 2, **overrides})
        assert np.isfinite(result.metrics["noise_validation"])
        trained = load_model(tmp_path / "run" / "last")
        assert trained.config.form == overrides.get("model__form", "anyscene")

    def test_elements_seen_by_clip(self, base: Path, tmp_path: Path) -> None:
        settings = {"model__encoder": "clip", "clip": write_clip(tmp_path / "clip"), "loop__steps": 1}
        result = scene_runs.run(base, tmp_path / "run", overrides=settings)
        assert np.isfinite(result.metrics["noise_validation"])
        assert load_model(tmp_path / "run" / "last").config.features == 64
        assert not any("tower" in name for name in load_file(tmp_path / "run" / "last" / "model.safetensors"))

    def test_features_that_are_kept_are_those_of_the_step(
        self, pipeline: Any, denoising: Callable[..., Denoising], tmp_path: Path
    ) -> None:
        model, items = denoising(), open_items(make_scenes(tmp_path / "scenes", 40))
        looks = KeptLooks(items, [item.digest() for item in items], 3, LookAugmentation())
        features = KeptFeatures(FeatureCache(tmp_path / "features", {}), looks.keys())
        encoder = TextEncoder(pipeline, torch.device("cpu"))
        texts = Texts(FeatureCache(tmp_path / "features", encoder.made_with()), TokenNames(pipeline.tokenizer))
        keep_texts(texts, [item.captions[0] for item in items], encoder)
        how = Drawing((4, 4, 4), model.injector.crop_side)
        latents = KeptFeatures(FeatureCache(tmp_path / "latents", {}), [str(place) for place in range(len(items))])
        latents.cache.save("5", {"mean": torch.zeros(4, 4, 4), "deviation": torch.ones(4, 4, 4)})
        source = SceneSamples(Squares(items, 32), texts, how, [0, 5], latents, SeenLooks(looks, features))
        keep_features(
            features, len(looks), lambda part: element_features(model.injector, source, part, half=False), (False,)
        )
        drawn = [source.sample(1, np.random.default_rng(seed)) for seed in range(8)]
        assert len({looks.look(looks.place(5, 0, number)) for number in range(3)}) == 3
        assert 1 < len({each["features"].numpy().tobytes() for each in drawn}) <= 3
        present = torch.tensor([[True, False, False, False]])
        for each in drawn[:3]:
            shown = each["condition"][:4].float() / 255
            # what is seen of the element is what the spatial route is shown
            straight = torch.cat((shown[:3] / shown[3:].clamp(min=1e-3), shown[3:])).clamp(0, 1)
            box = shown[3].nonzero()
            (top, left), (bottom, right) = box.amin(dim=0), box.amax(dim=0) + 1
            with torch.no_grad():
                seen = model.injector.features(straight[None, :, top:bottom, left:right])
                tokens = model.tokens({name: value[None] for name, value in each.items()}, present)
                assert torch.equal(tokens[0, 0], model.injector.resampler(each["features"][:1])[0])
            assert (seen[0] - each["features"][0]).abs().mean() < 0.005

    @pytest.mark.parametrize("kind", ["sd2", "sdxl"])
    def test_other_bases(self, tmp_path: Path, kind: Any) -> None:
        base = tiny_base(tmp_path / "base", kind=kind)
        result = scene_runs.run(base, tmp_path / "run", overrides={"loop__steps": 1})
        assert np.isfinite(result.metrics["noise_validation"])
        load_model(tmp_path / "run" / "last").install(load_base(base).unet)

    def test_made_up_scenes(self, base: Path, tmp_path: Path) -> None:
        told: list[str] = []
        scene_runs.run(base, tmp_path / "run", data=None, cache=None, say=told.append, overrides={"loop__steps": 1})
        assert told == ["10 scenes to train on, 2 to validate on"]
        assert (tmp_path / "run" / "features").is_dir()


class TestStep:
    def test_a_batch_is_its_samples(self, denoising: Callable[..., Denoising]) -> None:
        model, batch = denoising(), a_batch(semantic=torch.tensor([True, False, True]))
        with torch.no_grad():
            whole = model(batch["noise"], batch)
            parts = torch.cat([model(batch["noise"][place : place + 1], one(batch, place)) for place in range(3)])
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)

    def test_a_new_injector_changes_nothing_but_what_is_hidden(
        self, pipeline: Any, denoising: Callable[..., Denoising]
    ) -> None:
        model, batch = denoising(trained=False), a_batch()
        with torch.no_grad():
            plain = pipeline.unet(batch["noise"], batch["t"], batch["text"]).sample
            found = model(batch["noise"], batch)
        torch.testing.assert_close(found[1:], plain[1:], rtol=1e-4, atol=1e-5)
        # of the first one a token is hidden outside of the mask
        assert not torch.allclose(found[0], plain[0], rtol=1e-4, atol=1e-5)

    def test_without_their_tokens_elements_reach_the_spatial_route_alone(
        self, denoising: Callable[..., Denoising]
    ) -> None:
        model, batch = denoising(), a_batch(named=torch.zeros(3, 2, 77, dtype=torch.bool))
        dropped = {**batch, "semantic": torch.zeros(3, dtype=torch.bool)}
        with torch.no_grad():
            seen, unseen = model(batch["noise"], batch), model(batch["noise"], dropped)
            present = batch["masks"].flatten(2).any(dim=2)
            tokens = model.tokens(batch, present)
            options = model.injector.residuals(
                batch["noise"], batch["t"], batch["condition"] / 255, tokens, present=present
            )
            plain = model.base.unet(batch["noise"], batch["t"], batch["text"], **options).sample
        torch.testing.assert_close(unseen, plain, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(seen, unseen, rtol=1e-3, atol=1e-3)
        assert (tokens[~present] == 0).all()

    def test_places_inside_the_mask_count_a_tenth(self, pipeline: Any, denoising: Callable[..., Denoising]) -> None:
        weights = torch.ones(3, 1, 4, 4)
        weights[:, :, 1:3, 1:3] = 0.1
        model, batch = denoising(), a_batch(weights=weights)
        bars = alpha_bars().float()[batch["t"]].view(3, 1, 1, 1)
        latents = batch["mean"] + batch["deviation"] * batch["drawn"]
        x = bars.sqrt() * latents + (1 - bars).sqrt() * batch["noise"]
        encoder = SceneEncoder(pipeline.vae, torch.device("cpu"))
        with torch.no_grad():
            squares = (model(x, batch) - batch["noise"]).square()
            step = DenoisingStep(encoder, bars_of(pipeline.scheduler))
            outside = squares.sum() - squares[:, :, 1:3, 1:3].sum()
            expected = (outside + 0.1 * squares[:, :, 1:3, 1:3].sum()) / squares.numel()
            torch.testing.assert_close(step(model, batch)["noise"], expected)
            snr = min_snr_weights(batch["t"], alpha_bars())
            step = DenoisingStep(encoder, bars_of(pipeline.scheduler), min_snr=5.0)
            expected = ((squares * weights).mean(dim=(1, 2, 3)) * snr).mean().float()
            torch.testing.assert_close(step(model, batch)["noise"], expected)
            step = DenoisingStep(encoder, bars_of(pipeline.scheduler), "v_prediction")
            target = bars.sqrt() * batch["noise"] - (1 - bars).sqrt() * latents
            expected = ((model(x, batch) - target).square() * weights).mean()
            torch.testing.assert_close(step(model, batch)["noise"], expected)

    def test_scenes_that_are_encoded_in_the_step(self, pipeline: Any, denoising: Callable[..., Denoising]) -> None:
        scene = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
        encoder = SceneEncoder(pipeline.vae, torch.device("cpu"))
        kept = {**a_batch(), **encoder(scene)}
        drawn = {name: value for name, value in kept.items() if name not in ("mean", "deviation")} | {"scene": scene}
        step, model = DenoisingStep(encoder, bars_of(pipeline.scheduler)), denoising()
        with torch.no_grad():
            torch.testing.assert_close(step(model, kept)["noise"], step(model, drawn)["noise"])
            latents = pipeline.vae.encode(scene.float() / 127.5 - 1).latent_dist
        torch.testing.assert_close(kept["mean"], latents.mean * 0.18215, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(kept["deviation"], latents.std * 0.18215, atol=1e-5, rtol=1e-4)

    def test_recomputed_blocks_take_less_memory_for_the_same_gradients(
        self, denoising: Callable[..., Denoising]
    ) -> None:
        batch, kept, gradients = a_batch(), list[int](), list[torch.Tensor]()
        for recompute in (False, True):
            model = denoising(recompute).train()
            with LiveTensors() as live:
                loss = model(batch["noise"], batch).square().mean()
                kept.append(live.now)
                loss.backward()
            gradient = model.injector.resampler.queries.grad
            assert gradient is not None
            gradients.append(gradient)
            model.take_off()
        assert kept[1] < 0.7 * kept[0]
        torch.testing.assert_close(*gradients)
        assert gradients[0].abs().max() > 0

    def test_rates_and_decay(self, pipeline: Any) -> None:
        injector = tiny_injector(pipeline)
        shares = {name: share_of(f"injector.{name}", each, 0.1) for name, each in injector.named_parameters()}
        assert {share.rate for name, share in shares.items() if name.startswith("control.")} == {0.1}
        assert {share.rate for name, share in shares.items() if not name.startswith("control.")} == {1.0}
        assert shares["control.conv_in.bias"].decay == shares["resampler.norm.weight"].decay == 0
        assert shares["control.conv_in.weight"].decay == shares["resampler.inwards.weight"].decay == 1

    def test_the_rival_is_shown_edges_and_reads_the_prompt(
        self, pipeline: Any, denoising: Callable[..., Denoising]
    ) -> None:
        model = denoising(form="canny")
        batch = a_batch(condition=a_batch()["condition"][:, :1])
        with torch.no_grad():
            found = model(batch["noise"], batch)
            options = model.injector.residuals(batch["noise"], batch["t"], batch["condition"] / 255, batch["text"])
            expected = pipeline.unet(batch["noise"], batch["t"], batch["text"], **options).sample
        assert torch.equal(found, expected)


class TestTexts:
    def test_they_are_those_of_the_pipeline(self, pipeline: Any, tmp_path: Path) -> None:
        encoder = TextEncoder(pipeline, torch.device("cpu"))
        texts = Texts(FeatureCache(tmp_path, encoder.made_with()), TokenNames(pipeline.tokenizer))
        long = "a cat " * 60
        line = keep_texts(texts, ["a cat", long, "a cat"], encoder)
        assert line.startswith("1 captions are too long and are cut: a cat a cat")
        with torch.no_grad():
            for caption in ("a cat", long, ""):
                expected = pipeline.encode_prompt(caption, torch.device("cpu"), 1, False)[0][0]
                torch.testing.assert_close(texts(caption)["text"], expected, atol=1e-5, rtol=1e-4)
        assert texts.missing(["a cat", "a dog"]) == ["a dog"]

    def test_no_caption_of_xl_is_as_no_prompt(self, tmp_path: Path) -> None:
        pipeline = load_base(tiny_base(tmp_path / "base", kind="sdxl"))
        encoder = TextEncoder(pipeline, torch.device("cpu"))
        empty, said = encoder([""]), encoder(["a cat"])
        assert pipeline.config.force_zeros_for_empty_prompt
        assert not empty["text"].any()
        assert not empty["pooled"].any()
        assert said["text"].shape == empty["text"].shape
        assert said["pooled"].any()

    def test_tokens_that_name_the_foreground(self, pipeline: Any) -> None:
        names = TokenNames(pipeline.tokenizer)
        found = names("a red Boat with a dog, boats", ("boat", "dog"))
        ids = pipeline.tokenizer("a red Boat with a dog, boats").input_ids
        tokens = pipeline.tokenizer.convert_ids_to_tokens(ids)
        assert [token for token, named in zip(tokens, found.tolist(), strict=False) if named] == ["boat</w>", "dog</w>"]
        assert not names("a red tree", ("boat",)).any()
        assert not names("a " * 100 + "boat", ("boat",)).any()

    def test_a_base_without_a_text_encoder(self, pipeline: Any) -> None:
        pipeline.text_encoder = None
        with pytest.raises(InputError, match="the base has no text_encoder, so no prompt can be read"):
            TextEncoder(pipeline, torch.device("cpu"))


class TestBadInput:
    def test_a_broken_scene_in_the_middle_is_skipped(self, base: Path, tmp_path: Path) -> None:
        data = make_scenes(tmp_path / "scenes")
        (data / "square-dark.png").write_bytes(b"broken")
        write_image(data / "masks" / "disc-dark.png", Image(np.zeros((64, 64, 3), np.uint8)))
        write_image(data / "ring-light.png", Image(np.zeros((8, 8, 3), np.uint8)))
        write_image(data / "masks" / "ring-light.png", Image(np.eye(8, dtype=np.uint8)[..., None].repeat(3, 2) * 255))
        told: list[str] = []
        scene_runs.run(base, tmp_path / "run", data=data, cache=None, say=told.append, overrides={"loop__steps": 1})
        assert told[0].startswith("2 images cannot be read and are skipped; the first: ")
        assert told[1] == "1 images are below 16 pixels and are dropped; the first: ring-light.png"
        assert told[2] == "7 scenes to train on, 2 to validate on"

    def test_bases_and_data_that_are_wrong(self, tmp_path: Path, base: Path) -> None:
        with pytest.raises(InputError, match="no such file or folder"):
            scene_runs.run(base, tmp_path / "run", data=tmp_path / "none")
        with pytest.raises(InputError, match="no such file or folder"):
            scene_runs.run(tmp_path / "none", tmp_path / "run", data=base.parent / "scenes")
        other = shutil.copytree(base, tmp_path / "base")
        index = json.loads((other / "model_index.json").read_text())
        (other / "model_index.json").write_text(json.dumps({**index, "text_encoder": [None, None]}))
        shutil.rmtree(other / "text_encoder")
        with pytest.raises(InputError, match=r"no text_encoder|incomplete or damaged"):
            scene_runs.run(other, tmp_path / "run", data=make_scenes(tmp_path / "scenes"))
        assert not (tmp_path / "run").exists()

    def test_a_loss_that_is_no_number(self, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        sample = SceneSamples.sample

        def spoiled(self: SceneSamples, index: int, rng: np.random.Generator) -> Batch:
            found = sample(self, index, rng)
            return {**found, "noise": found["noise"] * float("nan")}

        monkeypatch.setattr(SceneSamples, "sample", spoiled)
        with pytest.raises(TrainingDiverged, match="step 1: the loss is NaN or infinite"):
            scene_runs.run(base, tmp_path / "run")

    @pytest.mark.parametrize(
        ("overrides", "told"),
        [
            ({"side": 30}, "side is 30; it must be a multiple of 8"),
            ({"side": 40}, "side is 40; it must be a multiple of 16 for this base"),
            ({"flip": 2}, "flip is 2.0; it must be from 0 to 1"),
            ({"area": "[0.5, 0.2]"}, r"area is \(0.5, 0.2\); it must be two shares from 0 to 1"),
            ({"elements": 0}, "elements is 0; it must be at least 1"),
            ({"drops__text": 2}, "drops.text is 2.0; it must be from 0 to 1"),
            ({"drops__text": 0.9}, "drops.text, foreground and both are 1.2 together; at most 1"),
            ({"looks__brightness": 1}, "looks.brightness is 1.0; it must be from 0 to below 1"),
            ({"kept_looks": 2, "crop": "random"}, "kept_looks needs crop middle"),
            ({"min_snr": 0}, "min_snr is 0.0; it must be above 0, or none"),
            ({"held_out": 1}, "held_out is 1.0; it must be between 0 and 1"),
            ({"model__heads": 3}, "width is 8; it must be a multiple of heads, 3"),
            ({"model__form": "none"}, "form"),
            ({"model__encoder": "clip", "clip": "none.pth"}, r"none\.pth"),
        ],
    )
    def test_fields_that_are_wrong(self, base: Path, tmp_path: Path, overrides: dict[str, Any], told: str) -> None:
        with pytest.raises(InputError, match=told):
            scene_runs.run(base, tmp_path / "run", overrides=overrides)
        assert not (tmp_path / "run").exists()

    def test_drops_that_leave_no_foreground(self) -> None:
        with pytest.raises(InputError, match="leave no foreground to train on"):
            Drops(text=0, foreground=0.5, both=0.5)

    def test_a_scheduler_without_its_schedule(self) -> None:
        with pytest.raises(InputError, match="object, has no alphas_cumprod"):
            bars_of(object())


@pytest.mark.parametrize("name", recipe_names(PACKAGE))
def test_shipped_recipes(name: str) -> None:
    config = load_recipe(TrainConfig, PACKAGE, name)
    assert config.drops == Drops(0.1, 0.1, 0.05)
    if name != "demo":
        assert config.model.encoder == "clip"
        assert config.loop.learning_rate == 1e-4
        assert config.loop.learning_rate * config.spatial_rate == pytest.approx(1e-5)
        assert (config.loop.weight_decay, config.loop.precision) == (0.01, "bfloat16")
