"""The fast path against the plain one in double precision, and the shapes of the bases in use; all rests on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0, SlicedAttnProcessor
from tiny_injector import tiny_injector
from torch import Tensor

from anyscene_compose.method import METHOD
from anyscene_compose.network.acting import Acting
from anyscene_compose.network.attention import ForegroundProjections, InjectedAttention
from anyscene_compose.network.config import VARIANTS, fitting
from anyscene_compose.network.examples import exported, facts
from anyscene_compose.network.examples import inputs as inputs_of
from anyscene_compose.network.fast import for_inference
from anyscene_compose.network.layout import Layout
from anyscene_compose.network.model import Injector
from anyscene_compose.network.reference import as_reference, injected_attention
from visioncore.diffusion.base import Kind
from visioncore.diffusion.switch import Switch
from visioncore.errors import InputError

PATH = "mid_block.attentions.0.transformer_blocks.0.attn2"
EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-12}


class TestAttention:
    """One layer of diffusers with ours on it: 2 elements, 3 tokens each, in an image of 4 x 6 places."""

    @pytest.fixture
    def given(self) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        shapes = {"hidden": (2, 24, 24), "text": (2, 7, 16), "tokens": (2, 3, 16)}
        drawn = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
        masks = torch.zeros(2, 32, 48)
        masks[0, 5:20, 9:30] = 1
        masks[1, 16:, 24:] = 0.1
        named = torch.zeros(2, 7, dtype=torch.bool)
        named[0, 2] = named[1, 2] = named[1, 4] = True
        return {**drawn, "masks": masks, "named": named}

    @pytest.fixture
    def attend(self, given: dict[str, Tensor]) -> Callable[..., tuple[Tensor, dict[str, Tensor]]]:
        torch.manual_seed(1)
        layer = Attention(24, cross_attention_dim=16, heads=3, dim_head=8).double().eval()
        projections = ForegroundProjections(16, 24).double()
        torch.nn.init.normal_(projections.to_v.weight)

        def run(before: Any, named: bool, scale: float) -> tuple[Tensor, dict[str, Tensor]]:
            switch: Switch[Acting] = Switch()
            layer.set_processor(InjectedAttention(PATH, projections, switch, before))
            layout = Layout(given["masks"], given["named"] if named else None)
            switch.acting = Acting(layout, given["tokens"], scale, (True,))
            weights = {**layer.state_dict(), **{f"processor.{k}": v for k, v in projections.state_dict().items()}}
            return layer(given["hidden"], encoder_hidden_states=given["text"]), weights

        return run

    @torch.no_grad()
    @pytest.mark.parametrize("named", [True, False])
    @pytest.mark.parametrize("scale", [1.0, 0.4, 0.0])
    @pytest.mark.parametrize("before", [AttnProcessor2_0(), AttnProcessor(), SlicedAttnProcessor(1)])
    def test_places_see_what_the_layout_says(
        self,
        given: dict[str, Tensor],
        attend: Callable[..., tuple[Tensor, dict[str, Tensor]]],
        before: Any,
        scale: float,
        named: bool,
    ) -> None:
        found, weights = attend(before, named, scale)
        # of an eighth of the pixels, by hand
        inside = torch.zeros(4, 6, 2, dtype=torch.bool)
        inside[0:3, 1:4, 0] = True
        inside[2:4, 3:6, 1] = True
        for image in range(2):
            expected = injected_attention(
                given["hidden"][image],
                given["text"][image],
                given["tokens"],
                weights,
                heads=3,
                scale=scale,
                inside=inside.flatten(0, 1),
                named=given["named"] if named else None,
            )
            torch.testing.assert_close(found[image], expected, **EXACT)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Injector]:
    """Makes an injector for a tiny base of a kind."""
    from visioncore.testing.tiny_base import tiny_components

    def make(kind: Kind, **settings: Any) -> Injector:
        injector: Injector = tiny_injector(tiny_components(tmp_path_factory.mktemp(kind), kind=kind), **settings)
        return injector

    return make


def inputs(model: Injector, images: int = 2) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    context = (images, 77, model.config.context) if model.config.form == "canny" else (2, 64, model.config.features)
    return {
        "latents": torch.randn(images, 4, 8, 10, generator=generator),
        "timestep": torch.tensor([501.0]),
        "condition": torch.rand(1, model.config.channels, 64, 80, generator=generator),
        "features": torch.randn(context, generator=generator),
    }


@torch.no_grad()
@pytest.mark.parametrize(
    ("kind", "form"), [("sd1", "anyscene"), ("sd2", "anyscene"), ("sdxl", "anyscene"), ("sd1", "canny")]
)
def test_tokens_and_residuals(made: Callable[..., Injector], kind: Kind, form: str) -> None:
    model = made(kind, form=form).double()
    # in float64 the timesteps' embedding alone is in float32, as in diffusers
    given = {name: tensor.double() for name, tensor in inputs(model).items()}
    expected = as_reference(model)(**given)
    assert len(expected) == 1 + (form == "anyscene") + len(model.control.controlnet_down_blocks)
    assert all(each.abs().max() > 1e-3 for each in expected)
    for found, wanted in zip(model(**given), expected, strict=True):
        torch.testing.assert_close(found, wanted, **EXACT)
    for dtype, atol in ((torch.float64, 1e-11), (torch.float32, 1e-5), (torch.bfloat16, 0.15)):
        for found, wanted in zip(for_inference(model, torch.device("cpu"), dtype)(**given), expected, strict=True):
            assert found.dtype == torch.promote_types(dtype, torch.float32)
            torch.testing.assert_close(found.double(), wanted, rtol=0, atol=atol * max(1, float(wanted.abs().max())))


PUBLISHED: dict[str, dict[str, Any]] = {
    "sd15": {"cross_attention_dim": 768, "attention_head_dim": 8},
    "sd21": {
        "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20],
        "use_linear_projection": True,
        "upcast_attention": True,
    },
    "sdxl": {
        "cross_attention_dim": 2048,
        "attention_head_dim": [5, 10, 20],
        "use_linear_projection": True,
        "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, 2, 10],
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
"""Settings of the published U-Nets that differ from diffusers' defaults."""


class TestLayouts:
    """Of the public weights that the method starts from."""

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_of_the_bases(self, name: str) -> None:
        with torch.device("meta"):
            unet = UNet2DConditionModel(**PUBLISHED[name])
            control = Injector(VARIANTS[name]).control
            theirs = ControlNetModel.from_unet(unet, conditioning_channels=5, load_weights_from_unet=False)
        config = VARIANTS[name]
        assert fitting(unet, 8) == {key: getattr(config, key) for key in ("context", "attention", "control")}
        shapes = {key: tensor.shape for key, tensor in theirs.state_dict().items()}
        assert {key: tensor.shape for key, tensor in control.state_dict().items()} == shapes
        ours, wanted = (json.loads(each.to_json_string()) for each in (control, theirs))
        # which may be one number for all blocks
        differ = {key for key, value in ours.items() if wanted[key] != value}
        assert differ <= {"attention_head_dim", "transformer_layers_per_block"}

    @pytest.mark.parametrize(("name", "layers"), [("sd15", 16), ("sd21", 16), ("sdxl", 70)])
    def test_of_cross_attention(self, name: str, layers: int) -> None:
        assert len(VARIANTS[name].attention) == layers

    @pytest.mark.parametrize("name", VARIANTS)
    def test_what_info_tells(self, name: str) -> None:
        told = facts(VARIANTS[name])
        assert told["network"] == name
        assert facts(replace(VARIANTS[name], width=24))["network"] == "no published variant"
        shapes = {key: tuple(tensor.shape) for key, tensor in inputs_of(VARIANTS[name]).items()}
        assert shapes["latents"] == (1, 4, 64, 64)
        assert shapes["condition"] == (1, VARIANTS[name].channels, 512, 512)

    def test_sizes_of_the_trained_parts(self) -> None:
        def parameters(module: torch.nn.Module) -> int:
            return sum(each.numel() for each in module.parameters())

        with torch.device("meta"):
            model, rival = Injector(), Injector(VARIANTS["sd15-canny"])
        # a published ControlNet of Stable Diffusion 1.5 takes three channels
        assert parameters(rival.control) + 2 * 9 * 16 == 361_279_120
        assert parameters(model.control) == parameters(rival) + 4 * 9 * 16
        assert sum(parameters(each) for each in model.projections.values()) == pytest.approx(19.17e6, rel=1e-3)
        assert {name.partition(".")[0] for name, _ in rival.named_parameters()} == {"control"}
        assert model.control.dtype == torch.float32


def test_what_is_exported(made: Callable[..., Injector]) -> None:
    model = made("sd1")
    given = exported(model)
    assert given.network is not model
    with torch.no_grad():
        found = given.network(*given.inputs.values())
    names = [*METHOD.network.outputs[:2], *(f"down_{number}" for number in range(4))]
    assert list(METHOD.network.outputs[: len(found)]) == names
    with pytest.raises(InputError, match="the form canny is for comparison and is not exported"):
        exported(made("sd1", form="canny"))
