"""The adapter on a tiny base: plain where it should be, style where it should be, and off without a trace."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import T2IAdapter, UNet2DConditionModel
from diffusers.models.attention_processor import (
    AttnProcessor2_0,
    CustomDiffusionAttnProcessor2_0,
    IPAdapterAttnProcessor2_0,
    SlicedAttnProcessor,
)
from PIL import Image
from torch import Tensor, nn

from artadapter_style import ArtAdapter, ArtAdapterConfig, Style, load_model
from artadapter_style.data.reading import read_reference
from artadapter_style.network.attention import ExplicitAttention
from artadapter_style.network.config import LEVELS
from artadapter_style.network.content import ContentAdapter
from artadapter_style.network.encoder import LevelEncoder
from artadapter_style.network.prompts import encode_prompt, fit_ids
from artadapter_style.network.published import read_t2i_adapter, to_t2i_adapter
from visioncore.diffusion.layers import cross_attention
from visioncore.diffusion.schedule import check_numbers
from visioncore.errors import InputError

SMALL: dict[str, Any] = {"vgg_width": 4, "vgg_seed": 0, "hidden": 16}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny pipeline, which tests leave as it was."""
    from visioncore.testing.tiny_base import tiny_components

    return tiny_components(tmp_path_factory.mktemp("base"))


def level_encoder(adapter: ArtAdapter, level: str) -> LevelEncoder:
    found = adapter.style_encoder.get_submodule(level)
    assert isinstance(found, LevelEncoder)
    return found


def made_adapter(base: Any, **settings: Any) -> ArtAdapter:
    """An adapter whose projections are no longer the base's own."""
    torch.manual_seed(0)
    adapter = ArtAdapter.for_base(base.unet, base.text_encoder, **{**SMALL, **settings})
    with torch.no_grad():
        for projections in adapter.projections.values():
            for parameter in projections.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        for level in LEVELS:
            level_encoder(adapter, level).gain.mul_(10)
    return adapter


@pytest.fixture(scope="module")
def adapter(base: Any) -> ArtAdapter:
    return made_adapter(base)


@pytest.fixture(scope="module")
def images() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(3, *size, generator=generator) for size in ((40, 24), (32, 32), (17, 70))]


@pytest.fixture(scope="module")
def style(adapter: ArtAdapter, images: list[Tensor]) -> Style:
    return adapter.style(images[0])


@pytest.fixture(scope="module")
def prompts(base: Any, style: Style) -> dict[str, Tensor]:
    """What the U-Net attends to: without and with style, and both of a guided batch."""
    with torch.no_grad():
        plain = encode_prompt(base.text_encoder, fit_ids(base.tokenizer, "").ids)
        styled = encode_prompt(base.text_encoder, fit_ids(base.tokenizer, "a cat", 9).ids, style)
    return {"plain": plain, "styled": styled, "guided": torch.cat((plain, styled))}


@pytest.fixture(scope="module")
def latents() -> Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def handle(adapter: ArtAdapter, base: Any) -> Iterator[Any]:
    handle = adapter.install(base.unet)
    yield handle
    handle.uninstall()


@torch.no_grad()
def run(base: Any, latents: Tensor, prompt: Any, **options: Any) -> Tensor:
    found: Tensor = base.unet(latents[: len(prompt)], 500, prompt, **options).sample
    return found


class TestPlain:
    def test_without_style_it_is_the_base(
        self, base: Any, adapter: ArtAdapter, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        expected = run(base, latents, prompts["guided"])
        handle = adapter.install(base.unet)
        assert torch.equal(run(base, latents, prompts["guided"]), expected)
        with handle.acting((False, False)):
            assert torch.equal(run(base, latents, prompts["guided"]), expected)
        with handle.acting((True,), levels=()):
            assert torch.equal(run(base, latents, prompts["guided"]), expected)
        with handle.acting((False, True)):
            assert not torch.allclose(run(base, latents, prompts["guided"]), expected, atol=1e-3)
        assert torch.equal(run(base, latents, prompts["guided"]), expected)
        handle.uninstall()
        assert torch.equal(run(base, latents, prompts["guided"]), expected)

    def test_rows_without_style_are_as_without_the_adapter(
        self, base: Any, handle: Any, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        with handle.acting((False, True)):
            found = run(base, latents, prompts["guided"])
        torch.testing.assert_close(found[:1], run(base, latents, prompts["plain"]), atol=1e-5, rtol=0)

    def test_untrained_projections_take_style_for_text(self, base: Any, images: list[Tensor], latents: Tensor) -> None:
        adapter = ArtAdapter.for_base(base.unet, base.text_encoder, **SMALL)
        embeddings = base.text_encoder.get_input_embeddings().weight
        assert adapter.config.gain == pytest.approx(float(embeddings.detach().square().mean().sqrt()))
        style = adapter.style(images[0])
        prompt = encode_prompt(base.text_encoder, fit_ids(base.tokenizer, "a cat", 9).ids, style).detach()
        expected = run(base, latents, prompt)
        handle = adapter.install(base.unet)
        with handle.acting():
            torch.testing.assert_close(run(base, latents, prompt), expected, atol=1e-5, rtol=0)
        handle.uninstall()


class TestRuns:
    def test_kept_keys_are_those_of_each_step(
        self, base: Any, handle: Any, prompts: dict[str, Tensor], latents: Tensor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = []
        find = ExplicitAttention._find

        def counted(*given: Any) -> Any:
            found.append(given)
            return find(*given)

        monkeypatch.setattr(ExplicitAttention, "_find", counted)
        with handle.acting((False, True), {"low": 0.5}):
            first = [run(base, latents, prompts["guided"]) for _ in range(3)]
        assert len(found) == len(cross_attention(base.unet))
        again = []
        for _ in range(3):
            with handle.acting((False, True), {"low": 0.5}), torch.enable_grad():
                again.append(base.unet(latents, 500, prompts["guided"]).sample)
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))

    def test_another_prompt_is_not_taken_for_the_kept_one(
        self, base: Any, handle: Any, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        prompt = prompts["styled"].clone()
        with handle.acting():
            first = run(base, latents, prompt)
            prompt.mul_(2)
            changed = run(base, latents, prompt)
            assert not torch.allclose(changed, first, atol=1e-3)
            assert torch.equal(run(base, latents, prompt.clone()), changed)
            assert torch.equal(run(base, latents, prompts["styled"]), first)
        with handle.acting(), torch.inference_mode():
            assert torch.equal(run(base, latents, prompt), changed)

    def test_a_batch_of_two_is_two_runs(
        self, base: Any, adapter: ArtAdapter, handle: Any, images: list[Tensor], latents: Tensor
    ) -> None:
        ids = [fit_ids(base.tokenizer, text, 9).ids for text in ("a cat", "a red house by the sea")]
        styles = [adapter.style(image) for image in images[:2]]
        tokens = torch.stack([style.tokens() for style in styles])
        with torch.no_grad():
            both = encode_prompt(base.text_encoder, torch.cat(ids), tokens)
            each = [encode_prompt(base.text_encoder, one, style) for one, style in zip(ids, styles, strict=True)]
        torch.testing.assert_close(both, torch.cat(each), atol=1e-5, rtol=0)
        with handle.acting():
            expected = [run(base, latents[i : i + 1], prompt) for i, prompt in enumerate(each)]
            torch.testing.assert_close(run(base, latents, both), torch.cat(expected), atol=1e-5, rtol=0)

    def test_strength_of_none_is_a_prompt_without_keys_of_style(
        self, base: Any, handle: Any, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        mask = torch.ones(1, 77, dtype=torch.bool)
        mask[:, 1:10] = False
        expected = run(base, latents, prompts["styled"], encoder_attention_mask=mask)
        with handle.acting(scale=0):
            torch.testing.assert_close(run(base, latents, prompts["styled"]), expected, atol=1e-5, rtol=0)
        mask[:, 4:10] = True
        with handle.acting(scale={"low": 0.0}):
            found = run(base, latents, prompts["styled"])
        with handle.acting():
            masked = run(base, latents, prompts["styled"], encoder_attention_mask=mask)
        torch.testing.assert_close(found, masked, atol=1e-5, rtol=0)

    def test_strength_depends_on_layers_and_steps(
        self, base: Any, handle: Any, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        class Late:
            def __init__(self, *groups: str) -> None:
                self.groups = groups

            def at(self, group: str, progress: float) -> dict[Any, float]:
                return {} if progress >= 0.5 or group not in self.groups else dict.fromkeys(LEVELS, 0.0)

        with handle.acting():
            full = run(base, latents, prompts["styled"])
        seen = []
        for groups in (("down",), ("mid",), ("up",), ("down", "mid", "up")):
            with handle.acting(scale=Late(*groups)) as acting:
                acting.step(0.2)
                seen.append(run(base, latents, prompts["styled"]))
                acting.step(0.6)
                assert torch.equal(run(base, latents, prompts["styled"]), full)
        with handle.acting(scale=0.0):
            seen.append(run(base, latents, prompts["styled"]))
        assert torch.equal(seen[-1], seen[-2])
        different = [full, *seen[:-1]]
        assert all(not torch.equal(one, other) for i, one in enumerate(different) for other in different[:i])

    def test_levels_that_are_off_take_no_places(
        self, base: Any, handle: Any, style: Style, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        part = style.only(["high", "low"])
        prompt = encode_prompt(base.text_encoder, fit_ids(base.tokenizer, "a cat", 6).ids, part).detach()
        torch.testing.assert_close(prompt[:, 1:4], prompts["styled"][:, 1:4], atol=1e-5, rtol=0)
        with handle.acting(levels=("high", "low")) as acting:
            assert acting.rows == slice(1, 7)
            found = run(base, latents, prompt)
        for path, layer in cross_attention(base.unet).items():
            assert isinstance(layer.processor, ExplicitAttention)
            key, _ = layer.processor._find(layer, prompt, acting)
            own = layer.to_k(prompt)
            changed = (key - own).abs().sum(dim=2)[0] > 0
            assert changed.nonzero()[:, 0].tolist() == list(range(1, 7)), path
        assert not torch.allclose(found, run(base, latents, prompt), atol=1e-3)

    def test_half_precision_of_the_base_alone(
        self, base: Any, adapter: ArtAdapter, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        unet = copy.deepcopy(base.unet).bfloat16()
        handle = adapter.install(unet)
        with handle.acting((False, True), {"mid": 0.5}), torch.no_grad():
            rough = unet(latents.bfloat16(), 500, prompts["guided"].bfloat16()).sample
        assert rough.dtype == torch.bfloat16
        fine = adapter.install(base.unet)
        with fine.acting((False, True), {"mid": 0.5}):
            torch.testing.assert_close(rough.float(), run(base, latents, prompts["guided"]), atol=0.05, rtol=0)
        fine.uninstall()

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"styled": ()}, "styled is empty"),
            ({"scale": -1.0}, "at least 0"),
            ({"scale": float("nan")}, "at least 0"),
            ({"scale": {"lower": 1.0}}, "scale names lower; levels are low, mid, high"),
        ],
    )
    def test_wrong_plans(self, handle: Any, given: Any, told: str) -> None:
        with pytest.raises(InputError, match=told), handle.acting(**given):
            pass

    def test_a_batch_that_was_not_announced(
        self, base: Any, handle: Any, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        with (
            handle.acting((False, True)),
            pytest.raises(InputError, match="a batch of 1 came to the U-Net, and 2 parts were announced"),
        ):
            run(base, latents, prompts["styled"])
        # after an error it does not act
        assert torch.isfinite(run(base, latents, prompts["styled"])).all()


class TestInstalling:
    def processors(self, base: Any) -> dict[str, Any]:
        return {path: id(processor) for path, processor in base.unet.attn_processors.items()}

    def test_nothing_of_it_stays(self, base: Any, adapter: ArtAdapter) -> None:
        processors, state = self.processors(base), base.unet.state_dict()
        handle = adapter.install(base.unet)
        assert base.unet.state_dict().keys() == state.keys()
        changed = {path for path, found in self.processors(base).items() if found != processors[path]}
        assert changed == {f"{path}.processor" for path in adapter.projections}
        handle.uninstall()
        assert self.processors(base) == processors
        assert {path: type(each) for path, each in base.unet.attn_processors.items()} == dict.fromkeys(
            processors, AttnProcessor2_0
        )

    def test_on_other_processors(
        self, base: Any, adapter: ArtAdapter, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        handle = adapter.install(base.unet)
        with handle.acting((False, True), {"mid": 0.5}):
            expected = run(base, latents, prompts["guided"])
        handle.uninstall()
        before = dict(base.unet.attn_processors)
        base.unet.set_attn_processor(SlicedAttnProcessor(2))
        sliced = self.processors(base)
        handle = adapter.install(base.unet)
        with handle.acting((False, True), {"mid": 0.5}):
            torch.testing.assert_close(run(base, latents, prompts["guided"]), expected, atol=1e-5, rtol=0)
        handle.uninstall()
        assert self.processors(base) == sliced
        base.unet.set_attn_processor(before)

    def test_beside_an_ip_adapter(
        self, base: Any, adapter: ArtAdapter, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        unet = copy.deepcopy(base.unet)
        torch.manual_seed(3)
        for layer in cross_attention(unet).values():
            layer.set_processor(IPAdapterAttnProcessor2_0(layer.inner_dim, 32, num_tokens=(4,), scale=[1.0]))
        state, processors = unet.state_dict(), dict(unet.attn_processors)
        image = [torch.randn(2, 1, 4, 32)]
        with torch.no_grad():
            without = unet(latents, 500, (prompts["guided"], image)).sample
            handle = adapter.install(unet)
            assert torch.equal(unet(latents, 500, (prompts["guided"], image)).sample, without)
            with handle.acting((False, True)):
                both = unet(latents, 500, (prompts["guided"], image)).sample
                alone = unet(latents, 500, (prompts["guided"], [0 * image[0]])).sample
            handle.uninstall()
        assert not torch.allclose(both, without, atol=1e-3)
        plain = adapter.install(base.unet)
        with plain.acting((False, True)):
            torch.testing.assert_close(alone, run(base, latents, prompts["guided"]), atol=1e-5, rtol=0)
        plain.uninstall()
        assert dict(unet.attn_processors) == processors
        assert unet.state_dict().keys() == state.keys()

    def test_processors_that_style_cannot_reach(
        self, base: Any, adapter: ArtAdapter, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        unet = copy.deepcopy(base.unet)
        for layer in cross_attention(unet).values():
            layer.set_processor(CustomDiffusionAttnProcessor2_0(True, True, layer.inner_dim, 32))
        handle = adapter.install(unet)
        told = "CustomDiffusionAttnProcessor2_0 on .* does not use the layer's own keys"
        with handle.acting(), pytest.raises(InputError, match=told), torch.no_grad():
            unet(latents[:1], 500, prompts["styled"])

    def test_weights_put_on_layers_stay(
        self, base: Any, adapter: ArtAdapter, prompts: dict[str, Tensor], latents: Tensor
    ) -> None:
        class LowRank(nn.Module):
            """A layer with an addition, as LoRA of diffusers wraps it."""

            def __init__(self, layer: nn.Linear) -> None:
                super().__init__()
                self.base_layer = layer
                self.addition = nn.Linear(layer.in_features, layer.out_features, bias=False)

            def forward(self, x: Tensor) -> Tensor:
                out: Tensor = self.base_layer(x) + self.addition(x)
                return out

        unet = copy.deepcopy(base.unet)
        for layer in cross_attention(unet).values():
            layer.to_k = LowRank(layer.to_k)
        again = ArtAdapter.for_base(unet, base.text_encoder, **SMALL)
        for path, projections in again.projections.items():
            assert torch.equal(projections.to_k_style.weight, cross_attention(base.unet)[path].to_k.weight)
        with torch.no_grad():
            without = unet(latents, 500, prompts["guided"]).sample
            handle = adapter.install(unet)
            with handle.acting((False, True)):
                styled = unet(latents, 500, prompts["guided"]).sample
            handle.uninstall()
            assert torch.equal(unet(latents, 500, prompts["guided"]).sample, without)
        torch.testing.assert_close(styled[0], without[0], atol=1e-5, rtol=0)
        assert not torch.allclose(styled[1], without[1], atol=1e-3)

    def test_processors_that_came_later_are_left(self, base: Any, adapter: ArtAdapter) -> None:
        unet = copy.deepcopy(base.unet)
        handle = adapter.install(unet)
        later = AttnProcessor2_0()
        unet.set_attn_processor(later)
        with pytest.raises(InputError, match="processors were replaced since"), handle.acting():
            pass
        handle.uninstall()
        assert all(processor is later for processor in unet.attn_processors.values())

    def test_only_once(self, base: Any, adapter: ArtAdapter, handle: Any) -> None:
        with pytest.raises(InputError, match="an adapter is on this U-Net already"):
            adapter.install(base.unet)

    def test_other_bases_are_refused(self, base: Any, adapter: ArtAdapter) -> None:
        config = {name: value for name, value in base.unet.config.items() if not name.startswith("_")}
        small = {"use_linear_projection": True}
        large = {
            **small,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 80,
        }
        for change, told in (
            (small, r"the base is Stable Diffusion 2\.x; ArtAdapter is for Stable Diffusion 1\.x"),
            (large, "the base is Stable Diffusion XL; "),
            ({"cross_attention_dim": 24}, r"4 cross-attention layers of widths 32/64 on tokens of 24; this .* 32$"),
            ({"block_out_channels": (32, 32)}, "widths 32 on tokens of 32; this adapter is for 4 of widths 32/64"),
        ):
            unet = UNet2DConditionModel(**{**config, **change})
            with pytest.raises(InputError, match=told):
                adapter.install(unet)
            assert all(type(each) is AttnProcessor2_0 for each in unet.attn_processors.values())


class TestDecoupled:
    def test_it_is_another_form(self, base: Any, prompts: dict[str, Tensor], latents: Tensor) -> None:
        adapter = made_adapter(base, form="decoupled")
        expected = run(base, latents, prompts["guided"])
        handle = adapter.install(base.unet)
        assert torch.equal(run(base, latents, prompts["guided"]), expected)
        with handle.acting((False, True), 0.7):
            found = run(base, latents, prompts["guided"])
            assert torch.equal(run(base, latents, prompts["guided"]), found)
        torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=0)
        assert not torch.allclose(found[1], expected[1], atol=1e-3)
        with handle.acting(scale={"low": 0.5}), pytest.raises(InputError, match="all levels have one strength"):
            run(base, latents, prompts["styled"])
        handle.uninstall()


class TestStyles:
    def test_neither_order_nor_repetition_counts(self, adapter: ArtAdapter, images: list[Tensor]) -> None:
        once = adapter.style(images)
        for order in (images[::-1], [*images, *images]):
            assert torch.equal(adapter.style(order).tokens(), once.tokens())
        first = adapter.style(images[0])
        assert torch.equal(adapter.style([images[0]] * 3).tokens(), first.tokens())
        assert torch.equal(adapter.style(images, [2, 0, 0]).tokens(), first.tokens())
        weighted = adapter.style(images[:2], [3, 1]).tokens()
        both = [adapter.style(image).tokens() for image in images[:2]]
        torch.testing.assert_close(weighted, 0.75 * both[0] + 0.25 * both[1])

    def test_a_mixture_of_one_is_it(self, style: Style) -> None:
        mixed = Style.mix(low=style, mid=style, high=style)
        assert torch.equal(mixed.tokens(), style.tokens())
        assert mixed.base == style.base
        assert torch.equal(style.blend(style, 0.3).tokens(), style.tokens())

    def test_levels_of_different_images(self, adapter: ArtAdapter, images: list[Tensor]) -> None:
        one, other = (adapter.style(image) for image in images[:2])
        mixed = Style.mix(low=one, high=other)
        assert list(mixed.levels) == ["low", "high"]
        assert torch.equal(mixed.tokens(), torch.cat((one.levels["low"], other.levels["high"])))
        halfway = one.blend(other, 0.25).tokens()
        torch.testing.assert_close(halfway, 0.75 * one.tokens() + 0.25 * other.tokens())

    def test_files(self, adapter: ArtAdapter, style: Style, tmp_path: Path) -> None:
        named = Style(style.levels, style.base, "näive ink")
        named.save(tmp_path / "ink.safetensors")
        assert (tmp_path / "ink.safetensors").stat().st_size < 5000
        again = adapter.check_style(Style.load(tmp_path / "ink.safetensors"))
        assert torch.equal(again.tokens(), style.tokens())
        assert (again.name, again.base, list(again.levels)) == ("näive ink", adapter.fingerprint(), list(LEVELS))

    def test_other_files(self, adapter: ArtAdapter, tmp_path: Path) -> None:
        adapter.save_file(tmp_path / "adapter.safetensors")
        (tmp_path / "page.html").write_text("<html>")
        for name, told in (("adapter.safetensors", "not a style file"), ("page.html", "not a checkpoint")):
            with pytest.raises(InputError, match=f"{name}: {told}"):
                Style.load(tmp_path / name)
        with pytest.raises(InputError, match="nowhere: no such file"):
            Style.load(tmp_path / "nowhere")

    def test_of_another_adapter(self, base: Any, adapter: ArtAdapter, images: list[Tensor], style: Style) -> None:
        with torch.no_grad():
            other = made_adapter(base)
            next(iter(other.projections.values())).to_k_style.weight[0, 0] += 1
        strange = other.style(images[1])
        with pytest.raises(InputError, match=rf"ink\.safetensors: made with another adapter or base \({strange.base}"):
            adapter.check_style(strange, "ink.safetensors")
        with pytest.raises(InputError, match="styles are for different adapters"):
            Style.mix(low=style, high=strange)
        wide = ArtAdapter.for_base(base.unet, base.text_encoder, **SMALL, tokens=2)
        with pytest.raises(InputError, match=r"this style: has \(2, 32\) low tokens; this adapter has \(3, 32\)"):
            adapter.check_style(Style(wide.style(images[0]).levels))

    def test_it_is_known_after_its_encoder_was_tuned(self, base: Any, adapter: ArtAdapter, style: Style) -> None:
        tuned = copy.deepcopy(adapter)
        with torch.no_grad():
            level_encoder(tuned, "low").outwards.weight.mul_(2)
        assert tuned.check_style(style) is style

    @pytest.mark.parametrize(
        ("make", "told"),
        [
            (lambda style: Style.mean([]), "no style to take the mean of"),
            (lambda style: Style.mean([style], [1, 2]), "2 weights for 1 references"),
            (lambda style: Style.mean([style, style], [1, -1]), "weights are 1, -1; none may be below 0"),
            (lambda style: Style.mean([style], [0]), "nor all be 0"),
            (lambda style: Style.mean([style, style.only(["low"])]), "different levels on"),
            (lambda style: style.blend(style, 1.5), r"amount is 1\.5"),
            (lambda style: style.only(["bass"]), "bass is no level of style; those are low, mid, high"),
            (lambda style: style.only(["low"]).only(["high"]), "the high level of style '' is off"),
            (lambda style: Style.mix().tokens(), "all levels of this style are off"),
            (lambda style: Style({"low": torch.full((3, 4), torch.nan)}), "not numbers"),
            (lambda style: Style({"low": torch.zeros(3, 4), "mid": torch.zeros(2, 4)}), r"\(2, 4\), \(3, 4\)"),
        ],
    )
    def test_what_cannot_be(self, style: Style, make: Any, told: str) -> None:
        with pytest.raises(InputError, match=told) as caught:
            make(style)
        assert "\n" not in str(caught.value)


class TestReferences:
    def test_any_kind_of_image(self, adapter: ArtAdapter, tmp_path: Path) -> None:
        colours = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        rgb = Image.fromarray(colours)
        alpha = Image.fromarray(np.full((40, 30), 255, np.uint8))
        clear = rgb.copy()
        clear.putalpha(Image.fromarray(np.zeros((40, 30), np.uint8)))
        rgba = rgb.copy()
        rgba.putalpha(alpha)
        given = {"rgb": rgb, "rgba": rgba, "clear": clear, "white": Image.new("RGB", (30, 40), "white")}
        given |= {"grey": rgb.convert("L"), "grey-rgb": rgb.convert("L").convert("RGB")}
        found = {}
        for name, image in given.items():
            image.save(tmp_path / f"{name}.png")
            found[name] = adapter.style(read_reference(tmp_path / f"{name}.png")).tokens()
        rgb.convert("CMYK").save(tmp_path / "cmyk.tif")
        assert adapter.style(read_reference(tmp_path / "cmyk.tif")).tokens().isfinite().all()
        for one, other in (("rgb", "rgba"), ("clear", "white"), ("grey", "grey-rgb")):
            assert torch.equal(found[one], found[other])
        assert not torch.allclose(found["rgb"], found["grey"])

    def test_too_small(self, adapter: ArtAdapter) -> None:
        for size in ((1, 1), (7, 90)):
            with pytest.raises(InputError, match="both sides must be at least 8") as caught:
                adapter.style(torch.rand(3, *size))
            assert "\n" not in str(caught.value)
        assert adapter.style(torch.rand(3, 8, 8)).tokens().isfinite().all()

    def test_of_another_shape(self, adapter: ArtAdapter) -> None:
        with pytest.raises(InputError, match=r"references have shape \(1, 1, 32, 32\)"):
            adapter.style(torch.rand(1, 32, 32))

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_what_is_no_number_is_told(self, adapter: ArtAdapter, images: list[Tensor], value: float) -> None:
        broken = images[1].clone()
        broken[0, 3, 3] = value
        with pytest.raises(InputError, match="the low statistics of reference 2 hold values that are not numbers"):
            adapter.style([images[0], broken])
        with pytest.raises(InputError, match="latents hold values that are not numbers after step 3"):
            check_numbers(broken, "after step 3")
        assert check_numbers(images[0], "after step 3") is images[0]

    def test_flat_images_have_a_style(self, adapter: ArtAdapter) -> None:
        assert adapter.style(torch.full((3, 20, 20), 0.5)).tokens().isfinite().all()

    def test_vgg_stops_where_it_may(self, base: Any) -> None:
        shallow = ArtAdapter.for_base(
            base.unet, base.text_encoder, **SMALL, layers=(("relu1_1",), ("relu1_2",), ("relu2_2", "relu2_1"))
        )
        assert len(shallow.vgg.features) == shallow.vgg.places["relu2_2"] + 1
        statistics = shallow.style_statistics(torch.rand(2, 3, 9, 9))
        assert {level: tuple(values.shape) for level, values in statistics.items()} == {
            "low": (2, 8),
            "mid": (2, 8),
            "high": (2, 32),
        }
        assert all(shallow.config.statistics(level) == values.shape[1] for level, values in statistics.items())

    def test_statistics_keep_their_digits(self, adapter: ArtAdapter, images: list[Tensor]) -> None:
        expected = adapter.style_statistics(images[0])
        with torch.autocast("cpu", torch.bfloat16):
            found = adapter.style_statistics(images[0])
        for level in LEVELS:
            assert found[level].dtype == torch.float32
            assert torch.equal(found[level], expected[level])


class TestPrompts:
    def test_a_plain_prompt_is_the_pipelines(self, base: Any) -> None:
        for text in ("a cat", "", "a painting of a house with a red boat " * 9):
            expected, _ = base.encode_prompt(text, "cpu", 1, False)
            assert torch.equal(encode_prompt(base.text_encoder, fit_ids(base.tokenizer, text).ids), expected)

    def test_outputs_of_style_do_not_depend_on_text(self, base: Any, style: Style, prompts: dict[str, Tensor]) -> None:
        other = encode_prompt(base.text_encoder, fit_ids(base.tokenizer, "the sea", 9).ids, style)
        torch.testing.assert_close(other[:, :10], prompts["styled"][:, :10])
        assert not torch.allclose(other[:, 10:], prompts["styled"][:, 10:], atol=1e-3)

    def test_long_texts_are_cut(self, base: Any) -> None:
        fitted = fit_ids(base.tokenizer, "cat " * 66, 9)
        assert (fitted.ids.shape, fitted.cut) == ((1, 68), "")
        fitted = fit_ids(base.tokenizer, "cat " * 66 + "red boat", 9)
        assert (fitted.ids.shape, fitted.cut) == ((1, 68), "red boat")
        assert fitted.ids[0, -1] == base.tokenizer.eos_token_id
        assert fit_ids(base.tokenizer, "cat " * 66 + "red boat").cut == ""

    def test_what_does_not_fit(self, base: Any, style: Style) -> None:
        encoder, ids = base.text_encoder, fit_ids(base.tokenizer, "a cat").ids
        with pytest.raises(InputError, match="77 tokens of text and 9 of style; they must be 77 together"):
            encode_prompt(encoder, ids, style)
        with pytest.raises(InputError, match=r"tokens of width 8; this base's text encoder has 32"):
            encode_prompt(encoder, ids[:, :-9], torch.zeros(9, 8))
        assert not encoder.get_input_embeddings()._forward_hooks

    def test_half_precision(self, base: Any, style: Style) -> None:
        encoder = copy.deepcopy(base.text_encoder).bfloat16()
        found = encode_prompt(encoder, fit_ids(base.tokenizer, "a cat", 9).ids, style)
        assert found.dtype == torch.bfloat16


class TestTraining:
    def gradients(self, base: Any, image: Tensor, latents: Tensor, recompute: bool) -> dict[str, Tensor | None]:
        """The gradients of all parameters of an adapter, those of the base checked to be none."""
        adapter = made_adapter(base, content=True)
        unet, encoder = copy.deepcopy(base.unet), copy.deepcopy(base.text_encoder)
        unet.requires_grad_(False)
        encoder.requires_grad_(False)
        handle = adapter.install(unet)
        if recompute:
            unet.train().enable_gradient_checkpointing()
        prompt = encode_prompt(
            encoder, fit_ids(base.tokenizer, "a cat", 9).ids.expand(2, -1), adapter(torch.stack([image, image]))
        )
        assert adapter.aca is not None
        maps = adapter.aca(torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
        with handle.acting((True, False)):
            found = unet(latents, 500, prompt, down_intrablock_additional_residuals=maps).sample
            found.square().mean().backward()
        assert all(parameter.grad is None for parameter in (*unet.parameters(), *encoder.parameters()))
        return {name: each.grad for name, each in adapter.named_parameters() if each.requires_grad}

    def test_gradients_reach_what_is_trained(self, base: Any, images: list[Tensor], latents: Tensor) -> None:
        found = self.gradients(base, images[1], latents, recompute=False)
        assert {name for name, gradient in found.items() if gradient is None or not gradient.any()} == set()
        again = self.gradients(base, images[1], latents, recompute=True)
        for name, gradient in found.items():
            torch.testing.assert_close(again[name], gradient, msg=name)

    def test_the_content_adapter_is_a_t2i_adapter(self, tmp_path: Path) -> None:
        torch.manual_seed(0)
        theirs = T2IAdapter(channels=[8, 8, 16, 16])
        ours = ContentAdapter((8, 8, 16, 16))
        torch.save(theirs.state_dict(), tmp_path / "t2i.bin")
        read_t2i_adapter(tmp_path / "t2i.bin", ours)
        images = torch.rand(1, 3, 104, 72)
        for one, other in zip(ours(images), theirs(images), strict=True):
            torch.testing.assert_close(one, other)
        back = to_t2i_adapter(ours)
        assert all(torch.equal(back[name], tensor) for name, tensor in theirs.state_dict().items())
        torch.save(T2IAdapter(in_channels=1, channels=[8, 8, 16, 16]).state_dict(), tmp_path / "grey.bin")
        with pytest.raises(InputError, match=r"grey\.bin: these weights do not fit ContentAdapter: .*conv_in"):
            read_t2i_adapter(tmp_path / "grey.bin", ours)
        torch.save({"other": torch.zeros(1)}, tmp_path / "other.bin")
        with pytest.raises(InputError, match=r"other\.bin: not a T2I-Adapter"):
            read_t2i_adapter(tmp_path / "other.bin", ours)
        with pytest.raises(InputError, match="multiples of 8"):
            ours(torch.rand(1, 3, 60, 64))


class TestFiles:
    def test_round_trip(self, base: Any, images: list[Tensor], tmp_path: Path) -> None:
        adapter = made_adapter(base, content=True)
        adapter.save_pretrained(tmp_path / "training")
        again = load_model(tmp_path / "training")
        assert again.config == adapter.config
        assert again.aca is not None
        small = adapter.for_inference()
        small.save_pretrained(tmp_path / "inference")
        found = load_model(tmp_path / "inference")
        names = found.state_dict().keys()
        assert names == {name for name in adapter.state_dict() if not name.startswith("aca.")}
        # drawn, so that it need not be stored
        assert not any(name.startswith("vgg.") for name in names)
        assert found.aca is None
        for other in (again, small, found):
            assert torch.equal(other.style(images).tokens(), adapter.style(images).tokens())
            assert other.fingerprint() == adapter.fingerprint()

    def test_published_vgg_is_stored(self, base: Any, images: list[Tensor], tmp_path: Path) -> None:
        from visioncore.backbones.vgg import VGG19

        torch.manual_seed(0)
        torch.save(VGG19(last="relu5_4").state_dict(), tmp_path / "vgg19.pth")
        adapter = ArtAdapter.for_base(base.unet, base.text_encoder, vgg=tmp_path / "vgg19.pth", hidden=4)
        adapter.save_pretrained(tmp_path / "adapter")
        again = load_model(tmp_path / "adapter")
        assert again.state_dict().keys() >= {"vgg.features.0.weight", "vgg.features.19.bias"}
        assert torch.equal(again.style(images[0]).tokens(), adapter.style(images[0]).tokens())

    def test_vgg_must_come_from_somewhere(self, base: Any) -> None:
        both: dict[str, Any] = {"vgg": "vgg19.pth", "vgg_seed": 0}
        for given in ({}, both):
            with pytest.raises(InputError, match="either a file of torchvision's VGG-19"):
                ArtAdapter.for_base(base.unet, base.text_encoder, **given)

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"tokens": 0}, "tokens is 0"),
            ({"gain": 0.0}, "gain is 0.0"),
            ({"vgg_seed": -1}, "vgg_seed is -1"),
            ({"layers": (("relu9_1",), ("relu3_1",), ("relu4_1",))}, "'relu9_1' is no layer of VGG-19"),
            ({"layers": ((), ("relu3_1",), ("relu4_1",))}, "there must be some of VGG-19 for each of low, mid, high"),
            ({"attention": ()}, "attention must name the base's cross-attention layers"),
            ({"attention": (("mid_block.b", 4), ("mid_block.a", 4))}, "sorted by their paths"),
            ({"attention": (("style_encoder.low", 4),)}, "style_encoder.low: no layer of a U-Net"),
            ({"attention": (("mid_block..a", 4),)}, "no layer of a U-Net is such"),
            ({"form": "joined"}, "form is 'joined'; it must be explicit or decoupled"),
            ({"content": (8, 0)}, "widths must be at least 1"),
        ],
    )
    def test_settings_that_cannot_be(self, settings: Any, told: str) -> None:
        with pytest.raises(InputError, match=re.escape(told)):
            ArtAdapterConfig(**settings)
