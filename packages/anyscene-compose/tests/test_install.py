"""The injector on a base and off without a trace, in training, and in files."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import (
    AttnProcessor2_0,
    CustomDiffusionAttnProcessor2_0,
    IPAdapterAttnProcessor2_0,
    SlicedAttnProcessor,
)
from tiny_injector import tiny_injector
from torch import Tensor

from anyscene_compose import ControlConfig, Injector, InjectorConfig, Layout, load_model
from visioncore.diffusion.layers import cross_attention
from visioncore.errors import InputError

ACTING = (False, True)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tiny pipeline, which tests leave as it was."""
    from visioncore.testing.tiny_base import tiny_components

    return tiny_components(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def injector(pipeline: Any) -> Injector:
    made: Injector = tiny_injector(pipeline)
    return made


@pytest.fixture(scope="module")
def given(injector: Injector) -> dict[str, Any]:
    """A layout whose first element is named by token 3, tokens, and what the U-Net takes."""
    torch.manual_seed(0)
    masks = torch.zeros(2, 64, 64)
    masks[0, 8:40, 8:40] = masks[1, 40:] = 1
    named = torch.zeros(2, 77, dtype=torch.bool)
    named[0, 3] = True
    return {
        "layout": Layout(masks, named),
        "tokens": injector.tokens(torch.rand(2, 4, 16, 16)).detach(),
        "condition": torch.rand(1, 5, 64, 64),
        "latents": torch.randn(1, 4, 8, 8),
        "prompts": torch.randn(2, 77, 32),
    }


@torch.no_grad()
def run(unet: Any, given: dict[str, Any], prompts: Any = None, **options: Any) -> Tensor:
    prompts = given["prompts"] if prompts is None else prompts
    found: Tensor = unet(given["latents"].repeat(2, 1, 1, 1), 500, prompts, **options).sample
    return found


class TestInstalling:
    def processors(self, unet: Any) -> dict[str, Any]:
        return {path: id(processor) for path, processor in unet.attn_processors.items()}

    def test_nothing_of_it_stays(self, pipeline: Any, injector: Injector, given: dict[str, Any]) -> None:
        unet = pipeline.unet
        processors, state = self.processors(unet), copy.deepcopy(unet.state_dict())
        expected = run(unet, given)
        handle = injector.install(unet)
        assert unet.state_dict().keys() == state.keys()
        changed = {path for path, found in self.processors(unet).items() if found != processors[path]}
        assert changed == {f"{path}.processor" for path in injector.projections}
        assert torch.equal(run(unet, given), expected)
        with handle.acting(given["layout"], given["tokens"], parts=ACTING):
            assert not torch.allclose(run(unet, given), expected, atol=1e-3)
        handle.uninstall()
        assert self.processors(unet) == processors
        assert all(torch.equal(tensor, state[name]) for name, tensor in unet.state_dict().items())
        assert torch.equal(run(unet, given), expected)

    def test_on_other_processors(self, pipeline: Any, injector: Injector, given: dict[str, Any]) -> None:
        unet = copy.deepcopy(pipeline.unet)
        mask = torch.ones(2, 77, dtype=torch.bool)
        mask[:, 10:] = False
        found: dict[type, list[Tensor]] = {}
        for kind, processor in ((AttnProcessor2_0, AttnProcessor2_0()), (SlicedAttnProcessor, SlicedAttnProcessor(2))):
            unet.set_attn_processor(processor)
            before = self.processors(unet)
            handle = injector.install(unet)
            with handle.acting(given["layout"], given["tokens"], parts=ACTING, scale=0.7):
                found[kind] = [run(unet, given), run(unet, given, encoder_attention_mask=mask)]
            handle.uninstall()
            assert self.processors(unet) == before
        for one, other in zip(*found.values(), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
        whole, masked = found[AttnProcessor2_0]
        assert not torch.allclose(whole, masked, atol=1e-3)

    def test_beside_an_ip_adapter(self, pipeline: Any, injector: Injector, given: dict[str, Any]) -> None:
        unet = copy.deepcopy(pipeline.unet)
        torch.manual_seed(3)
        for layer in cross_attention(unet).values():
            layer.set_processor(IPAdapterAttnProcessor2_0(layer.inner_dim, 32, num_tokens=(4,), scale=[0.0]))

        def of_images(strength: float) -> Tensor:
            for layer in cross_attention(unet).values():
                processor = getattr(layer.processor, "before", layer.processor)
                processor.scale = [strength]
            unet.encoder_hid_proj = lambda images: images
            return run(unet, given, added_cond_kwargs={"image_embeds": [torch.ones(2, 1, 4, 32)]})

        unet.register_to_config(encoder_hid_dim_type="ip_image_proj")
        handle = injector.install(unet)
        plain = injector.install(pipeline.unet)
        with (
            handle.acting(given["layout"], given["tokens"], parts=ACTING),
            plain.acting(given["layout"], given["tokens"], parts=ACTING),
        ):
            torch.testing.assert_close(of_images(0.0), run(pipeline.unet, given), atol=1e-5, rtol=0)
            assert not torch.allclose(of_images(1.0), of_images(0.0), atol=1e-3)
        plain.uninstall()

    def test_processors_that_cannot_be_joined(self, pipeline: Any, injector: Injector, given: dict[str, Any]) -> None:
        class Own:
            def __call__(self, attn: Any, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
                return hidden_states

        unet = copy.deepcopy(pipeline.unet)
        unet.set_attn_processor({path: Own() for path in unet.attn_processors})
        handle = injector.install(unet)
        told = "Own on .*attn2 does not use the layer's own queries and output"
        with handle.acting(given["layout"], given["tokens"], parts=ACTING), pytest.raises(InputError, match=told):
            run(unet, given)

    def test_once_only_and_in_place(self, pipeline: Any, injector: Injector, given: dict[str, Any]) -> None:
        unet = copy.deepcopy(pipeline.unet)
        handle = injector.install(unet)
        with pytest.raises(InputError, match="an injector is on this U-Net already; uninstall it first"):
            injector.install(unet)
        unet.set_attn_processor(AttnProcessor2_0())
        told = "attention processors were replaced since"
        with pytest.raises(InputError, match=told), handle.acting(given["layout"], given["tokens"]):
            pass
        handle.uninstall()
        assert {type(each) for each in unet.attn_processors.values()} == {AttnProcessor2_0}

    @pytest.mark.parametrize("kind", ["sd2", "sdxl"])
    def test_other_bases_are_refused(self, injector: Injector, tmp_path: Path, kind: Any) -> None:
        from visioncore.testing.tiny_base import tiny_components

        other = tiny_components(tmp_path, kind=kind)
        before = self.processors(other.unet)
        with pytest.raises(InputError, match=r"the base has \d+ cross-attention layers, .*; this injector is for one"):
            injector.install(other.unet)
        assert self.processors(other.unet) == before
        assert injector.config != tiny_injector(other).config

    def test_a_base_with_other_tensors_on_it_is_no_start(self, pipeline: Any) -> None:
        changed = copy.copy(pipeline)
        changed.unet = copy.deepcopy(pipeline.unet)
        layer: Any = changed.unet.down_blocks[0].resnets[0]
        layer.conv1 = torch.nn.Sequential(layer.conv1)
        with pytest.raises(InputError, match=r"the base's down_blocks: .*conv1"):
            tiny_injector(changed)


class TestTraining:
    def gradients(
        self, pipeline: Any, given: dict[str, Any], *, trained: bool, recompute: bool = False
    ) -> dict[str, Tensor | None]:
        """Of one step with the loss of a base that is not trained."""
        unet = copy.deepcopy(pipeline.unet).requires_grad_(False)
        injector = tiny_injector(pipeline, trained=trained).train()
        if recompute:
            unet.train()
            unet.enable_gradient_checkpointing()
            injector.control.enable_gradient_checkpointing()
        handle = injector.install(unet)
        torch.manual_seed(1)
        tokens = injector.tokens(torch.rand(2, 4, 16, 16))
        with handle.acting(given["layout"], tokens):
            options = injector.residuals(given["latents"], 500, given["condition"], tokens)
            unet(given["latents"], 500, given["prompts"][:1], **options).sample.square().mean().backward()
        assert all(parameter.grad is None for parameter in unet.parameters())
        return {name: parameter.grad for name, parameter in injector.named_parameters()}

    def test_gradients_reach_what_is_trained(self, pipeline: Any, given: dict[str, Any]) -> None:
        found = self.gradients(pipeline, given, trained=True)
        assert {name for name, gradient in found.items() if gradient is None or not gradient.any()} == set()
        again = self.gradients(pipeline, given, trained=True, recompute=True)
        for name, gradient in found.items():
            torch.testing.assert_close(again[name], gradient, msg=name)

    def test_at_first_they_reach_what_is_zero(self, pipeline: Any, given: dict[str, Any]) -> None:
        found = self.gradients(pipeline, given, trained=False)
        moving = {name for name, gradient in found.items() if gradient is not None and gradient.any()}
        zero = {name for name in found if ".to_v." in name and not name.startswith("control.")}
        zero |= {name for name in found if name.startswith(("control.controlnet_down", "control.controlnet_mid"))}
        assert moving == zero

    def test_places_that_see_nothing_have_gradients_that_are_numbers(
        self, pipeline: Any, given: dict[str, Any]
    ) -> None:
        nowhere = Layout(torch.zeros(2, 64, 64))
        found = self.gradients(pipeline, {**given, "layout": nowhere}, trained=True)
        assert all(gradient is None or gradient.isfinite().all() for gradient in found.values())


class TestFiles:
    @pytest.mark.parametrize("form", ["anyscene", "canny"])
    def test_round_trip(self, pipeline: Any, tmp_path: Path, form: str) -> None:
        made = tiny_injector(pipeline, form=form)
        made.save_pretrained(tmp_path / "folder")
        made.save_file(tmp_path / "one.safetensors")
        for again in (load_model(tmp_path / "folder"), load_model(tmp_path / "one.safetensors")):
            assert again.config == made.config
            assert not again.training
            assert all(torch.equal(tensor, made.state_dict()[name]) for name, tensor in again.state_dict().items())
            assert again.state_dict().keys() == made.state_dict().keys()

    def test_a_loaded_one_computes_the_same(
        self, pipeline: Any, injector: Injector, given: dict[str, Any], tmp_path: Path
    ) -> None:
        injector.save_pretrained(tmp_path / "folder")
        found = []
        for each in (injector, Injector.from_pretrained(tmp_path / "folder")):
            handle = each.install(pipeline.unet)
            with torch.no_grad(), handle.acting(given["layout"], each.tokens(torch.ones(2, 4, 8, 8)), parts=ACTING):
                options = each.residuals(given["latents"], 500, given["condition"], given["tokens"], parts=2)
                found.append(run(pipeline.unet, given, **options))
            handle.uninstall()
        assert torch.equal(*found)

    def test_there_is_none_of_the_authors(self, tmp_path: Path) -> None:
        torch.save({"weight": torch.zeros(1)}, tmp_path / "theirs.pt")
        with pytest.raises(InputError, match=r"theirs\.pt: not an AnyScene checkpoint; the authors published none"):
            load_model(tmp_path / "theirs.pt")

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"tokens": 0}, "tokens is 0"),
            ({"width": 30, "heads": 4}, "width is 30; it must be a multiple of heads, 4"),
            ({"attention": ()}, "attention must name the base's cross-attention layers"),
            ({"form": "canny"}, "and none for canny"),
            ({"attention": (("mid_block.b", 4), ("mid_block.a", 4))}, "sorted by their paths"),
            ({"attention": (("resampler.layers", 4),)}, "resampler.layers: no layer of a U-Net"),
            ({"attention": (("mid_block..a", 4),)}, "no layer of a U-Net is such"),
            ({"encoder": "dino"}, "encoder is 'dino'; it must be clip or patches"),
        ],
    )
    def test_settings_that_cannot_be(self, settings: Any, told: str) -> None:
        with pytest.raises(InputError, match=re.escape(told)):
            InjectorConfig(**settings)

    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            ({"heads": (8, 8)}, "control.heads is (8, 8); it must have one entry for each block"),
            ({"layers": 0}, "control.layers is 0; it must be at least 1"),
            ({"ladder": ()}, "control.ladder is (); it must be at least 1"),
            ({"groups": 10_000}, "control.groups is 10000; it must be at most 1024"),
            ({"pooled": 1280}, "control.pooled is 1280 and sizes 0; both are 0 except for XL"),
        ],
    )
    def test_routes_that_cannot_be(self, settings: Any, told: str) -> None:
        with pytest.raises(InputError, match=re.escape(told)):
            ControlConfig(**settings)


def test_a_form_for_comparison_reads_the_prompt(pipeline: Any, given: dict[str, Any]) -> None:
    made = tiny_injector(pipeline, form="canny")
    assert made.projections == {}
    edges, twice = given["condition"][:, :1], given["latents"].repeat(2, 1, 1, 1)
    with torch.no_grad():
        expected = run(pipeline.unet, given)
        handle = made.install(pipeline.unet)
        assert torch.equal(run(pipeline.unet, given), expected)
        options = made.residuals(twice, 500, edges, given["prompts"])
        assert not torch.allclose(run(pipeline.unet, given, **options), expected, atol=1e-3)
        handle.uninstall()
    one, other = options["mid_block_additional_residual"]
    assert not torch.allclose(one, other, atol=1e-4)


def test_a_processor_with_weights_of_its_own_is_kept(pipeline: Any, injector: Injector, given: dict[str, Any]) -> None:
    unet = copy.deepcopy(pipeline.unet)
    for layer in cross_attention(unet).values():
        layer.set_processor(
            CustomDiffusionAttnProcessor2_0(hidden_size=layer.inner_dim, cross_attention_dim=32, train_q_out=False)
        )
    handle = injector.install(unet)
    before = run(unet, given)
    # it takes no mask of a prompt that is longer or shorter than the queries
    with handle.acting(Layout(given["layout"].masks), given["tokens"], parts=ACTING):
        found = run(unet, given)
    assert torch.equal(found[0], before[0])
    assert not torch.allclose(found[1], before[1], atol=1e-3)
