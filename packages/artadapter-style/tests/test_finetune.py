"""Fine-tuning: a style file of a few kilobytes from a few references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import adapter_runs
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel

from artadapter_style.data.synthetic import drawn, make_images
from artadapter_style.network.style import Style
from artadapter_style.training import finetuning
from artadapter_style.training.denoising import DenoisingStep
from artadapter_style.training.encoding import Encoder
from artadapter_style.training.finetuning import TunedDenoising, TunedStyle, Tuning, finetune
from visioncore.diffusion.base import load_base
from visioncore.errors import InputError
from visioncore.training import TrainingDiverged
from visioncore.training.sampling import stack

PACKAGE = "artadapter_style"
QUICK: dict[str, Any] = {"steps": 4, "batch": 2, "side": 32}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def pipeline(base: Path) -> Any:
    return load_base(base)


@pytest.fixture(scope="module")
def whole(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adapter with its content adapter."""
    folder = tmp_path_factory.mktemp("weights") / "whole"
    adapter_runs.tiny_adapter(pipeline).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def references() -> list[Any]:
    rng = np.random.default_rng(0)
    return [drawn("disc", "dotted", 64, rng), drawn("ring", "dotted", 48, rng)]


def distance(one: Style, other: Style) -> float:
    return float((one.tokens() - other.tokens()).norm())


class TestStyle:
    def test_without_a_rate_it_is_the_references_own(self, pipeline: Any, references: list[Any]) -> None:
        adapter = adapter_runs.tiny_adapter(pipeline)
        images = [torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in references]
        expected = adapter.style(images)
        found = finetune(references, pipeline, adapter, tuning=Tuning(**QUICK, rate=0), name="dots", device="cpu")
        torch.testing.assert_close(found.tokens(), expected.tokens())
        assert (found.base, found.name) == (adapter.fingerprint(), "dots")
        order = finetune(references[::-1], pipeline, adapter, tuning=Tuning(**QUICK, rate=0), device="cpu")
        torch.testing.assert_close(order.tokens(), found.tokens())

    def test_it_moves_and_nothing_else_does(self, pipeline: Any, references: list[Any]) -> None:
        adapter = adapter_runs.tiny_adapter(pipeline)
        before = {name: value.clone() for name, value in adapter.state_dict().items()}
        start = finetune(references, pipeline, adapter, tuning=Tuning(**QUICK, rate=0), device="cpu")
        tuned = finetune(references, pipeline, adapter, tuning=Tuning(**QUICK), device="cpu")
        assert 1e-3 < distance(tuned, start) < 4 * 1e-3 * start.tokens().numel() ** 0.5 * 1.1
        assert all(torch.equal(value, before[name]) for name, value in adapter.state_dict().items())
        again = finetune(references, pipeline, adapter, tuning=Tuning(**QUICK), device="cpu")
        assert torch.equal(again.tokens(), tuned.tokens())
        other = finetune(references, pipeline, adapter, tuning=Tuning(**QUICK, seed=1), device="cpu")
        assert not torch.equal(other.tokens(), tuned.tokens())

    def test_a_pull_holds_it(self, pipeline: Any, references: list[Any]) -> None:
        adapter = adapter_runs.tiny_adapter(pipeline)
        start, free, held = (
            finetune(references, pipeline, adapter, tuning=Tuning(**{**QUICK, "steps": 12}, **more), device="cpu")
            for more in ({"rate": 0}, {"pull": 0}, {"pull": 1e4})
        )
        assert distance(held, start) < distance(free, start) / 2

    def test_the_last_layer_is_trained_where_asked_and_the_adapter_left_as_it_was(
        self, pipeline: Any, references: list[Any]
    ) -> None:
        adapter = adapter_runs.tiny_adapter(pipeline)
        before = {name: value.clone() for name, value in adapter.state_dict().items()}
        tuning = Tuning(**QUICK, rate=0, layer_rate=1e-2, last_layer=True)
        start = finetune(references, pipeline, adapter, tuning=Tuning(**QUICK, rate=0), device="cpu")
        assert distance(finetune(references, pipeline, adapter, tuning=tuning, device="cpu"), start) > 1e-3
        assert all(torch.equal(value, before[name]) for name, value in adapter.state_dict().items())

    def test_the_content_adapter_is_heard(self, pipeline: Any, references: list[Any]) -> None:
        adapter, told = adapter_runs.tiny_adapter(pipeline), list[str]()
        tuned = finetune(references, pipeline, adapter, tuning=Tuning(**QUICK), device="cpu", say=told.append)
        without = finetune(
            references, pipeline, adapter.for_inference(), tuning=Tuning(**QUICK), device="cpu", say=told.append
        )
        assert not torch.equal(tuned.tokens(), without.tokens())
        assert len(told) == 3
        assert told[0].startswith("4 steps: loss ")
        assert told[1].startswith("these weights have no content adapter")

    def test_the_caption_is_read(self, pipeline: Any, references: list[Any]) -> None:
        adapter = adapter_runs.tiny_adapter(pipeline)
        plain, said = (
            finetune(references, pipeline, adapter, caption=caption, tuning=Tuning(**QUICK), device="cpu")
            for caption in ("", "a cat")
        )
        assert not torch.equal(plain.tokens(), said.tokens())

    def test_the_loss_falls(self, pipeline: Any, references: list[Any]) -> None:
        """On the same noise, tuned tokens do better than those they began as."""
        adapter = adapter_runs.tiny_adapter(pipeline)
        tuning = Tuning(steps=30, batch=2, side=32, rate=1e-2, pull=0)
        with torch.no_grad():
            images = [torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in references]
            style = TunedStyle(adapter, [adapter.style_statistics(image) for image in images])
        samples = finetuning._samples(
            [finetuning._Loaded(image) for image in references], "", pipeline, adapter, tuning, lambda _: None
        )
        model = TunedDenoising(adapter, pipeline, style)
        step = DenoisingStep(Encoder(pipeline.vae, adapter, torch.device("cpu")), statistics=False)
        batch = stack([samples.sample(seed % 2, np.random.default_rng(seed)) for seed in range(16)])
        with torch.no_grad():
            before = float(step(model, batch)["noise"])
        finetuning._train(model, samples, tuning, lambda _: None)
        with torch.no_grad():
            after = float(step(model, batch)["noise"])
        model.take_off()
        assert after < before


class TestCommand:
    def test_it_writes_a_style_file(self, run: Run, base: Path, whole: Path, tmp_path: Path) -> None:
        images, out = make_images(tmp_path / "data") / "images", tmp_path / "styles" / "dots.safetensors"
        words = ("finetune", images / "*-dotted.png", "--base", base, "--weights", whole, "--device", "cpu")
        quick = ("--steps", 2, "--batch", 1, "--side", 32)
        code, said, told = run(*words, "--out", out, *quick)
        assert code == 0
        assert said == f"style file: {out}, {out.stat().st_size / 1000:.1f} kB\n"
        assert out.stat().st_size < 10_000
        assert Style.load(out).name == "dots"
        assert told.count("\n") == 1

    def test_bad_input(self, run: Run, base: Path, whole: Path, tmp_path: Path) -> None:
        image = make_images(tmp_path / "data") / "images" / "disc-flat.png"
        (tmp_path / "broken.png").write_bytes(b"broken")
        common = ("--base", base, "--weights", whole, "--device", "cpu", "--out", tmp_path / "a.safetensors")
        for given, right in (
            (("finetune", tmp_path / "none.png", *common), "no such file"),
            (("finetune", tmp_path / "broken.png", *common), "broken.png: not an image"),
            (("finetune", image, *common[:-1], tmp_path / "a.png"), "a style file is a .safetensors file"),
            (("finetune", image, *common, "--steps", 0), "steps is 0; it must be at least 1"),
            (("finetune", image, *common, "--side", 30), "side is 30; it must be a multiple of 8"),
            (("finetune", image, *common, "--rate", "nan"), "rate is nan; it must be at least 0"),
            (("finetune", image, *common, "--seed", "-1"), "seed is -1; it must be at least 0"),
            (("finetune", image, *common, "--caption", "a \udcff"), "has bytes that are no UTF-8"),
        ):
            code, _, told = run(*given)
            assert code == 2, told
            assert right in told
        assert not (tmp_path / "a.safetensors").exists()

    def test_a_loss_that_is_no_number(self, run: Run, base: Path, whole: Path, tmp_path: Path) -> None:
        image, out = make_images(tmp_path / "data") / "images" / "disc-flat.png", tmp_path / "a.safetensors"
        words = ("finetune", image, "--base", base, "--weights", whole, "--device", "cpu", "--out", out)
        code, _, told = run(*words, "--steps", 8, "--batch", 1, "--side", 32, "--rate", 1e30)
        assert code == 1
        assert "the loss is NaN or infinite; a lower rate may help" in told
        assert not out.exists()


def test_a_long_caption_is_cut_and_the_words_told(pipeline: Any, references: list[Any]) -> None:
    told, words = list[str](), "a cat " * 32
    adapter = adapter_runs.tiny_adapter(pipeline)
    quick: dict[str, Any] = {"tuning": Tuning(**{**QUICK, "steps": 1}), "device": "cpu", "say": told.append}
    cut = finetune(references, pipeline, adapter, caption=f"{words} a dog red boat", **quick)
    assert told[0] == "the caption is too long, what is cut off beside the style: red boat"
    fits = finetune(references, pipeline, adapter, caption=f"{words} a dog", **quick)
    assert len(told) == 3
    assert torch.equal(cut.tokens(), fits.tokens())


def test_a_model_for_inpainting_is_no_base_to_tune_on(pipeline: Any, references: list[Any]) -> None:
    unet = UNet2DConditionModel.from_config({**pipeline.unet.config, "in_channels": 9})
    base = StableDiffusionPipeline(**{**pipeline.components, "unet": unet}, requires_safety_checker=False)
    with pytest.raises(
        InputError, match="the base's U-Net takes 9 channels; an adapter is trained on one that takes 4"
    ):
        finetune(references, base, adapter_runs.tiny_adapter(pipeline), tuning=Tuning(**QUICK), device="cpu")


def test_no_references(pipeline: Any) -> None:
    with pytest.raises(InputError, match="no references; give one or a few images"):
        finetune([], pipeline, adapter_runs.tiny_adapter(pipeline))


def test_a_diverging_run_leaves_the_base_as_it_was(pipeline: Any, references: list[Any]) -> None:
    before = {path: type(each) for path, each in pipeline.unet.attn_processors.items()}
    with pytest.raises(TrainingDiverged):
        finetune(
            references, pipeline, adapter_runs.tiny_adapter(pipeline), tuning=Tuning(**QUICK, rate=1e30), device="cpu"
        )
    assert {path: type(each) for path, each in pipeline.unet.attn_processors.items()} == before
