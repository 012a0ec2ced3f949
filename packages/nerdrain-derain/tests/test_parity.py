"""The golden cases of the published networks, by the published names, in float64, on both paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nerdrain_derain import VARIANTS, NeRDRain, NeRDRainConfig
from nerdrain_derain.inference.official_windows import run_windows
from nerdrain_derain.network.published import fill_from_published, published_name, to_published
from nerdrain_derain.network.reference import as_reference

both_paths = pytest.mark.parametrize("path", ["plain", "fast"])

OURS = {  # modules of the golden case `modules` and what they are called here
    "encoder_level1_small.0.norm1": "quarter_scale.encoder.level1.0.norm1",
    "encoder_level2_small.0.attn": "quarter_scale.encoder.level2.0.attention",
    "encoder_level2_small.0.ffn": "quarter_scale.encoder.level2.0.feed_forward",
    "latent_max2.1": "full_scale.unet2.encoder.latent.1",
    "down1_2_mid2": "half_scale.encoder2.down1",
    "up3_2_max3": "full_scale.decoder3.up2",
    "INR": "inr_quarter.decode",
    "BF2": "fuse_full2",
    "encoder_level2_small.0": "quarter_scale.encoder.level2",
}

Layouts = Mapping[str, Mapping[str, Any]]
Fill = Callable[[Mapping[str, Any]], dict[str, Tensor]]
MakeInput = Callable[[Mapping[str, Any]], Tensor]
Module = TypeVar("Module", bound=nn.Module)


def filled_model(config: NeRDRainConfig, state: dict[str, Tensor]) -> NeRDRain:
    model = NeRDRain(config).double().eval()
    fill_from_published(model, state, "golden case")
    return model


def on_path(module: Module, path: str) -> Module:
    return as_reference(module) if path == "plain" else module


def relative_error(value: Tensor, reference: Tensor) -> float:
    return float((value - reference).norm() / reference.norm())


@pytest.fixture(scope="module")
def nerd_rain(golden: Callable[[str], Any], fill: Fill) -> NeRDRain:
    return filled_model(VARIANTS["nerd-rain"], fill(golden("nerd_rain").about["layout"]))


@both_paths
@torch.no_grad()
def test_whole_network(nerd_rain: NeRDRain, golden: Callable[[str], Any], make_input: MakeInput, path: str) -> None:
    case, model = golden("nerd_rain"), on_path(nerd_rain, path)
    image = make_input(case.about["inputs"]["image"])
    inputs: list[Tensor] = []
    hook = model.get_submodule("half_scale.embed").register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    restored = model.restore(image)
    hook.remove()
    case.close("out_full", restored.full)
    case.close("out_half", restored.half)
    case.close("out_quarter", restored.quarter)
    case.close("inr_half", restored.first_half)
    case.close("inr_quarter", restored.first_quarter)
    case.close("inr_input_half", inputs[0] / 2)
    case.close("input_quarter", image[..., ::4, ::4])
    assert torch.equal(model(image), restored.full)


@both_paths
@pytest.mark.parametrize(
    "item",
    [
        "norm", "attention", "feed_forward", "transformer_block", "downsample", "upsample", "inr", "fusion", "cab_block"
    ],
)  # fmt: skip
def test_modules(golden: Callable[[str], Any], fill: Fill, make_input: MakeInput, item: str, path: str) -> None:
    case = golden("modules")
    spec = case.about["items"][item]
    model = NeRDRain(VARIANTS[spec["variant"]]).double().eval()
    names = [name for name in model.state_dict() if published_name(name) in spec["layout"]]
    assert len(names) == len(spec["layout"])
    state = fill(spec["layout"])
    if item == "cab_block":  # one slope for the whole network
        slope = fill({"encoder_level1_small.0.decoder_level1.0.body.1.weight": [1]})
        state |= {name: next(iter(slope.values())) for name in state if name.endswith("body.1.weight")}
    module_name = OURS[spec["module"]]
    module = model.get_submodule(module_name)
    module.load_state_dict({name.removeprefix(module_name + "."): state[published_name(name)] for name in names})
    with torch.no_grad():
        case.close(item, on_path(module, path)(*(make_input(spec) for spec in spec["inputs"])))


@both_paths
@torch.no_grad()
def test_windowed_inference(golden: Callable[[str], Any], fill: Fill, make_input: MakeInput, path: str) -> None:
    case = golden("nerd_rain_s_windowed")
    model = on_path(filled_model(VARIANTS["nerd-rain-s"], fill(case.about["layout"])), path)
    image = make_input(case.about["inputs"]["image"])
    restored = run_windows(model, image, size=case.about["config"]["win_size"], batch=4)
    case.close("restored", restored)
    case.close("restored_clamped", restored.clamp(0, 1))


@both_paths
@pytest.mark.parametrize(
    ("setting", "changes"),
    [
        ("no_inr", {"inr": "none"}),
        ("one_inr", {"inr": "quarter"}),
        ("fusion_sum", {"fusion": "sum"}),
        ("fusion_none", {"fusion": "none"}),
    ],
)
@torch.no_grad()
def test_ablations(
    layouts: Layouts,
    golden: Callable[[str], Any],
    fill: Fill,
    make_input: MakeInput,
    setting: str,
    changes: dict[str, Any],
    path: str,
) -> None:
    case = golden("ablations")
    config = replace(VARIANTS["nerd-rain-s"], **changes)
    layout = layouts["nerd-rain-s"]
    names = {published_name(name) for name in NeRDRain(config).state_dict()}
    assert not any(n.split(".")[0] in case.about["settings"][setting]["missing_modules"] for n in names)
    model = filled_model(config, fill({name: layout[name] for name in names}))
    case.close(setting, on_path(model, path)(make_input(case.about["inputs"]["image"])))


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_layout(layouts: Layouts, variant: str) -> None:
    """Every published tensor has a place of its shape, and goes back under its own name."""
    model = NeRDRain(VARIANTS[variant])
    ours = {name: list(tensor.shape) for name, tensor in to_published(model).items()}
    assert ours == layouts[variant]


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [("nerd-rain", 22_893_146), ("nerd-rain-s", 10_530_314), ("nerd-rain-mprnet", 22_983_411)],
)
def test_parameter_count(layouts: Layouts, variant: str, parameters: int) -> None:
    model = NeRDRain(VARIANTS[variant])
    assert sum(p.numel() for p in model.parameters()) == parameters
    dead = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert [published_name(name) for name in dead] == layouts["unused"][variant]


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_fast_path_agrees_with_plain_path(layouts: Layouts, variant: str, fill: Fill) -> None:
    layout = layouts[variant]
    state = fill(layout)
    if variant == "nerd-rain-mprnet":
        slope = state["encoder_level1_small.0.decoder_level1.0.body.1.weight"]
        state |= {name: slope for name in state if name.endswith(".body.1.weight")}
    model = filled_model(VARIANTS[variant], state)
    image = torch.rand(2, 3, 16, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fast, plain = model.restore(image), as_reference(model).restore(image)
    for name, value in fast._asdict().items():
        assert relative_error(value, getattr(plain, name)) < 1e-10, name


def test_bias_free_norm_agrees_with_plain_path() -> None:
    torch.manual_seed(0)
    config = NeRDRainConfig(dim=8, num_blocks=(1, 1, 1), norm="bias_free", inr_hidden=16)
    model = NeRDRain(config).double().eval()
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        assert relative_error(model(image), as_reference(model)(image)) < 1e-10


def test_fast_path_has_the_plain_gradients(tiny: NeRDRain) -> None:
    model = tiny.double().train()
    plain = as_reference(model)
    image = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    for network in (model, plain):
        network.restore(image).full.square().sum().backward()
    gradients = {name: p.grad for name, p in plain.named_parameters() if p.grad is not None}
    assert len(gradients) > 100
    for name, parameter in model.named_parameters():
        if name in gradients:
            assert parameter.grad is not None
            np.testing.assert_allclose(parameter.grad, gradients[name], rtol=1e-8, atol=1e-10, err_msg=name)
