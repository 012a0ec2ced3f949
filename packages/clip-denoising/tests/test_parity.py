"""The golden cases of the published networks, by the published names, in float64, on both paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clip_denoising import VARIANTS, CLIPDenoiser, CLIPDenoiserConfig
from clip_denoising.network.decoder import upsample
from clip_denoising.network.fast import for_inference
from clip_denoising.network.losses import training_losses
from clip_denoising.network.published import UNUSED, fill_from_published, to_published
from clip_denoising.training.config import load_train_recipe
from clip_denoising.training.schedule import cyclic_learning_rate
from clip_denoising.training.trainer import schedule_of
from visioncore.images import from_tensor
from visioncore.inference.tiling import run_whole

Fill = Callable[[Mapping[str, Any]], dict[str, Tensor]]
MakeInput = Callable[[Mapping[str, Any]], Tensor]
Golden = Callable[[str], Any]
Layouts = Mapping[str, Mapping[str, Any]]
both_paths = pytest.mark.parametrize("path", ["plain", "fast"])


def filled(config: CLIPDenoiserConfig, state: Mapping[str, Tensor]) -> CLIPDenoiser:
    model = CLIPDenoiser(config).double().eval()
    if not config.keep_layer4:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(UNUSED)}
    fill_from_published(model, state, "golden case")
    return model


def on_path(model: CLIPDenoiser, path: str) -> nn.Module:
    return model if path == "plain" else for_inference(model)


def statistics(model: CLIPDenoiser, name: str) -> tuple[Tensor, Tensor]:
    norm = model.encoder.get_submodule(name)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var


def relative_error(value: Tensor, reference: Tensor) -> float:
    return float((value - reference).norm() / reference.norm())


@pytest.fixture(scope="module")
def rgb_state(layouts: Layouts, fill: Fill) -> dict[str, Tensor]:
    return fill(layouts["rgb"])


@pytest.fixture(scope="module")
def rgb(rgb_state: dict[str, Tensor]) -> CLIPDenoiser:
    return filled(VARIANTS["synthetic"], rgb_state)


@torch.no_grad()
def test_features_and_blocks_of_the_rgb_network(rgb: CLIPDenoiser, golden: Golden, make_input: MakeInput) -> None:
    case = golden("rgb_full")
    image = make_input(case.about["inputs"]["x"])
    outputs: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda _, __, output: outputs.append(output)) for block in rgb.decoder.blocks]
    case.close("y", rgb(image))
    for hook in hooks:
        hook.remove()
    for index, output in enumerate(outputs):
        case.close(f"up_path_{index}", output)
    first, *features = rgb.features(image)
    assert torch.equal(first, image)
    for name, feature in zip(("stem", "layer1", "layer2", "layer3"), features, strict=True):
        case.close(f"feature_{name}", feature)


def test_the_rgb_network_on_the_fast_path(rgb: CLIPDenoiser, golden: Golden, make_input: MakeInput) -> None:
    case = golden("rgb_full")
    case.close("y", for_inference(rgb)(make_input(case.about["inputs"]["x"])))


@both_paths
@torch.no_grad()
def test_the_ct_network(layouts: Layouts, fill: Fill, golden: Golden, make_input: MakeInput, path: str) -> None:
    case = golden("ldct_full")
    model, x = filled(VARIANTS["ldct"], fill(layouts["ldct"])), make_input(case.about["inputs"]["x"])
    case.close("y", on_path(model, path)(x))
    case.close("after_first", model.features(x)[0])


@torch.no_grad()
def test_single_modules(rgb: CLIPDenoiser, golden: Golden, make_input: MakeInput) -> None:
    case = golden("blocks")
    inputs = {name: make_input(spec) for name, spec in case.about["inputs"].items()}
    encoder, blocks = rgb.encoder, rgb.decoder.blocks
    case.close("layer1_0", encoder.get_submodule("layer1.0")(inputs["bottleneck_in"]))
    case.close("layer2_0", encoder.get_submodule("layer2.0")(inputs["stride_in"]))
    case.close("layer2_1", encoder.get_submodule("layer2.1")(inputs["plain_in"]))
    case.close("up_path_0", blocks[0](inputs["deep_in"]))
    case.close("upsampled", upsample(inputs["up_in"]))
    case.close("up_path_3", blocks[3](inputs["up_in"], inputs["bridge_in"]))
    case.close("up_path_3_cropped", blocks[3](inputs["up_in"], inputs["bridge_odd_in"]))


@both_paths
@torch.no_grad()
def test_padded_prediction(rgb: CLIPDenoiser, golden: Golden, make_input: MakeInput, path: str) -> None:
    case = golden("padded_predict")
    x = make_input(case.about["inputs"]["x"])
    denoised = rgb.denoise(x) if path == "plain" else run_whole(for_inference(rgb), x, 32)
    case.close("y", denoised)
    spread = from_tensor((4 * denoised + 0.5).clamp(0, 1)).pixels[::3, ::3]
    np.testing.assert_array_equal(spread, case.outputs["y_uint8"])


def test_training_step(rgb_state: dict[str, Tensor], golden: Golden, make_input: MakeInput) -> None:
    case = golden("train_step")
    model = filled(replace(VARIANTS["synthetic"], aug_level=0), rgb_state).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=3e-4, betas=(0.9, 0.999), weight_decay=1e-4)
    x, target = (make_input(case.about["inputs"][name]) for name in ("x", "target"))
    output = model(x)
    case.close("y", output)
    loss = training_losses(output, target)["l1"]
    case.close("loss", loss[None])
    loss.backward()
    case.close("grad_norm", torch.nn.utils.clip_grad_norm_(trained, 0.01)[None])
    last = model.decoder.last.weight
    assert last.grad is not None
    case.close("grad_last_weight", last.grad)
    before = last.detach().clone()
    optimizer.step()
    case.close("last_weight_change", last.detach() - before)
    mean, variance = statistics(model, "layer3.5.bn3")
    case.close("encoder_layer3_5_bn3_running_mean", mean)
    case.close("encoder_layer3_5_bn3_running_var", variance)
    case.close("loss_after", training_losses(model(x), target)["l1"][None])
    # of this one norm, the case has the values after the batch went through a second time, and the mean before that
    for name, value in zip(("mean", "var"), statistics(model, "bn1"), strict=True):
        np.testing.assert_allclose(value, case.outputs[f"encoder_bn1_running_{name}"], rtol=1e-8, atol=1e-10)


@torch.no_grad()
def test_statistics_of_the_unused_stage(rgb_state: dict[str, Tensor], golden: Golden, make_input: MakeInput) -> None:
    case = golden("train_step")
    model = filled(replace(VARIANTS["synthetic"], aug_level=0, keep_layer4=True), rgb_state).train()
    model(make_input(case.about["inputs"]["x"]))
    mean, _ = statistics(model, "layer4.2.bn3")
    # norms over two values each, which blow rounding up
    np.testing.assert_allclose(mean[::8], case.outputs["encoder_layer4_2_bn3_running_mean"], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "recipe"), [("cyclic", "synthetic"), ("cyclic", "srgb"), ("cosine", "ldct")])
def test_schedules_of_the_recipes(golden: Golden, name: str, recipe: str) -> None:
    case = golden("schedule")
    rate = schedule_of(load_train_recipe(recipe))
    iterations = case.about["inputs"][f"{name}_iterations"]["values"]
    case.close(name, torch.tensor([rate(iteration - 1) for iteration in iterations], dtype=torch.float64))


def test_the_first_period_of_a_short_run_keeps_its_share() -> None:
    rates = [cyclic_learning_rate(step, 300, 3e-4, 1e-6) for step in range(300)]
    assert rates[92] == 3e-4 > rates[93]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1.1e-6


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_layout(layouts: Layouts, variant: str) -> None:
    """Every published tensor has a place of its shape, and goes back under its own name."""
    layout = layouts["ldct" if variant == "ldct" else "rgb"]
    whole = to_published(CLIPDenoiser(replace(VARIANTS[variant], keep_layer4=True)))
    assert {name: list(tensor.shape) for name, tensor in whole.items()} == layout
    assert len(layout) == (342 if variant == "ldct" else 341)


@pytest.mark.parametrize(
    ("variant", "used", "trained"), [("synthetic", 19_551_456, 10_988_928), ("ldct", 19_550_307, 10_987_779)]
)
def test_parameter_counts(variant: str, used: int, trained: int) -> None:
    model = CLIPDenoiser(variant)
    assert sum(parameter.numel() for parameter in model.parameters()) == used
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == trained


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [8, 64])
@torch.no_grad()
def test_fast_path_agrees_with_plain_path(channels: Any, width: int) -> None:
    torch.manual_seed(0)
    model = CLIPDenoiser(CLIPDenoiserConfig(channels=channels, width=width, blocks=(1, 2, 1, 1))).double()
    model.train()(torch.rand(2, channels, 32, 64, dtype=torch.float64))
    image = torch.rand(2, channels, 32, 96, dtype=torch.float64)
    assert relative_error(for_inference(model)(image), model.eval()(image)) < 1e-10
