"""The golden cases in double precision on all paths, and the layouts of the public weights; all else rests on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0, SlicedAttnProcessor
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from artadapter_style.network import reference
from artadapter_style.network.acting import Acting, SameEverywhere
from artadapter_style.network.attention import DecoupledAttention, ExplicitAttention, StyleProjections
from artadapter_style.network.config import LEVELS, VARIANTS, ArtAdapterConfig
from artadapter_style.network.content import ContentAdapter
from artadapter_style.network.examples import facts
from artadapter_style.network.fast import for_inference
from artadapter_style.network.model import ArtAdapter
from artadapter_style.network.prompts import encode_prompt
from artadapter_style.network.published import to_t2i_adapter
from artadapter_style.network.reference import as_reference
from artadapter_style.network.statistics import adain_distance, gram, mean_std
from visioncore.backbones.vgg import VGG19
from visioncore.diffusion import schedule as diffusion
from visioncore.diffusion.losses import denoising_loss
from visioncore.diffusion.switch import Switch
from visioncore.testing.golden import GoldenCase
from visioncore.weights.state_dicts import load_into

Golden = Callable[[str], GoldenCase]
Make = Callable[[Any], Tensor]
Fill = Callable[[Any], dict[str, Tensor]]

PATH = "mid_block.attentions.0.transformer_blocks.0.attn2"


def inputs(case: GoldenCase, make_input: Make) -> dict[str, Tensor]:
    return {name: make_input(spec) for name, spec in case.about["inputs"].items()}


class TestStatistics:
    def test_of_maps(self, golden: Golden, make_input: Make) -> None:
        case = golden("style_statistics")
        given = inputs(case, make_input)
        mean, std = mean_std(given["map"])
        case.close("mean", mean)
        case.close("std", std)
        case.close("gram", gram(given["map"]))
        case.close("adain_distance", adain_distance(given["map"], given["map2"]))

    @torch.no_grad()
    def test_of_an_image(self, golden: Golden, make_input: Make, fill: Fill) -> None:
        case = golden("style_statistics")
        model = ArtAdapter(ArtAdapterConfig(attention=((PATH, 4),), hidden=4)).double().eval()
        load_into(model.vgg, fill(case.about["layout"]["tensors"]), where="golden")
        image = inputs(case, make_input)["image"]
        for statistics in (model.style_statistics, as_reference(model).statistics):
            found = statistics(image)
            assert list(found) == list(LEVELS)
            for level in LEVELS:
                case.close(level, found[level])

    @torch.no_grad()
    def test_tokens_of_an_image(self) -> None:
        torch.manual_seed(0)
        config = ArtAdapterConfig(
            layers=(("relu1_2", "relu2_1"), ("relu3_1",), ("relu4_1",)),
            attention=((PATH, 4),),
            hidden=16,
            width=12,
            vgg_width=4,
            vgg_seed=3,
        )
        model = ArtAdapter(config).double().eval()
        image = torch.rand(2, 3, 24, 40, dtype=torch.float64)
        expected = as_reference(model)(image)
        assert expected.shape == (2, 9, 12)
        torch.testing.assert_close(model(image), expected, rtol=1e-9, atol=1e-12)
        for dtype, atol in ((torch.float64, 1e-12), (torch.float32, 1e-6), (torch.bfloat16, 1e-3)):
            fast = for_inference(model, torch.device("cpu"), dtype)(image)
            assert fast.dtype == torch.promote_types(dtype, torch.float32)
            torch.testing.assert_close(fast.double(), expected, rtol=0, atol=atol)


class TestPrompts:
    @torch.no_grad()
    def test_with_and_without_style(self, golden: Golden, make_input: Make, fill: Fill) -> None:
        case = golden("style_prompt")
        about = case.about["config"]
        encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=about["vocab"],
                hidden_size=about["width"],
                intermediate_size=about["mlp"],
                num_hidden_layers=about["layers"],
                num_attention_heads=about["heads"],
                max_position_embeddings=about["context"],
            )
        )
        bare = not any(name.startswith("text_model.") for name in encoder.state_dict())
        state = {
            name.removeprefix("text_model.") if bare else name: tensor
            for name, tensor in fill(case.about["layout"]["tensors"]).items()
        }
        load_into(encoder.double().eval(), state, where="golden")
        style = 0.5 * inputs(case, make_input)["style"]
        count = about["n_style"]
        styled = encode_prompt(encoder, self.ids(about, about["context"] - count), style)
        case.close("style_out", styled[:, 1 : 1 + count])
        case.close("text_out", torch.cat((styled[:, :1], styled[:, 1 + count :]), dim=1))
        case.close("plain_out", encode_prompt(encoder, self.ids(about, about["context"])))

    def ids(self, about: Mapping[str, Any], length: int) -> Tensor:
        begin, end = about["vocab"] - 2, about["vocab"] - 1
        texts = [text[: length - 2] for text in about["texts"]]
        return torch.tensor([[begin, *text, *[end] * (length - 1 - len(text))] for text in texts])


class TestAttention:
    @pytest.fixture
    def case(self, golden: Golden) -> GoldenCase:
        return golden("explicit_adaptation")

    @pytest.fixture
    def given(self, case: GoldenCase, make_input: Make) -> dict[str, Tensor]:
        return inputs(case, make_input)

    @pytest.fixture
    def tensors(self, case: GoldenCase, fill: Fill) -> dict[str, Tensor]:
        return fill(case.about["layout"]["tensors"])

    @pytest.fixture
    def attend(self, case: GoldenCase, given: dict[str, Tensor], tensors: dict[str, Tensor]) -> Callable[..., Tensor]:
        """Runs an attention layer of diffusers with a processor of ours on it; style stands behind the first token."""
        layer = Attention(24, cross_attention_dim=16, heads=3, dim_head=8).double().eval()
        load_into(layer, {name: tensor for name, tensor in tensors.items() if "_style" not in name}, where="golden")
        projections = StyleProjections(16, 24).double()
        load_into(projections, {name: tensor for name, tensor in tensors.items() if "_style" in name}, where="golden")
        text, style = given["text"], given["style"]

        def run(form: type[ExplicitAttention], scales: Any, before: Any = None) -> Tensor:
            switch: Switch[Acting] = Switch()
            layer.set_processor(form(PATH, projections, switch, before or AttnProcessor2_0()))
            prompt = text
            if scales is not None:
                prompt = torch.cat((text[:, :1], style, text[:, 1:]), dim=1)
                switch.acting = Acting((True,), SameEverywhere(scales), LEVELS, 2)
            found: Tensor = layer(given["hidden"], encoder_hidden_states=prompt)
            return found

        return run

    @torch.no_grad()
    @pytest.mark.parametrize("before", [AttnProcessor2_0(), AttnProcessor(), SlicedAttnProcessor(1)])
    def test_explicit(self, case: GoldenCase, attend: Callable[..., Tensor], before: Any) -> None:
        scales = dict(zip(LEVELS, case.about["config"]["level_scales"], strict=True))
        case.close("explicit", attend(ExplicitAttention, 1.0, before))
        case.close("explicit_scaled", attend(ExplicitAttention, scales, before))
        case.close("text_only", attend(ExplicitAttention, 0.0, before))
        case.close("text_only", attend(ExplicitAttention, None, before))

    @torch.no_grad()
    def test_decoupled(self, case: GoldenCase, attend: Callable[..., Tensor]) -> None:
        case.close("decoupled", attend(DecoupledAttention, case.about["config"]["decoupled_scale"]))
        case.close("text_only", attend(DecoupledAttention, 0.0))

    def test_the_reference(self, case: GoldenCase, given: dict[str, Tensor], tensors: dict[str, Tensor]) -> None:
        layer = given["hidden"], given["style"], given["text"], tensors, 3
        case.close("explicit", reference.explicit_attention(*layer))
        logs = torch.tensor(case.about["config"]["level_scales"]).double().log().repeat_interleave(2)
        case.close("explicit_scaled", reference.explicit_attention(*layer, logs))
        none = torch.full((6,), -torch.inf)
        case.close("text_only", reference.explicit_attention(*layer, none))
        case.close("decoupled", reference.decoupled_attention(*layer, case.about["config"]["decoupled_scale"]))


def test_diffusion(golden: Golden, make_input: Make) -> None:
    case = golden("diffusion_steps")
    about, given, bars = case.about["config"], inputs(case, make_input), diffusion.alpha_bars()
    timesteps = diffusion.ddim_timesteps(about["N"])
    case.close("timesteps", timesteps)
    case.close("alpha_bar", bars[[0, 1, 100, 250, 500, 750, 999]])
    t = timesteps[given["step_index"]]
    noisy = diffusion.noisy(given["x0"], given["noise"], t, bars)
    case.close("noisy", noisy)
    uncond, text, both = given["uncond"], given["text"], given["text_and_style"]
    case.close("loss", denoising_loss(both, given["noise"]))
    guided = diffusion.guided(uncond, both, about["s"])
    case.close("guided", guided)
    case.close("guided_two", diffusion.guided_two(uncond, text, both, about["s_text"], about["s_style"]))
    case.close("ddim_prev", diffusion.ddim_previous(noisy, guided, t, about["N"], bars))


class TestLayouts:
    """Of the public weights that the method starts from."""

    def test_of_the_base(self, layouts: Any) -> None:
        layout = layouts["stable-diffusion-v1-5-unet-cross-attention"]
        suffix = ".to_q.weight"
        queries = {name.removesuffix(suffix): shape[0] for name, shape in layout.items() if name.endswith(suffix)}
        config = ArtAdapterConfig()
        assert dict(config.attention) == queries
        assert len(queries) == 16
        with torch.device("meta"):
            state = ArtAdapter(config).state_dict()
        for path in queries:
            for name in ("to_k", "to_v"):
                ours = state[f"{path}.processor.{name}_style.weight"]
                assert list(ours.shape) == layout[f"{path}.{name}.weight"]

    def test_of_vgg(self, layouts: Any) -> None:
        with torch.device("meta"):
            state = VGG19(last="relu5_4").state_dict()
        assert {name: list(tensor.shape) for name, tensor in state.items()} == layouts["vgg19-features"]

    def test_of_the_content_adapter(self, layouts: Any) -> None:
        with torch.device("meta"):
            content = ContentAdapter((320, 640, 1280, 1280))
        found = {f"adapter.{name}": list(tensor.shape) for name, tensor in content.state_dict().items()}
        assert found == layouts["t2i-adapter-full-sd15"]
        assert sum(parameter.numel() for parameter in content.parameters()) == pytest.approx(77.37e6, rel=1e-4)
        assert to_t2i_adapter(ContentAdapter((4, 8))).keys() < layouts["t2i-adapter-full-sd15"].keys()

    def test_info_tells_of_it_in_words(self) -> None:
        for name, config in VARIANTS.items():
            told = facts(config)
            assert told["network"] == name
            assert told["base"] == "16 cross-attention layers"
            assert not any("attn2" in text for text in told.values())
        assert facts(ArtAdapterConfig(hidden=16))["network"] == "no published variant"

    def test_sizes_of_the_trained_parts(self) -> None:
        with torch.device("meta"):
            model = ArtAdapter()
        counts = {
            name: sum(parameter.numel() for parameter in part.parameters())
            for name, part in (("encoder", model.style_encoder), *model.projections.items())
        }
        assert counts.pop("encoder") == pytest.approx(6.7e6, rel=0.01)
        assert sum(counts.values()) == pytest.approx(19.17e6, rel=1e-3)
        assert not any(parameter.requires_grad for parameter in model.vgg.parameters())
