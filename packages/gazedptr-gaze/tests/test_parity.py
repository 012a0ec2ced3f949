"""The golden cases of the published networks, in double precision, on all paths; everything else rests on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gazedptr_gaze import GazeConfig, GazeDPTR, GazeDPTRV2, GazeOutput, GazePTR, load_published
from gazedptr_gaze.network.fast import for_inference
from gazedptr_gaze.network.losses import training_losses
from gazedptr_gaze.network.model import GazeNetwork
from gazedptr_gaze.network.projection import tri_plane_points
from gazedptr_gaze.network.published import read_published, to_published
from gazedptr_gaze.network.reference import as_reference
from visioncore.errors import InputError
from visioncore.testing import deterministic
from visioncore.testing.golden import GoldenCase
from visioncore.weights.state_dicts import load_into

CLASSES: dict[str, type[GazeNetwork]] = {"gazeptr": GazePTR, "gazedptr": GazeDPTR, "gazedptr_v2": GazeDPTRV2}
Load = Callable[[str], Any]


@pytest.fixture(scope="module")
def networks(layouts: dict[str, Any], fill: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Gives a network in float64 with the golden weights, from a file as the authors write it."""
    made: dict[str, Any] = {}

    def network(variant: str) -> Any:
        if variant not in made:
            path = tmp_path_factory.mktemp("published") / "theirs.pt"
            torch.save({"state_dict": {f"module.{n}": t for n, t in fill(layouts[variant]).items()}}, path)
            model = CLASSES[variant]().double().eval()
            load_into(model, read_published(path), where=str(path))
            made[variant] = model
        return made[variant]

    return network


def inputs_of(case: GoldenCase, prefix: str = "") -> dict[str, Tensor]:
    """Return the inputs of a case by the names of the network's arguments."""
    specs = {name.removeprefix(prefix): spec for name, spec in case.about["inputs"].items() if name.startswith(prefix)}

    def made(name: str) -> Tensor:
        spec = specs[name]
        if "npz" in spec:
            return torch.from_numpy(case.outputs[spec["npz"]])
        cells = deterministic.uniform_input(spec["tag"], spec["cells"])
        height, width = spec["shape"][2:]
        return torch.from_numpy(cells.repeat(spec["repeat"], 2).repeat(spec["repeat"], 3)[:, :, :height, :width])

    names = {"norm_face": "normalised", "origin_face": "original", "norm_cam": "to_camera", "gaze_origin": "origin"}
    inputs = {ours: made(theirs) for theirs, ours in names.items() if theirs in specs}
    if "pos" in specs:
        position = made("pos")
        assert torch.equal(position[:, 0], torch.tensor([0.0, 0, 1]).double().expand(len(position), -1))
        inputs["axis"] = position[:, 1]
    order = ("normalised", "original", "axis", "to_camera", "origin")
    return {name: inputs[name] for name in order if name in inputs}


def seen(model: nn.Module) -> dict[str, Tensor]:
    """Return a mapping that the model's next call fills with what its parts return, by the names of the cases."""
    kept: dict[str, Any] = {}

    def keep(name: str, change: Callable[[Any], Any]) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, value: Any) -> None:
            kept[name] = change(value)

        return hook

    def stage_of(number: int) -> Callable[[Any], Any]:
        return lambda stages: stages[number].clone()

    for name, module in model.named_modules():
        published = {"normalised": "bnorm", "original": "borigin"}.get(name.partition(".")[0])
        if published and name.endswith(".trunk"):
            for stage in range(4):
                module.register_forward_hook(keep(f"{published}/stage{stage + 1}", stage_of(stage)))
        elif published and name.endswith(".pyramid"):
            module.register_forward_hook(keep(f"{published}/pyramid", lambda v: v))
        elif published and name.endswith(".transformer"):
            module.register_forward_hook(keep(f"{published}/feature", lambda v: v if len(v) > 1 else v[0]))
        elif name == "pose.encoder.norm":
            module.register_forward_hook(keep("fused", lambda v: v.transpose(0, 1)))
        elif name == "zones.points_transformer":
            module.register_forward_hook(keep("triple_feature", lambda v: v[0]))
        elif name == "zones.joint_transformer":
            module.register_forward_hook(keep("zone_feature", lambda v: v[0]))
    return kept


def check_output(case: GoldenCase, out: GazeOutput) -> set[str]:
    """Hold an output against a case; return the names of what was compared."""
    values = {"gaze": out.gaze, "aux_norm": out.normalised_gazes, "aux_origin": out.original_gazes}
    if out.zone_logits is not None:
        values |= {f"zone_logits{head + 1}": out.zone_logits[head] for head in range(3)}
        values |= {"points": out.points, "zone": out.zone_logits[1].argmax(-1)}
    found = {name: value for name, value in values.items() if value is not None}
    for name, value in found.items():
        case.close(name, value)
    return set(found)


@pytest.mark.parametrize("variant", CLASSES)
@torch.no_grad()
def test_published_network(variant: str, networks: Load, golden: Callable[[str], GoldenCase]) -> None:
    case = golden(f"{variant}_full")
    model, inputs = networks(variant), inputs_of(case).values()
    reference = as_reference(model)
    parts = seen(reference)
    compared = check_output(case, reference(*inputs, auxiliary=True))
    for name, value in parts.items():
        case.close(name, value)
    assert compared | parts.keys() == case.about["outputs"].keys()
    assert check_output(case, model(*inputs, auxiliary=True)) == compared
    fast = for_inference(model, torch.device("cpu"), torch.float64)
    assert check_output(case, fast(*inputs, auxiliary=True)) == compared


@pytest.mark.parametrize("variant", CLASSES)
@torch.no_grad()
def test_fast_path_is_the_reference(variant: str, networks: Load, golden: Callable[[str], GoldenCase]) -> None:
    model, inputs = networks(variant), inputs_of(golden(f"{variant}_full"))
    fast, reference = for_inference(model, torch.device("cpu"), torch.float64), as_reference(model)
    for path in (fast, model):
        found, expected = (network(*inputs.values(), auxiliary=True) for network in (path, reference))
        for name in ("gaze", "normalised_gazes", "original_gazes", "points"):
            if (value := getattr(expected, name)) is not None:
                torch.testing.assert_close(getattr(found, name), value, rtol=0, atol=1e-10, msg=name)
    single = [tensor.float() for tensor in inputs.values()]
    gaze = reference(*inputs.values()).gaze.float()
    for dtype, atol in ((torch.float32, 1e-5), (torch.bfloat16, 0.05)):
        coarse = for_inference(model, torch.device("cpu"), dtype)(*single).gaze
        torch.testing.assert_close(coarse, gaze, rtol=0, atol=atol)


@torch.no_grad()
def test_modules(networks: Load, golden: Callable[[str], GoldenCase], make_input: Callable[..., Tensor]) -> None:
    case, model = golden("modules"), networks("gazedptr_v2")
    given: dict[str, Any] = {
        name: make_input(spec) if "npz" not in spec and "cells" not in spec else None
        for name, spec in case.about["inputs"].items()
    }
    given |= {
        name: torch.from_numpy(case.outputs[f"input/{name}"])
        for name, value in given.items()
        if value is None and name != "image"
    }
    spec = case.about["inputs"]["image"]
    cells = deterministic.uniform_input(spec["tag"], spec["cells"])
    height, width = spec["shape"][2:]
    image = torch.from_numpy(cells.repeat(16, 2).repeat(16, 3)[:, :, :height, :width])
    paths: tuple[Any, ...] = (
        model,
        as_reference(model),
        for_inference(model, torch.device("cpu"), torch.float64).network,
    )
    for network in paths:
        found: dict[str, Tensor] = {}
        stream, pose, zones = network.normalised, network.pose, network.zones
        found |= {f"base_model/stage{n}": stage for n, stage in enumerate(stream.trunk(image), start=1)}
        found |= {f"mle/level{n}": level(given[f"level{n}"]) for n, level in enumerate(stream.pyramid.levels)}
        found["transformer/one_cls"] = stream.transformer(given["tokens4"])[0]
        found["transformer/two_cls"] = network.original.transformer(given["tokens4"])
        layer = stream.transformer.encoder.layers[0]
        found["layer0"] = layer(given["tokens5"].transpose(0, 1), given["pos5"][None]).transpose(0, 1)
        found["encoding"] = network.code(given["pos"])
        found["pos_encode"] = pose.encode(given["pos"])
        x = given["tokens2"].transpose(0, 1)
        positions = pose.positions(given["pos"][:, 1])
        found["ptrans"] = torch.stack([pose.encoder(x, positions, token) for token in (0, 1)])
        torch.testing.assert_close(pose(*given["tokens2"], given["pos"][:, 1]), found["ptrans"][1], rtol=0, atol=1e-12)
        found["points"] = tri_plane_points(given["gaze"], given["gaze_origin"], given["norm_cam"])
        found["points_no_rotation"] = tri_plane_points(given["gaze"], given["gaze_origin"])
        found["point_tokens"] = zones.point_tokens(given["points_in"])
        found["tripleTrans"] = zones.points_transformer(found["point_tokens"])[0]
        found["zoneTrans"] = zones.joint_transformer(given["tokens2"])[0]
        for name, value in found.items():
            case.close(name, value)
        assert found.keys() == case.about["outputs"].keys()


@pytest.mark.parametrize("variant", CLASSES)
def test_losses(variant: str, networks: Load, golden: Callable[[str], GoldenCase]) -> None:
    case, model = golden("losses"), networks(variant)
    normalised, original = (torch.from_numpy(case.outputs[f"input/{name}Gaze"]) for name in ("norm", "origin"))
    zone = torch.from_numpy(case.outputs["input/zone"])[:, 0]
    zones = variant == "gazedptr_v2"

    def parts(out: GazeOutput) -> Tensor:
        terms = training_losses(out, normalised, original, zone)
        order = ("gaze", "zone", "original", "normalised")
        return torch.stack([terms.get(name, torch.zeros((), dtype=torch.float64)) for name in order])

    model.zero_grad()
    terms = parts(model(*inputs_of(case, f"{variant}/").values(), auxiliary=True))
    terms.sum().backward()
    case.close(f"{variant}/parts", terms)
    case.close(f"{variant}/total", terms.sum())
    for theirs, ours in zip(to_published(model), model.state_dict(), strict=True):
        if (key := f"{variant}/grad/{theirs}") in case.outputs:
            spec = case.about["outputs"][key]
            gradient = model.get_parameter(ours).grad
            np.testing.assert_allclose(gradient.flatten()[:64], case.outputs[key], rtol=spec["rtol"], atol=spec["atol"])
            assert float(gradient.square().mean().sqrt()) == pytest.approx(
                spec["grad_rms"], rel=1e-3 if zones else 1e-6
            )
    assert all(parameter.grad is not None for parameter in model.parameters())
    model.zero_grad()


def test_a_file_with_another_number_of_zones(tmp_path: Path) -> None:
    model = GazeDPTRV2(GazeConfig("gazedptr_v2", zones=30))
    torch.save(to_published(model), tmp_path / "theirs.pt")
    for again in (load_published(tmp_path / "theirs.pt"), GazeDPTRV2.from_published(tmp_path / "theirs.pt")):
        assert again.config.zones == 30
        assert torch.equal(again.get_parameter("zones.heads.2.bias"), model.get_parameter("zones.heads.2.bias"))


@pytest.mark.parametrize("variant", CLASSES)
def test_to_published_names_and_back(
    variant: str, networks: Load, layouts: dict[str, Any], fill: Callable[..., Any], tmp_path: Path
) -> None:
    back, expected = to_published(networks(variant)), fill(layouts[variant])
    assert back.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(back[name], tensor), name
    torch.save(back, tmp_path / "back.pt")
    again = load_published(tmp_path / "back.pt")
    assert type(again) is CLASSES[variant]
    assert torch.equal(
        again.get_parameter("gaze_head.weight").double(), networks(variant).gaze_head.weight.float().double()
    )
    other = next(network for name, network in CLASSES.items() if name != variant)
    with pytest.raises(InputError, match=f"holds {variant}, not {other.variant}"):
        other.from_published(tmp_path / "back.pt")
    torch.save(back | {"left_over": torch.zeros(1)}, tmp_path / "more.pt")
    with pytest.raises(InputError, match="left_over"):
        load_published(tmp_path / "more.pt")
